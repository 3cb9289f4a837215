-- name: principal
-- Asked before a tenant is known, so through a narrow function.
select tenant_id, key_id, scopes from app.key_principal($1, $2)

-- name: create
insert into public.api_keys (tenant_id, id, name, hint, digest, scopes, created_at, expires_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: listed
-- Newest first, past the key $2. A cursor that names nothing gives nothing.
select id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at
from public.api_keys
where tenant_id = $1
  and ($2::text is null or (created_at, id) < (
    select k.created_at, k.id from public.api_keys as k where k.tenant_id = $1 and k.id = $2))
order by created_at desc, id desc
limit $3

-- name: revoke
-- The first revocation counts; a second finds the key and changes nothing.
update public.api_keys set revoked_at = coalesce(revoked_at, $3) where tenant_id = $1 and id = $2

-- name: ensure_tenant
-- Sign-up knows no tenant yet, so through a narrow function.
select app.ensure_tenant($1, $2)
