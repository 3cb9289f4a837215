-- Seals: a hash chain over each tenant's call log, so that a changed, missing or added row shows.
--
-- A seal covers every row whose transaction number lies in [from_xid, to_xid). The end is the oldest transaction still
-- running when it is made: all below it are over, so nothing can later commit into a sealed range. (A transaction that
-- stays open anywhere on the server holds sealing back; it never makes it wrong.)
--
--   entry      = sha256 of a JSON array of the row's columns, its words (request, response, body) by their own sha256,
--                see app.entry_digest
--   tombstone  = sha256 of a JSON array of its columns, see app.tombstone_digest
--   seal       = sha256( previous seal || JSON array [tenant, number, from, to, entries, at] || entries in order
--                || tombstones in order ); a tombstone stands under the seal of the time at which it was written
--
-- Because words are digested apart, they can be removed: the tombstone keeps their digests, the entry's digest is made
-- of those, and the seal over it fits as before. A row without words and without a tombstone, a tombstone of a row that
-- has its words, and a tombstone with other digests fit no seal.
--
-- A logical dump keeps the rows but starts transaction numbers anew: after such a move begin with `pg_resetwal -x`
-- past the last to_xid. pg_upgrade and physical copies keep the numbers.

create table public.log_seals (
  tenant_id uuid not null,
  number bigint not null check (number > 0),
  from_xid xid8 not null,
  to_xid xid8 not null,
  entries integer not null check (entries >= 0),
  previous bytea not null,
  digest bytea not null,
  at timestamptz not null,
  primary key (tenant_id, number)
);
alter table public.log_seals enable row level security;
alter table public.log_seals force row level security;
revoke all on public.log_seals from public, anon, authenticated, service_role;
grant select on public.log_seals to authenticated, service_role;
create policy own_seals on public.log_seals for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create trigger no_change before update or delete on public.log_seals
  for each row execute function app.refuse_change();
create trigger no_truncate before truncate on public.log_seals
  for each statement execute function app.refuse_change();

-- The last seal of each tenant, so that cutting seals off the end of the chain shows too.
create table public.log_heads (
  tenant_id uuid primary key,
  number bigint not null,
  to_xid xid8 not null,
  digest bytea not null
);
alter table public.log_heads enable row level security;
alter table public.log_heads force row level security;
revoke all on public.log_heads from public, anon, authenticated, service_role;
grant select on public.log_heads to authenticated, service_role;
create policy own_head on public.log_heads for select to authenticated
  using (tenant_id = (select public.current_tenant()));


-- Microseconds since 1970: a time as text would follow the session's time zone.
create function app.micros(at timestamptz) returns bigint
language sql immutable
set search_path = ''
as $$ select (extract(epoch from at) * 1000000)::bigint $$;

-- What stood in rows whose words were removed, and why they were. Written by app.remove_words alone, never changed.
create table public.log_tombstones (
  tenant_id uuid not null,
  run_id text not null,
  position integer not null,
  at timestamptz not null,
  request bytea not null check (length(request) = 32),
  response bytea not null check (length(response) = 32),
  body bytea not null check (length(body) = 32),
  rule text not null,
  removed_by text not null,
  removed_at timestamptz not null,
  xid xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, run_id, position)
);
comment on column public.log_tombstones.at is 'The time of the row itself; request, response and body are SHA-256 of its words.';
create index log_tombstones_newest on public.log_tombstones (tenant_id, removed_at desc);
create index log_tombstones_sealing on public.log_tombstones (tenant_id, xid);
alter table public.log_tombstones enable row level security;
alter table public.log_tombstones force row level security;
revoke all on public.log_tombstones from public, anon, authenticated, service_role;
grant select on public.log_tombstones to authenticated, service_role;
create policy own_tombstones on public.log_tombstones for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create trigger no_change before update or delete on public.log_tombstones
  for each row execute function app.refuse_change();
create trigger no_truncate before truncate on public.log_tombstones
  for each statement execute function app.refuse_change();

