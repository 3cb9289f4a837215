-- People and the tenants they belong to, and how their tokens come to name a tenant.
--
-- A person is a user of Supabase Auth. There is no foreign key to auth.users: a home without Supabase has no such table,
-- and a person whose account is gone signs in no more, so a row that stays opens nothing.

create table public.members (
  tenant_id uuid not null references public.tenants (id) on delete cascade,
  user_id uuid not null,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  created_at timestamptz not null default now(),
  primary key (tenant_id, user_id)
);
-- the hook below asks by person
create index members_person on public.members (user_id, created_at);
alter table public.members enable row level security;
alter table public.members force row level security;
revoke all on public.members from public, anon, authenticated;
grant select, insert, update (role), delete on public.members to authenticated;
create policy own_members on public.members for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_members on public.members for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy change_members on public.members for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy end_members on public.members for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');


-- Auth calls this before it signs a token (config.toml, auth.hook.custom_access_token). The tenant that the token names
-- is one that public.members has for the person: the one that the server wrote into their app_metadata where they are
-- in it, else the oldest. Nothing else that could be read as a tenant stays in, wherever it came from.
create function app.access_token_hook(event jsonb) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
  claims jsonb := event -> 'claims';
  metadata jsonb := claims -> 'app_metadata';
  wanted text;
  found record;
begin
  if jsonb_typeof(metadata) is distinct from 'object' then
    metadata := '{}';
  end if;
  wanted := metadata ->> 'tenant_id';
  select m.tenant_id, m.role into found
  from public.members as m
  where m.user_id = (event ->> 'user_id')::uuid
  order by m.tenant_id::text = wanted desc nulls last, m.created_at, m.tenant_id
  limit 1;
  metadata := metadata - 'tenant_id' - 'tenant_role';
  if found.tenant_id is not null then
    metadata := metadata || jsonb_build_object('tenant_id', found.tenant_id, 'tenant_role', found.role);
  end if;
  return jsonb_set(event, '{claims}', (claims - 'tenant_id') || jsonb_build_object('app_metadata', metadata));
end
$$;
revoke all on function app.access_token_hook(jsonb) from public, anon, authenticated;
grant usage on schema app to supabase_auth_admin;
grant execute on function app.access_token_hook(jsonb) to supabase_auth_admin;


-- Whether a person is in any tenant: when they leave the last one, their account is deleted.
create function app.belongs(person uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (select from public.members as m where m.user_id = person)
$$;
revoke all on function app.belongs(uuid) from public, anon, authenticated;
grant execute on function app.belongs(uuid) to chatsmart_app;
