-- As whom we are connected, and to what. A superuser, or a role with BYPASSRLS, would see every tenant's rows, and so
-- would a login that may become one.
select
  session_user::text as name,
  current_setting('server_version') as version,
  (
    select array_agg(r.rolname::text order by r.rolname)
    from pg_catalog.pg_roles as r
    where (r.rolsuper or r.rolbypassrls) and pg_catalog.pg_has_role(session_user, r.oid, 'member')
  ) as unbound,
  (
    select coalesce(bool_or(pg_catalog.pg_has_role(session_user, r.oid, 'member')), false)
    from pg_catalog.pg_roles as r
    where r.rolname = 'authenticated'
  ) as member,
  (select extversion from pg_catalog.pg_extension where extname = 'vector') as vector