-- A row and its tombstone (null: it has none), digested. What is at odds has a digest that no seal was made over: its
-- input is no JSON array.
create function app.entry_digest(e public.call_log, t public.log_tombstones) returns bytea
language sql stable
set search_path = ''
as $$
  select pg_catalog.sha256(case
    when e.words <> (t.run_id is null)
      or not e.words and (
        e.request <> '' or e.response <> '' or e.body::text <> app.removed_body()::text or t.at <> e.at)
    then pg_catalog.convert_to('at odds with its tombstone', 'UTF8')
    else pg_catalog.convert_to(pg_catalog.json_build_array(
      e.tenant_id, e.run_id, e.position, app.micros(e.at), e.trace_id, e.kind, e.step, e.key, e.occurrence, e.attempt,
      e.leg, e.model, e.provider,
      pg_catalog.encode(case when e.words then pg_catalog.sha256(e.request) else t.request end, 'hex'),
      pg_catalog.encode(case when e.words then pg_catalog.sha256(e.response) else t.response end, 'hex'),
      pg_catalog.encode(case when e.words
        then pg_catalog.sha256(pg_catalog.convert_to(e.body::text, 'UTF8')) else t.body end, 'hex'),
      e.input_tokens, e.cache_read_tokens, e.cache_write_tokens, e.output_tokens, e.reasoning_tokens, e.searches,
      e.reported_cost_micros, e.provenance, e.cost_micros, e.finish, e.fault, e.first_token_ms, e.total_ms, e.actor
    )::text, 'UTF8')
  end)
$$;

create function app.tombstone_digest(t public.log_tombstones) returns bytea
language sql stable
set search_path = ''
as $$
  select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.json_build_array(
    'tombstone', t.tenant_id, t.run_id, t.position, app.micros(t.at), pg_catalog.encode(t.request, 'hex'),
    pg_catalog.encode(t.response, 'hex'), pg_catalog.encode(t.body, 'hex'), t.rule, t.removed_by,
    app.micros(t.removed_at)
  )::text, 'UTF8'))
$$;

-- The digests of a tenant's entries in one range, joined in the order that a seal fixes, those of its tombstones behind
-- them, and how many of either there are.
create function app.range_digests(
  tenant uuid, from_xid xid8, to_xid xid8, out entries bigint, out tombstones bigint, out digests bytea
)
language sql stable
set search_path = ''
as $$
  select e.n, t.n, coalesce(e.digests, ''::bytea) || coalesce(t.digests, ''::bytea)
  from (
    select
      count(*) as n,
      string_agg(app.entry_digest(r, s), ''::bytea order by r.xid, r.run_id collate "C", r.position, r.at) as digests
    from public.call_log as r
    left join public.log_tombstones as s
      on s.tenant_id = r.tenant_id and s.run_id = r.run_id and s.position = r.position
    where r.tenant_id = tenant and r.xid >= from_xid and r.xid < to_xid
  ) as e, (
    select
      count(*) as n,
      string_agg(app.tombstone_digest(s), ''::bytea order by s.xid, s.run_id collate "C", s.position) as digests
    from public.log_tombstones as s
    where s.tenant_id = tenant and s.xid >= from_xid and s.xid < to_xid
  ) as t
$$;

create function app.seal_digest(
  tenant uuid, number bigint, from_xid xid8, to_xid xid8, entries bigint, at timestamptz, previous bytea, digests bytea
) returns bytea
language sql stable
set search_path = ''
as $$
  select pg_catalog.sha256(
    previous
    || pg_catalog.convert_to(pg_catalog.json_build_array(
      tenant, number, from_xid::text, to_xid::text, entries, app.micros(at))::text, 'UTF8')
    || coalesce(digests, ''::bytea))
$$;

-- Seal what is committed and unsealed, at most about `up_to` entries at once with the tombstones written meanwhile; the
-- number of rows sealed.
create function app.seal(tenant uuid, sealed_at timestamptz, up_to integer default 10000) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  head public.log_heads;
  last_xid xid8;
  batch_end xid8;
  found record;
  fresh bytea;
begin
  insert into public.log_heads values (tenant, 0, '0', '') on conflict (tenant_id) do nothing;
  select * into head from public.log_heads as h where h.tenant_id = tenant for update;  -- one sealer at a time
  last_xid := pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot());
  select e.xid into batch_end from public.call_log as e
    where e.tenant_id = tenant and e.xid >= head.to_xid and e.xid < last_xid
    order by e.xid offset up_to limit 1;
  if batch_end is not null and not exists (
    select from public.call_log as e
    where e.tenant_id = tenant and e.xid >= head.to_xid and e.xid < batch_end
  ) then
    -- one transaction alone fills the batch: take it whole, and end before the next
    select min(e.xid) into batch_end from public.call_log as e
      where e.tenant_id = tenant and e.xid > batch_end and e.xid < last_xid;
  end if;
  last_xid := coalesce(batch_end, last_xid);
  select * into found from app.range_digests(tenant, head.to_xid, last_xid);
  if found.entries + found.tombstones = 0 then
    return 0;
  end if;
  fresh := app.seal_digest(
    tenant, head.number + 1, head.to_xid, last_xid, found.entries, sealed_at, head.digest, found.digests);
  insert into public.log_seals (tenant_id, number, from_xid, to_xid, entries, previous, digest, at)
    values (tenant, head.number + 1, head.to_xid, last_xid, found.entries, head.digest, fresh, sealed_at);
  update public.log_heads as h set number = head.number + 1, to_xid = last_xid, digest = fresh
    where h.tenant_id = tenant;
  return found.entries + found.tombstones;
