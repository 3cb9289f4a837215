-- Retention: what must not expire, and how the words of a run go. The evidence of it, log_tombstones, stands beside the
-- seals, which cover it.

-- Nothing of a held run, or of a tenant that is held as a whole, expires or is deleted until the hold is released.
create table public.legal_holds (
  tenant_id uuid not null,
  id text not null,
  run_id text,
  reason text not null check (length(reason) between 1 and 1000),
  held_by text not null,
  held_at timestamptz not null,
  released_at timestamptz,
  released_by text not null default '',
  primary key (tenant_id, id)
);
comment on column public.legal_holds.run_id is 'Null: all that the tenant has.';
create index legal_holds_in_force on public.legal_holds (tenant_id, run_id) where released_at is null;
alter table public.legal_holds enable row level security;
alter table public.legal_holds force row level security;
revoke all on public.legal_holds from public, anon, authenticated, service_role;
grant select, insert, update (released_at, released_by) on public.legal_holds to authenticated;
create policy own_holds on public.legal_holds for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_holds on public.legal_holds for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy release_holds on public.legal_holds for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));

-- A document without its words: its figures and its status stay.
alter table public.documents
  add column removed_at timestamptz,
  add column removed_rule text not null default '';
create index documents_whole on public.documents (tenant_id, created_at) where removed_at is null;

create function app.is_held(tenant uuid, run text) returns boolean
language sql stable
set search_path = ''
as $$
  select exists (
    select from public.legal_holds as h
    where h.tenant_id = tenant and h.released_at is null and (h.run_id is null or h.run_id = run)
  )
$$;
revoke all on function app.is_held(uuid, text) from public;

-- The words of one run go, all or none, each row's behind a tombstone. The number of rows; 0 where there are none with
-- words; null where the run is held. The only way: app.refuse_log_change says why.
create function app.remove_words(tenant uuid, run text, why text, who text, moment timestamptz) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  gone integer;
begin
  -- whoever else removes them, or still writes to the run, comes before or after
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(run, 0));
  if app.is_held(tenant, run) then
    return null;
  end if;
  insert into public.log_tombstones (
    tenant_id, run_id, position, at, request, response, body, rule, removed_by, removed_at
  )
  select e.tenant_id, e.run_id, e.position, e.at, pg_catalog.sha256(e.request), pg_catalog.sha256(e.response),
    pg_catalog.sha256(pg_catalog.convert_to(e.body::text, 'UTF8')), why, who, moment
  from public.call_log as e
  where e.tenant_id = tenant and e.run_id = run and e.words;
  perform pg_catalog.set_config('chatsmart.removing', run, true);
  update public.call_log as e set request = '', response = '', body = app.removed_body(), words = false
  where e.tenant_id = tenant and e.run_id = run and e.words;
  get diagnostics gone = row_count;
  perform pg_catalog.set_config('chatsmart.removing', '', true);
  return gone;
end
$$;
revoke all on function app.remove_words(uuid, text, text, text, timestamptz) from public;
grant execute on function app.remove_words(uuid, text, text, text, timestamptz) to chatsmart_app;

-- Runs of a tenant that begun before a time and have their words, the oldest first. Left out: held ones, documents that
-- are being written, and runs that somebody gave a tombstone by hand (the seals complain of those; a sweep must not
-- stop at them).
create function app.runs_with_words(tenant uuid, before timestamptz, up_to integer) returns setof text
language sql stable security definer
set search_path = ''
as $$
  select e.run_id
  from public.call_log as e
  where e.tenant_id = tenant and e.kind = 'run' and e.words and e.at < before
    and not app.is_held(tenant, e.run_id)
    and not exists (
      select from public.documents as d
      where d.tenant_id = tenant and d.id = e.run_id and d.status = 'running')
    and not exists (
      select from public.log_tombstones as t
      where t.tenant_id = tenant and t.run_id = e.run_id)
  order by e.at
  limit up_to
$$;
revoke all on function app.runs_with_words(uuid, timestamptz, integer) from public;
grant execute on function app.runs_with_words(uuid, timestamptz, integer) to chatsmart_app;

-- The same runs without their words; the number of runs. One transaction: a sweep that dies leaves whole batches.
create function app.expire_words(
  tenant uuid, before timestamptz, why text, who text, moment timestamptz, up_to integer
) returns integer
language sql security definer
set search_path = ''
as $$
  select count(*)::integer
  from app.runs_with_words(tenant, before, up_to) as due (run)
  where app.remove_words(tenant, due.run, why, who, moment) > 0
$$;
revoke all on function app.expire_words(uuid, timestamptz, text, text, timestamptz, integer) from public;
grant execute on function app.expire_words(uuid, timestamptz, text, text, timestamptz, integer) to chatsmart_app;

-- The next tenant behind one, of all that have something that can expire. One look at each index.
create function app.tenant_after(known uuid) returns uuid
language sql stable
set search_path = ''
as $$
  select found.tenant_id
  from (
    (select tenant_id from public.call_log where tenant_id > known order by tenant_id limit 1)
    union all
    (select tenant_id from public.documents where tenant_id > known order by tenant_id limit 1)
    union all
    (select tenant_id from public.vault_entries where tenant_id > known order by tenant_id limit 1)
  ) as found
  order by found.tenant_id
  limit 1
$$;
revoke all on function app.tenant_after(uuid) from public;

-- Tenants behind one, in order: names only. A sweep walks through all of them, a page at a time.
create function app.tenants_kept(known uuid, up_to integer) returns setof uuid
language sql stable security definer
set search_path = ''
as $$
  with recursive hop (id) as (
    select app.tenant_after(known)
    union all
    select app.tenant_after(hop.id) from hop where hop.id is not null
  )
  select hop.id from hop where hop.id is not null limit up_to
$$;
revoke all on function app.tenants_kept(uuid, integer) from public;
grant execute on function app.tenants_kept(uuid, integer) to chatsmart_app;
