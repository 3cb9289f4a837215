-- name: append
-- One entry. Sent for many at once: one prepared statement, all rows in one packet.
insert into public.call_log (
  tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
  response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
  reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor
) values (
  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
  $26, $27, $28, $29, $30
)

-- name: tape
-- All entries of a run. The tenant is named for the index's sake; the policy confines anyway.
select
  tenant_id, run_id, position, at, trace_id, kind, step, key, occurrence, attempt, leg, model, provider, request,
  response, body, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, searches,
  reported_cost_micros, provenance, cost_micros, finish, fault, first_token_ms, total_ms, actor
from public.call_log
where tenant_id = $1 and run_id = $2
order by position

-- name: ensure_partitions
-- Months from this one on; across tenants, so through a narrow function.
select app.ensure_partitions($1)

-- name: spent
-- What a tenant's runs, or those of one key, cost in a span of time, for the ledger whose Redis was lost: the last row of each run.
select coalesce(sum(cost_micros), 0)::bigint
from public.call_log
where tenant_id = $1 and at >= $2 and at < $3 and kind = 'end' and ($4::text is null or actor = $4)

-- name: open_runs
-- Across tenants, so through a narrow function.
select tenant_id, run_id from app.open_runs($1, $2, $3)