end
$$;

-- Every seal beside what its rows give today, in order.
create function app.check_seals(tenant uuid) returns table (
  number bigint, before bigint, entries bigint, found bigint, linked boolean, fits boolean
)
language sql stable security definer
set search_path = ''
as $$
  select
    s.number,
    lag(s.number, 1, 0::bigint) over chain,
    s.entries::bigint,
    r.entries,
    s.previous = lag(s.digest, 1, ''::bytea) over chain and s.from_xid = lag(s.to_xid, 1, '0'::xid8) over chain,
    s.digest = app.seal_digest(
      s.tenant_id, s.number, s.from_xid, s.to_xid, s.entries, s.at, s.previous, r.digests)
  from public.log_seals as s
  cross join lateral app.range_digests(s.tenant_id, s.from_xid, s.to_xid) as r
  where s.tenant_id = tenant
  window chain as (order by s.number)
  order by s.number
$$;

-- The head of a tenant's chain, whether it is the last seal, the rows that no seal covers yet, and how many entries have
-- a tombstone in the place of their words.
create function app.check_head(tenant uuid) returns table (
  number bigint, fits boolean, unsealed bigint, tombstones bigint
)
language sql stable security definer
set search_path = ''
as $$
  select
    coalesce(h.number, 0),
    coalesce(h.number, 0) = coalesce(l.number, 0) and coalesce(h.digest, '') = coalesce(l.digest, ''),
    (select count(*) from public.call_log as e
      where e.tenant_id = tenant and e.xid >= coalesce(l.to_xid, '0'::xid8))
    + (select count(*) from public.log_tombstones as s
      where s.tenant_id = tenant and s.xid >= coalesce(l.to_xid, '0'::xid8)),
    (select count(*) from public.log_tombstones as s where s.tenant_id = tenant)
  from (values (tenant)) as t (id)
  left join public.log_heads as h on h.tenant_id = t.id
  left join lateral (
    select s.number, s.digest, s.to_xid from public.log_seals as s
    where s.tenant_id = t.id order by s.number desc limit 1
  ) as l on true
$$;

-- Tenants with committed rows that no seal covers. Hops from tenant to tenant along the index.
create function app.seals_due(up_to integer) returns setof uuid
language sql stable security definer
set search_path = ''
as $$
  with recursive hop (id) as (
    (select e.tenant_id from public.call_log as e order by e.tenant_id limit 1)
    union all
    select (select e.tenant_id from public.call_log as e where e.tenant_id > hop.id order by e.tenant_id limit 1)
    from hop where hop.id is not null
  )
  select hop.id
  from hop left join public.log_heads as h on h.tenant_id = hop.id
  where hop.id is not null and exists (
    select from public.call_log as e
    where e.tenant_id = hop.id and e.xid >= coalesce(h.to_xid, '0'::xid8)
    union all
    select from public.log_tombstones as s
    where s.tenant_id = hop.id and s.xid >= coalesce(h.to_xid, '0'::xid8)
  )
  limit up_to
$$;

revoke all on function app.micros(timestamptz) from public;
revoke all on function app.entry_digest(public.call_log, public.log_tombstones) from public;
revoke all on function app.tombstone_digest(public.log_tombstones) from public;
revoke all on function app.range_digests(uuid, xid8, xid8) from public;
revoke all on function app.seal_digest(uuid, bigint, xid8, xid8, bigint, timestamptz, bytea, bytea) from public;
revoke all on function app.seal(uuid, timestamptz, integer) from public;
revoke all on function app.check_seals(uuid) from public;
revoke all on function app.check_head(uuid) from public;
revoke all on function app.seals_due(integer) from public;
grant execute on function app.seal(uuid, timestamptz, integer) to chatsmart_app;
grant execute on function app.check_seals(uuid) to chatsmart_app;
grant execute on function app.check_head(uuid) to chatsmart_app;
grant execute on function app.seals_due(integer) to chatsmart_app;
