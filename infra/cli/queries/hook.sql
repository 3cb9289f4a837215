-- The access-token hook: whether it is there, whether Auth may call it, and who else may. Null: there is no such role.
select
  to_regprocedure('app.access_token_hook(jsonb)') is not null as present,
  (
    select has_function_privilege(r.oid, to_regprocedure('app.access_token_hook(jsonb)'), 'execute')
      and has_schema_privilege(r.oid, 'app', 'usage')
    from pg_catalog.pg_roles as r
    where r.rolname = 'supabase_auth_admin'
  ) as auth,
  (
    select array_agg(r.rolname::text order by r.rolname)
    from pg_catalog.pg_roles as r
    where r.rolname in ('anon', 'authenticated', 'service_role', 'chatsmart_app')
      and has_function_privilege(r.oid, to_regprocedure('app.access_token_hook(jsonb)'), 'execute')
  ) as others,
  to_regclass('storage.objects') is not null as storage
