-- What a Supabase project has before its first migration, as far as ours use it; each only where absent, so that this
-- can run any number of times. Never run against Supabase itself.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (
      values ('anon', ''), ('authenticated', ''), ('service_role', 'bypassrls'), ('supabase_auth_admin', '')
    ) as roles (name, extra)
  loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
        execute format('create role %I nologin noinherit %s', wanted.name, wanted.extra);
      end if;
    exception
      -- roles belong to the whole server: another database of it may be at the same point
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;

grant usage on schema public to anon, authenticated, service_role;
revoke create on schema public from public;
-- Supabase's own defaults, so that a migration that forgets to revoke shows here as well
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

do $$
begin
  if to_regprocedure('auth.jwt()') is null then
    -- after a first use in a session the setting reads '' and not null
    create function auth.jwt() returns jsonb language sql stable as
      $f$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $f$;
  end if;
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable as
      $f$ select (auth.jwt() ->> 'sub')::uuid $f$;
  end if;
  if to_regprocedure('auth.role()') is null then
    create function auth.role() returns text language sql stable as
      $f$ select auth.jwt() ->> 'role' $f$;
  end if;
end
$$;

-- Storage, as far as our policies look: its service adds more columns, none of which we read.
create schema if not exists storage;
grant usage on schema storage to anon, authenticated, service_role;
create table if not exists storage.buckets (
  id text primary key,
  name text not null unique,
  owner uuid,
  owner_id text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[]
);
create table if not exists storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text references storage.buckets (id),
  name text,
  owner uuid,
  owner_id text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  user_metadata jsonb,
  unique (bucket_id, name)
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;

do $$
begin
  if to_regprocedure('storage.foldername(text)') is null then
    -- every part of the path but the last
    create function storage.foldername(name text) returns text[] language sql immutable as
      $f$ select (string_to_array(name, '/'))[1 : array_length(string_to_array(name, '/'), 1) - 1] $f$;
  end if;
end
$$;
