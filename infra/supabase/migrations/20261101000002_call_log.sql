-- The call log: at once audit, bill, eval corpus, resume and replay tape. Rows are added and never changed, but for one
-- thing: their words (request, response, body) go when a rule of retention says so. Then a tombstone keeps the digests
-- of what stood there, and the chain over the log verifies as before (see the seals).
--
-- `body` is json, not jsonb: json keeps the text as it was written (the order of keys, 1.0 beside 1, \u0000), and a
-- replay must give the same bytes.

create table public.call_log (
  tenant_id uuid not null,
  run_id text not null,
  position integer not null check (position > 0),
  at timestamptz not null,
  trace_id text not null,
  kind text not null check (kind in ('run', 'intent', 'outcome', 'effect', 'step', 'end')),
  step text not null default '',
  key text not null default '',
  occurrence integer not null default 0,
  attempt integer not null default 0,
  leg integer not null default 0,
  model text not null default '',
  provider text not null default '',
  request bytea not null default '',
  response bytea not null default '',
  body json not null default '{}',
  -- usage in tokens as the provider bills it; all null where the row has no usage
  input_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  searches bigint,
  reported_cost_micros bigint,
  provenance text check (provenance in ('provider', 'estimated', 'absent')),
  cost_micros bigint,
  finish text not null default '',
  fault text not null default '',
  first_token_ms integer,
  total_ms integer,
  actor text not null default '',
  -- false: request, response and body were removed; the tombstone of this row says when, why and by whom
  words boolean not null default true,
  -- the transaction that wrote the row: seals cover ranges of these, so that a late commit can't slip behind a seal
  xid xid8 not null default pg_current_xact_id()
) partition by range (at);
comment on column public.call_log.cost_micros is 'Micro-dollars. Null is unpriced, which blocks an invoice; it is not 0.';
create index call_log_newest on public.call_log (tenant_id, at desc);
create index call_log_sealing on public.call_log (tenant_id, xid);
create index call_log_ends on public.call_log (tenant_id, at) where kind = 'end';
create index call_log_words on public.call_log (tenant_id, at) where kind = 'run' and words;
-- The last one, because of indexes that look equally good the planner takes the youngest: on a month that is still
-- empty all do, and a plan made then is kept while the month fills. Any other would read all that a tenant has.
alter table public.call_log add primary key (tenant_id, run_id, position, at);
alter table public.call_log enable row level security;
alter table public.call_log force row level security;
revoke all on public.call_log from public, anon, authenticated, service_role;
grant select on public.call_log to authenticated, service_role;
-- every column but two: who writes a row can't choose under which seal it falls, nor say that its words are gone
grant insert (
  tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
  response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
  reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor
) on public.call_log to authenticated;
create policy own_entries on public.call_log for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_entries on public.call_log for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');


create function app.refuse_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op) using errcode = 'restrict_violation';
end
$$;
revoke all on function app.refuse_change() from public;

-- What is left of a row whose words were removed; the same for all, so that nothing can hide in it.
create function app.removed_body() returns json
language sql immutable
set search_path = ''
as $$ select '{"removed":true}'::json $$;
revoke all on function app.removed_body() from public;

-- The one change that a row may see: its words go, and nothing else of it changes. The update must come out of
-- app.remove_words, which alone sets the marker, as the owner of the table, and a tombstone with the digests of the
-- very words must be there already: words can't go without evidence, whoever asks.
create function app.refuse_log_change() returns trigger
language plpgsql
set search_path = ''
as $$
declare
  bare public.call_log := old;
begin
  if tg_op = 'UPDATE'
    and pg_catalog.current_setting('chatsmart.removing', true) = old.run_id
    and current_user = (select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class as c where c.oid = tg_relid)
    and old.words
  then
    bare.words := false;
    bare.request := '';
    bare.response := '';
    bare.body := app.removed_body();
    if bare::text = new::text and exists (
      select from public.log_tombstones as t
      where t.tenant_id = old.tenant_id and t.run_id = old.run_id and t.position = old.position and t.at = old.at
        and t.request = pg_catalog.sha256(old.request) and t.response = pg_catalog.sha256(old.response)
        and t.body = pg_catalog.sha256(pg_catalog.convert_to(old.body::text, 'UTF8'))
    ) then
      return new;
    end if;
  end if;
  raise exception 'call_log is append-only: % refused', pg_catalog.lower(tg_op) using errcode = 'restrict_violation';
end
$$;
revoke all on function app.refuse_log_change() from public;
-- Row triggers reach the partitions by themselves, statement triggers (truncate knows no other) do not.
create trigger no_change before update or delete on public.call_log
  for each row execute function app.refuse_log_change();
create trigger no_truncate before truncate on public.call_log
  for each statement execute function app.refuse_change();

-- A position is taken once. The primary key can't say so, because it must hold the partition's column too. Once for a
-- statement: rows of many runs are written by one.
create function app.one_entry_a_position() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Two writers of one run (a process thought dead, and whoever resumed its work) come one after the other: whoever
  -- is second sees the rows of the first. Locks in one order, or two statements with the same runs could hold each
  -- other up.
  perform pg_catalog.pg_advisory_xact_lock(one.lock)
  from (
    select distinct pg_catalog.hashtextextended(a.run_id, 0) as lock from added as a order by 1
  ) as one;
  -- 'offset 1' is the second row at a position; it also keeps the look-up one by one, by the primary key.
  if exists (
    select from added as a cross join lateral (
      select from public.call_log as e
      where e.tenant_id = a.tenant_id and e.run_id = a.run_id and e.position = a.position
      offset 1
    ) as other
  ) then
    raise exception 'a position of a run is taken' using errcode = 'unique_violation';
  end if;
  return null;
