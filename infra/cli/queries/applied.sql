-- The migrations that this database has seen, by whichever tool.
select version from supabase_migrations.schema_migrations order by version;
