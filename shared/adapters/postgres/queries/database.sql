-- name: privileges
-- Every role that this login is or can become and that row-level security does not bind.
select array_agg(r.rolname::text order by r.rolname) as unbound
from pg_catalog.pg_roles as r
where (r.rolsuper or r.rolbypassrls) and pg_catalog.pg_has_role(session_user, r.oid, 'member')

-- name: confined
-- Whether this login may act for a tenant at all; null where the role is not there, that is before any migration.
select pg_catalog.pg_has_role(session_user, r.oid, 'member')
from (select 1) as one left join pg_catalog.pg_roles as r on r.rolname = 'authenticated'

-- name: ready
select 1