end
$$;
revoke all on function app.one_entry_a_position() from public;
create trigger one_entry_a_position after insert on public.call_log
  referencing new table as added
  for each statement execute function app.one_entry_a_position();

-- Rows of one tenant, all or none, in one statement and so in one round trip: it confines itself to the tenant as every
-- transaction of the app does, for as long as the transaction goes on. `facts` is a JSON array of objects, columns that
-- have their default left out; what JSON can't carry unchanged (bytes, and JSON text itself) stands in arrays beside it.
create function app.append(tenant uuid, facts json, bodies json[], requests bytea[], responses bytea[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config(
    'request.jwt.claims', pg_catalog.format('{"role":"authenticated","tenant_id":"%s"}', tenant), true);
  insert into public.call_log (
    tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
    response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
    reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor
  )
  select
    tenant, f.run_id, f.position, f.at, f.trace_id, f.kind, coalesce(f.step, ''), coalesce(f.key, ''),
    coalesce(f.occurrence, 0), coalesce(f.attempt, 0), coalesce(f.leg, 0), coalesce(f.model, ''),
    coalesce(f.provider, ''), f.request, f.response, f.body, f.input_tokens, f.cache_read_tokens,
    f.cache_write_tokens, f.output_tokens, f.reasoning_tokens, f.searches, f.reported_cost_micros, f.provenance,
    f.cost_micros, coalesce(f.finish, ''), coalesce(f.fault, ''), f.first_token_ms, f.total_ms,
    coalesce(f.actor, '')
  from rows from (
    json_to_recordset(facts) as (
      run_id text, position integer, at timestamptz, trace_id text, kind text, step text, key text,
      occurrence integer, attempt integer, leg integer, model text, provider text, input_tokens bigint,
      cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint, reasoning_tokens bigint,
      searches bigint, reported_cost_micros bigint, provenance text, cost_micros bigint, finish text, fault text,
      first_token_ms integer, total_ms integer, actor text),
    unnest(bodies),
    unnest(requests),
    unnest(responses)
  ) as f (
    run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches, reported_cost_micros,
    provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor, body, request, response);
end
$$;
revoke all on function app.append(uuid, json, json[], bytea[], bytea[]) from public;
grant execute on function app.append(uuid, json, json[], bytea[], bytea[]) to chatsmart_app;


-- Policies of the parent don't cover a partition that is named directly: partitions live in a schema that nobody is
-- let into, are granted to nobody, and have forced row-level security without a policy besides.
-- A row always has a place: what no month covers goes here.
create table app.call_log_rest partition of public.call_log default;
alter table app.call_log_rest enable row level security;
alter table app.call_log_rest force row level security;
revoke all on app.call_log_rest from public, anon, authenticated, service_role;
create trigger no_truncate before truncate on app.call_log_rest
  for each statement execute function app.refuse_change();

-- Months from this one to `ahead` months on; the number made. Safe to call at any time by any number of processes.
create function app.ensure_partitions(ahead integer default 3) returns integer
language plpgsql security definer
set search_path = ''
set lock_timeout = '2s'
set timezone = 'UTC'
as $$
declare
  month timestamptz;
  part text;
  made integer := 0;
begin
  perform pg_catalog.pg_advisory_xact_lock(7308332045230399);
  for step in 0 .. least(ahead, 24) loop
    month := pg_catalog.date_trunc('month', pg_catalog.now()) + pg_catalog.make_interval(months => step);
    part := 'call_log_' || pg_catalog.to_char(month, 'YYYY_MM');
    continue when pg_catalog.to_regclass('app.' || part) is not null;
    begin
      execute pg_catalog.format(
        'create table app.%I partition of public.call_log for values from (%L) to (%L)',
        part, month, month + pg_catalog.make_interval(months => 1));
      execute pg_catalog.format('alter table app.%I enable row level security', part);
      execute pg_catalog.format('alter table app.%I force row level security', part);
      execute pg_catalog.format('revoke all on app.%I from public, anon, authenticated, service_role', part);
      execute pg_catalog.format(
        'create trigger no_truncate before truncate on app.%I for each statement execute function app.refuse_change()',
        part);
      made := made + 1;
    exception
      -- rows of that month are already in call_log_rest, or traffic holds the lock: both are fine as they are
      when check_violation or lock_not_available then null;
    end;
  end loop;
  return made;
end
$$;
revoke all on function app.ensure_partitions(integer) from public;
grant execute on function app.ensure_partitions(integer) to chatsmart_app;
select app.ensure_partitions();


-- Runs of all tenants that were begun and never ended: their process died. Names only.
create index call_log_runs on public.call_log (at) where kind = 'run';
create function app.open_runs(kind text, before timestamptz, up_to integer)
returns table (tenant_id uuid, run_id text)
language sql stable security definer
set search_path = ''
as $$
  select r.tenant_id, r.run_id
  from public.call_log as r
  where r.kind = 'run'
    and r.at < before
    and r.at >= before - interval '1 day'
    and pg_catalog.starts_with(r.run_id, open_runs.kind || '_')
    and not exists (
      select from public.call_log as e
      where e.tenant_id = r.tenant_id and e.run_id = r.run_id and e.kind = 'end'
    )
  order by r.at
  limit up_to
$$;
revoke all on function app.open_runs(text, timestamptz, integer) from public;
grant execute on function app.open_runs(text, timestamptz, integer) to chatsmart_app;
