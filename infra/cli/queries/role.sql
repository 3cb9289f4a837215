-- As whom we are connected, and to what. A superuser, or a role with BYPASSRLS, would see every tenant's rows.
select current_user::text                                        as name,
       current_setting('server_version')                         as version,
       r.rolsuper or r.rolbypassrls                              as unbound,
       (select extversion from pg_catalog.pg_extension where extname = 'vector') as vector
from pg_catalog.pg_roles r
where r.rolname = current_user;
