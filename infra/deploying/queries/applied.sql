-- The migrations that this database has seen, by whichever tool; none where it never saw any.
select version from supabase_migrations.schema_migrations order by version
