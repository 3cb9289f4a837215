-- name: claim
-- One row a key; of several at once the later ones wait here for the first one's commit. A key changes hands where its
-- day is over, or where it still stands exactly as somebody saw it who may follow its holder.
insert into public.idempotency_keys as k (tenant_id, name, fingerprint, holder, lease_until, expires_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, name) do update set
  fingerprint = excluded.fingerprint, holder = excluded.holder, lease_until = excluded.lease_until,
  expires_at = excluded.expires_at, answer = null
where k.expires_at <= $7
  or (k.holder = $8 and k.lease_until = $9 and k.answer is null and k.fingerprint = excluded.fingerprint)
returning k.holder, k.fingerprint, k.lease_until, k.answer

-- name: found
select holder, fingerprint, lease_until, answer
from public.idempotency_keys
where tenant_id = $1 and name = $2

-- name: extend
update public.idempotency_keys set lease_until = $4 where tenant_id = $1 and name = $2 and holder = $3

-- name: keep
update public.idempotency_keys set answer = $4 where tenant_id = $1 and name = $2 and holder = $3

-- name: free
delete from public.idempotency_keys where tenant_id = $1 and name = $2 and holder = $3

-- name: expire
-- Across tenants, so through a narrow function.
select app.expire_idempotency($1, $2)
