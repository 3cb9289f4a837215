-- name: put
-- Insert, or bring up to date. A new document's first beat is its creation; later ones come by `beat`.
insert into public.documents (
  tenant_id, id, trace_id, pipeline, status, created_at, finished_at, actor, given, text, data, steps, fault,
  cost_micros, budget_micros, simulated, version, parent_id, beat_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $6)
on conflict (tenant_id, id) do update set
  trace_id = excluded.trace_id, pipeline = excluded.pipeline, status = excluded.status,
  created_at = excluded.created_at, finished_at = excluded.finished_at, actor = excluded.actor,
  given = excluded.given, text = excluded.text, data = excluded.data, steps = excluded.steps,
  fault = excluded.fault, cost_micros = excluded.cost_micros, budget_micros = excluded.budget_micros,
  simulated = excluded.simulated, version = excluded.version, parent_id = excluded.parent_id

-- name: get
select
  tenant_id, id, trace_id, pipeline, status, created_at, finished_at, actor, given, text, data, steps, fault,
  cost_micros, budget_micros, simulated, version, parent_id, removed_at
from public.documents
where tenant_id = $1 and id = $2

-- name: listed
-- Newest first, past the document $2. A cursor that names nothing gives nothing.
select
  tenant_id, id, trace_id, pipeline, status, created_at, finished_at, actor, given, text, data, steps, fault,
  cost_micros, budget_micros, simulated, version, parent_id, removed_at
from public.documents
where tenant_id = $1
  and ($2::text is null or (created_at, id) < (
    select d.created_at, d.id from public.documents as d where d.tenant_id = $1 and d.id = $2))
  and ($4::text is null or pipeline = $4)
order by created_at desc, id desc
limit $3

-- name: beat
update public.documents set beat_at = $3 where tenant_id = $1 and id = $2 and status = 'running'

-- name: claim_orphans
-- Across tenants, so through a narrow function.
select tenant_id, run_id from app.claim_orphans($1, $2, $3, $4)
