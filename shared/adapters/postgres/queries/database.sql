-- name: privileges
-- Every role that this login is or can become and that row-level security does not bind.
select array_agg(r.rolname::text order by r.rolname) as unbound
from pg_catalog.pg_roles as r
where (r.rolsuper or r.rolbypassrls) and pg_catalog.pg_has_role(session_user, r.oid, 'member')

-- name: confined
-- Whether this login may act for a tenant, and whether the database is ours yet.
select
  coalesce(bool_or(pg_catalog.pg_has_role(session_user, r.oid, 'member')), false) as member,
  pg_catalog.to_regclass('public.call_log') is not null as migrated
from pg_catalog.pg_roles as r
where r.rolname = 'authenticated'

-- name: ready
select 1
