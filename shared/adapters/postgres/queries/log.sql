-- name: append
-- Entries of one tenant in a transaction of their own, which is this statement: one round trip, the commit in it.
select app.append($1, $2, $3, $4, $5)

-- name: insert
-- The same rows inside a transaction that is the tenant's already (app.append in the migration says what they are).
insert into public.call_log (
  tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
  response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
  reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor
)
select
  $1::uuid, f.run_id, f.position, f.at, f.trace_id, f.kind, coalesce(f.step, ''), coalesce(f.key, ''),
  coalesce(f.occurrence, 0), coalesce(f.attempt, 0), coalesce(f.leg, 0), coalesce(f.model, ''),
  coalesce(f.provider, ''), f.request, f.response, f.body, f.input_tokens, f.cache_read_tokens, f.cache_write_tokens,
  f.output_tokens, f.reasoning_tokens, f.searches, f.reported_cost_micros, f.provenance, f.cost_micros,
  coalesce(f.finish, ''), coalesce(f.fault, ''), f.first_token_ms, f.total_ms, coalesce(f.actor, '')
from rows from (
  json_to_recordset($2) as (
    run_id text, position integer, at timestamptz, trace_id text, kind text, step text, key text, occurrence integer,
    attempt integer, leg integer, model text, provider text, input_tokens bigint, cache_read_tokens bigint,
    cache_write_tokens bigint, output_tokens bigint, reasoning_tokens bigint, searches bigint,
    reported_cost_micros bigint, provenance text, cost_micros bigint, finish text, fault text, first_token_ms integer,
    total_ms integer, actor text),
  unnest($3::json[]),
  unnest($4::bytea[]),
  unnest($5::bytea[])
) as f (
  run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, input_tokens,
  cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches, reported_cost_micros, provenance,
  cost_micros, finish, fault, first_token_ms, total_ms, actor, body, request, response)

-- name: tape
-- All entries of a run. The tenant is named for the index's sake; the policy confines anyway.
select
  tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
  response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
  reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor, words
from public.call_log
where tenant_id = $1 and run_id = $2
order by position

-- name: removal
-- Why a run's words are gone.
select rule, removed_at
from public.log_tombstones
where tenant_id = $1 and run_id = $2
order by position
limit 1

-- name: ensure_partitions
-- Months from this one on; across tenants, so through a narrow function.
select app.ensure_partitions($1)

-- name: spent
-- What a tenant's runs, or those of one key, cost in a span of time, for the ledger whose Redis was lost: the last row of each run.
select coalesce(sum(cost_micros), 0)::bigint
from public.call_log
where tenant_id = $1 and at >= $2 and at < $3 and kind = 'end' and ($4::text is null or actor = $4)

-- name: busy
-- Whether another run is under way, of a tenant that is not new: the first ones of one that is have lost nothing.
-- One whose words are gone has long ended.
select exists (
  select 1 from public.call_log as o where o.tenant_id = $1 and o.at >= $4 and o.at < $5
) and exists (
  select 1
  from public.call_log as r
  where r.tenant_id = $1 and r.at >= $2 and r.kind = 'run' and r.words and r.run_id <> $3
    and not exists (
      select 1 from public.call_log as e
      where e.tenant_id = r.tenant_id and e.run_id = r.run_id and e.kind = 'end'
    )
)

-- name: open_runs
-- Across tenants, so through a narrow function.
select tenant_id, run_id from app.open_runs($1, $2, $3)
