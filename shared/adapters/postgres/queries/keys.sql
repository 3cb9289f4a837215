-- name: principal
-- Asked before a tenant is known, so through a narrow function. Limits of the key, then of its tenant, and its policy.
select
  tenant_id, key_id, scopes,
  run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute,
  tenant_run_micros, tenant_day_micros, tenant_month_micros, tenant_requests_per_minute, tenant_tokens_per_minute,
  rules_version, rules
from app.key_principal($1, $2)

-- name: create
insert into public.api_keys (
  tenant_id, id, name, hint, digest, scopes, created_at, expires_at, revoked_at,
  run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: listed
-- Newest first, past the key $2. A cursor that names nothing gives nothing.
select
  id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at,
  run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute
from public.api_keys
where tenant_id = $1
  and ($2::text is null or (created_at, id) < (
    select k.created_at, k.id from public.api_keys as k where k.tenant_id = $1 and k.id = $2))
order by created_at desc, id desc
limit $3

-- name: revoke
-- The first revocation counts; a second finds the key and changes nothing.
update public.api_keys set revoked_at = coalesce(revoked_at, $3) where tenant_id = $1 and id = $2

-- name: tenant_limits
select run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute
from public.tenants
where id = $1

-- name: key_limits
select run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute
from public.api_keys
where tenant_id = $1 and id = $2

-- name: limit_tenant
update public.tenants
set run_micros = $2, day_micros = $3, month_micros = $4, requests_per_minute = $5, tokens_per_minute = $6
where id = $1

-- name: ensure_tenant
-- Sign-up knows no tenant yet, so through a narrow function.
select app.ensure_tenant($1, $2)
