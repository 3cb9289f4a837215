-- pgvector, where the server has it: the prompt cache and few-shot retrieval use it.
do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'vector') then
    create schema if not exists extensions;
    create extension if not exists vector with schema extensions;
    grant usage on schema extensions to authenticated;
  end if;
end
$$;
