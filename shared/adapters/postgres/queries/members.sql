-- name: tenant
select exists (select 1 from public.tenants) as there

-- name: put
insert into public.members (tenant_id, user_id, role) values ($1, $2, $3)
on conflict (tenant_id, user_id) do update set role = excluded.role

-- Locked, so that two owners who leave at once do not both see the other.
-- name: owners
select user_id from public.members where tenant_id = $1 and role = 'owner' for update

-- name: remove
delete from public.members where tenant_id = $1 and user_id = $2 returning user_id

-- name: alone
select set_config('role', 'none', true)

-- name: elsewhere
select app.belongs($1) as found

-- name: listed
select user_id, role from public.members where tenant_id = $1 order by created_at, user_id
