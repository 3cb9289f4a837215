-- Held for as long as the session lives; false where another session holds it.
select pg_catalog.pg_try_advisory_lock($1::bigint)
