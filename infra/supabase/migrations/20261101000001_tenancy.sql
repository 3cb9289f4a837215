-- Who is who: the app's login, the tenant of a request, tenants and their API keys.
--
-- How a request is confined: the app logs in as chatsmart_app, which can do nothing by itself, and says in each
-- transaction `set_config('role', 'authenticated', true)` and `set_config('request.jwt.claims', …, true)`. The
-- policies below then decide, and they are the ones that PostgREST meets with a user's own token. A browser that
-- talks to PostgREST reads what its tenant owns; it writes nothing: writing also takes chatsmart_app's login.

do $$
begin
  create role chatsmart_app login noinherit nocreatedb nocreaterole;
exception
  -- roles belong to the whole server: another database of it may have made this one
  when duplicate_object or unique_violation then null;
end
$$;
grant authenticated to chatsmart_app;

-- What the app may call before it knows a tenant, or across tenants: narrow functions, never tables.
create schema if not exists app;
revoke all on schema app from public;
grant usage on schema app to chatsmart_app;
alter default privileges in schema app revoke execute on functions from public;

-- The tenant of this request, out of a verified token; null where there is none, and null equals nothing; an error
-- where it is no UUID. A user can write user_metadata, so it is never looked at.
-- plpgsql, because it keeps its plan for the session: 1.5 us a call, where an SQL function that can't be inlined took
-- 11 us and is called once a statement.
create function public.current_tenant() returns uuid
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims jsonb := auth.jwt();
begin
  return nullif(coalesce(claims ->> 'tenant_id', claims -> 'app_metadata' ->> 'tenant_id'), '')::uuid;
end
$$;
revoke all on function public.current_tenant() from public, anon;
grant execute on function public.current_tenant() to authenticated, service_role;


create table public.tenants (
  id uuid primary key,
  name text not null,
  created_at timestamptz not null default now(),
  -- limits of its own, money in micro-dollars; null: the house's default
  run_micros bigint check (run_micros >= 0),
  day_micros bigint check (day_micros >= 0),
  month_micros bigint check (month_micros >= 0),
  requests_per_minute bigint check (requests_per_minute > 0),
  tokens_per_minute bigint check (tokens_per_minute > 0)
);
alter table public.tenants enable row level security;
alter table public.tenants force row level security;
revoke all on public.tenants from public, anon, authenticated;
grant select on public.tenants to authenticated;
grant update (run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute) on public.tenants to authenticated;
create policy own_tenant on public.tenants for select to authenticated
  using (id = (select public.current_tenant()));
create policy limit_tenant on public.tenants for update to authenticated
  using (id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (id = (select public.current_tenant()));


-- A tenant's policy, a row for each version; the highest one is in force, and none is ever changed.
create table public.tenant_rules (
  tenant_id uuid not null references public.tenants (id) on delete cascade,
  version bigint not null check (version > 0),
  rules jsonb not null,
  at timestamptz not null,
  by text not null,
  primary key (tenant_id, version)
);
alter table public.tenant_rules enable row level security;
alter table public.tenant_rules force row level security;
revoke all on public.tenant_rules from public, anon, authenticated;
grant select, insert on public.tenant_rules to authenticated;
create policy own_rules on public.tenant_rules for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_rules on public.tenant_rules for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');


create table public.api_keys (
  id text not null,
  tenant_id uuid not null references public.tenants (id) on delete cascade,
  name text not null,
  hint text not null,
  digest bytea not null unique check (length(digest) = 32),
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  -- limits of its own, money in micro-dollars; null: no limit but the tenant's
  run_micros bigint check (run_micros >= 0),
  day_micros bigint check (day_micros >= 0),
  month_micros bigint check (month_micros >= 0),
  requests_per_minute bigint check (requests_per_minute > 0),
  tokens_per_minute bigint check (tokens_per_minute > 0),
  primary key (tenant_id, id)
);
comment on column public.api_keys.digest is 'SHA-256 of the key. The key itself is nowhere.';
create index api_keys_newest on public.api_keys (tenant_id, created_at desc, id desc);
alter table public.api_keys enable row level security;
alter table public.api_keys force row level security;
revoke all on public.api_keys from public, anon, authenticated;
-- the digest goes in and never comes out
grant select (
  id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at, run_micros, day_micros, month_micros, requests_per_minute, tokens_per_minute
) on public.api_keys to authenticated;
grant insert, update (revoked_at) on public.api_keys to authenticated;
create policy own_keys on public.api_keys for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_keys on public.api_keys for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy end_keys on public.api_keys for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));


-- Whose key is this? Asked before any tenant is known, so it looks past the policies, at one row, by its digest.
create function app.key_principal(wanted bytea, at timestamptz)
returns table (
  tenant_id uuid, key_id text, scopes text[],
  run_micros bigint, day_micros bigint, month_micros bigint, requests_per_minute bigint, tokens_per_minute bigint,
  tenant_run_micros bigint, tenant_day_micros bigint, tenant_month_micros bigint, tenant_requests_per_minute bigint,
  tenant_tokens_per_minute bigint, rules_version bigint, rules jsonb
)
language sql stable security definer
set search_path = ''
as $$
  select k.tenant_id, k.id, k.scopes,
    k.run_micros, k.day_micros, k.month_micros, k.requests_per_minute, k.tokens_per_minute,
    t.run_micros, t.day_micros, t.month_micros, t.requests_per_minute, t.tokens_per_minute,
    r.version, r.rules
  from public.api_keys as k
  join public.tenants as t on t.id = k.tenant_id
  left join lateral (
    select n.version, n.rules from public.tenant_rules as n
    where n.tenant_id = k.tenant_id
    order by n.version desc
    limit 1
  ) as r on true
  where k.digest = wanted
    and (k.expires_at is null or k.expires_at > at)
    and (k.revoked_at is null or k.revoked_at > at)
$$;
revoke all on function app.key_principal(bytea, timestamptz) from public;
grant execute on function app.key_principal(bytea, timestamptz) to chatsmart_app;

-- Sign-up and seeding: a tenant where there is none of that id yet.
create function app.ensure_tenant(wanted uuid, called text) returns void
language sql security definer
set search_path = ''
as $$
  insert into public.tenants (id, name) values (wanted, called) on conflict (id) do nothing
$$;
revoke all on function app.ensure_tenant(uuid, text) from public;
grant execute on function app.ensure_tenant(uuid, text) to chatsmart_app;
