-- name: get
-- Through a narrow function: the sealed key can't be read off the table.
select tenant_id, base_url, key_sealed, key_hint, serve_percent, mirror_percent, shadow_percent, models, keep_samples,
  changed_at, changed_by
from app.cutover_of($1)

-- name: put
-- Parameters, not `excluded`: reading that takes the right to read the sealed key.
insert into public.cutovers (tenant_id, base_url, key_sealed, key_hint, serve_percent, mirror_percent, shadow_percent,
  models, keep_samples, changed_at, changed_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, now()), $11)
on conflict (tenant_id) do update set
  base_url = $2, key_sealed = $3, key_hint = $4, serve_percent = $5, mirror_percent = $6, shadow_percent = $7,
  models = $8, keep_samples = $9, changed_at = coalesce($10, now()), changed_by = $11

-- name: remove
delete from public.cutovers where tenant_id = $1
