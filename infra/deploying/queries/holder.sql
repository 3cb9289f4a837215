-- The address of the session that holds the lock, and since when it is connected. A lock's 64 bits lie in two columns.
select coalesce(host(a.client_addr), 'this machine') || ', since ' || to_char(a.backend_start at time zone 'utc', 'HH24:MI:SS') || ' UTC'
from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.objsubid = 1
  and ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint
limit 1
