-- What Supabase's own advisor ("splinter") warns of, as far as it can harm us, and a little more: one row for each
-- offence. Schemas are ours; what belongs to an extension is its author's.
with
ours as (
  select n.oid, n.nspname from pg_catalog.pg_namespace as n where n.nspname in ('public', 'app')
),
extended as (
  select d.classid, d.objid from pg_catalog.pg_depend as d where d.deptype = 'e'
),
relations as (
  select c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.reloptions,
    format('%I.%I', o.nspname, c.relname) as name,
    exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid) as policies
  from pg_catalog.pg_class as c
  join ours as o on o.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and not exists (select from extended as e where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid)
),
functions as (
  select p.oid, p.prosecdef, p.proconfig, p.prosrc, p.oid::regprocedure::text as name
  from pg_catalog.pg_proc as p
  join ours as o on o.oid = p.pronamespace
  where not exists (select from extended as e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid)
),
policies as (
  select format('%I.%I: %s', p.schemaname, p.tablename, p.policyname) as name, p.schemaname, p.tablename, p.roles, p.cmd,
    concat_ws(' ', p.qual, p.with_check) as condition, p.qual, p.with_check
  from pg_catalog.pg_policies as p
  where p.schemaname in ('public', 'app', 'storage')
),
everyone as (
  select r.oid, r.rolname from pg_catalog.pg_roles as r where r.rolname in ('anon', 'authenticated')
)
-- 0013: a table that row-level security does not confine, its owner included
select 'row-level security is off' as lint, name
from relations
where relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)
union all
-- 0008: confined, granted to people, and no policy decides
select 'granted, and no policy', name
from relations
where relkind in ('r', 'p') and not policies
  and exists (select from everyone as e where has_any_column_privilege(e.oid, relations.oid, 'select, insert, update'))
union all
-- a partition is not covered by its parent's policies
select 'a partition is granted', name
from relations
where relispartition
  and exists (select from everyone as e where has_any_column_privilege(e.oid, relations.oid, 'select, insert, update'))
union all
-- somebody without an account may do nothing at all
select 'anon has a right', name
from relations
where relkind <> 'S' and has_any_column_privilege('anon', oid, 'select, insert, update, references')
union all
select 'anon has a right', name
from relations
where relkind in ('r', 'p', 'v') and has_table_privilege('anon', oid, 'delete, truncate')
union all
select 'anon has a right', name
from relations
where case when relkind = 'S' then has_sequence_privilege('anon', oid, 'usage, select, update') end
union all
select 'anon may call', name
from functions
where has_function_privilege('anon', oid, 'execute')
union all
-- 0010: a view runs with its owner's rights, who is not confined
select 'a view that looks past the policies', name
from relations
where relkind = 'v' and not coalesce(reloptions && array['security_invoker=true', 'security_invoker=on'], false)
union all
-- 0016: no policy can stand on one
select 'a materialised view', name
from relations
where relkind in ('m', 'f')
union all
-- 0011: whoever may set search_path chooses what the function means
select 'search_path is not set', name
from functions
where prosecdef and not coalesce(proconfig @> array['search_path=""'], false)
union all
-- 0028, 0029
select 'people may call a definer''s function', functions.name
from functions
where prosecdef
  and exists (select from everyone as e where has_function_privilege(e.oid, functions.oid, 'execute'))
union all
-- 0015: a person writes their own user_metadata
select 'user_metadata decides', name
from policies
where condition ilike '%user_metadata%'
union all
select 'user_metadata decides', name
from functions
where prosrc ~* 'user_meta_?data'
union all
-- 0024, and whatever asks for no tenant
select 'a policy that asks for no tenant', name
from policies
where (schemaname <> 'storage' or tablename = 'objects')
  and (
    coalesce(qual, 'current_tenant()') not like '%current_tenant()%'
    or coalesce(with_check, 'current_tenant()') not like '%current_tenant()%'
  )
union all
select 'a policy for everybody', name
from policies
where roles <> array['authenticated']::name[]
union all
-- a browser reads; writing takes the app's own login
select 'a browser may write', name
from policies
where schemaname in ('public', 'app') and cmd <> 'SELECT' and condition not like '%SESSION_USER = ''chatsmart_app''::name%'
union all
-- 0003: called once a row, and not once a statement
select 'asked once a row', name
from policies
where regexp_replace(
  condition, '\( ?SELECT (public\.)?(current_tenant|auth\.\w+)\(\)( AS \w+)?\)', '', 'gi'
) ~* '(current_tenant|auth\.\w+|current_setting)\('
order by 1, 2
