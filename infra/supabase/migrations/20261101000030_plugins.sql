-- Tenants' plugins: texts that run in a sandbox, what each may reach, secrets that the host fills in, and every call.

create table public.plugins (
  tenant_id uuid not null,
  name text not null check (name ~ '^[a-z][a-z0-9-]{0,47}$'),
  kind text not null check (kind in ('source', 'action', 'mcp')),
  active integer not null check (active > 0),
  latest integer not null check (latest >= active),
  enabled boolean not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, name)
);
create index plugins_newest on public.plugins (tenant_id, created_at desc, name desc);
alter table public.plugins enable row level security;
alter table public.plugins force row level security;
revoke all on public.plugins from public, anon, authenticated;
grant select, insert, delete, update (active, latest, enabled, changed_at) on public.plugins to authenticated;
create policy own_plugins on public.plugins for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_plugins on public.plugins for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy switch_plugins on public.plugins for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy end_plugins on public.plugins for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');


create table public.plugin_versions (
  tenant_id uuid not null,
  name text not null,
  number integer not null check (number > 0),
  source text not null check (length(source) <= 262144),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  manifest json not null,
  made_at timestamptz not null,
  made_by text not null,
  primary key (tenant_id, name, number),
  foreign key (tenant_id, name) references public.plugins (tenant_id, name) on delete cascade
);
comment on table public.plugin_versions is 'What was stored never changes; it goes with its plugin.';
alter table public.plugin_versions enable row level security;
alter table public.plugin_versions force row level security;
revoke all on public.plugin_versions from public, anon, authenticated;
-- no update and no delete: rows go with their plugin, by the foreign key
grant select, insert on public.plugin_versions to authenticated;
create policy own_versions on public.plugin_versions for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_versions on public.plugin_versions for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create trigger no_change before update on public.plugin_versions
  for each row execute function app.refuse_change();


create table public.plugin_secrets (
  tenant_id uuid not null,
  name text not null check (name ~ '^[a-z][a-z0-9_-]{0,47}$'),
  sealed bytea not null,
  changed_at timestamptz not null,
  primary key (tenant_id, name)
);
comment on column public.plugin_secrets.sealed is 'The secret, encrypted by the app for this tenant and name alone.';
alter table public.plugin_secrets enable row level security;
alter table public.plugin_secrets force row level security;
revoke all on public.plugin_secrets from public, anon, authenticated;
-- the secret goes in and comes out through the function below alone
grant select (tenant_id, name, changed_at) on public.plugin_secrets to authenticated;
grant insert, update, delete on public.plugin_secrets to authenticated;
create policy own_secrets on public.plugin_secrets for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_secrets on public.plugin_secrets for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy change_secrets on public.plugin_secrets for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy end_secrets on public.plugin_secrets for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

create function app.plugin_secrets_of(wanted uuid, names text[]) returns setof public.plugin_secrets
language sql stable security definer
set search_path = ''
as $$
  select * from public.plugin_secrets as s where s.tenant_id = wanted and s.name = any (names)
$$;
revoke all on function app.plugin_secrets_of(uuid, text[]) from public;
grant execute on function app.plugin_secrets_of(uuid, text[]) to chatsmart_app;


create table public.plugin_calls (
  tenant_id uuid not null,
  id text not null,
  plugin text not null,
  version integer not null check (version >= 0),
  sha256 text not null,
  purpose text not null check (purpose in ('source', 'action', 'test', 'call')),
  actor text not null,
  trace_id text,
  run_id text,
  at timestamptz not null,
  input_sha256 text not null,
  outcome text not null,
  message text not null,
  ms integer not null,
  hosts text[] not null,
  fetches integer not null,
  size bigint not null,
  attempt integer not null,
  primary key (tenant_id, id)
);
comment on column public.plugin_calls.input_sha256 is 'Of what was given; neither that nor the value is kept.';
create index plugin_calls_newest on public.plugin_calls (tenant_id, plugin, id desc);
-- the sweep looks for the oldest of all tenants
create index plugin_calls_age on public.plugin_calls (at);
alter table public.plugin_calls enable row level security;
alter table public.plugin_calls force row level security;
revoke all on public.plugin_calls from public, anon, authenticated;
grant select, insert on public.plugin_calls to authenticated;
create policy own_calls on public.plugin_calls for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_calls on public.plugin_calls for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create trigger no_change before update on public.plugin_calls
  for each row execute function app.refuse_change();
create trigger no_truncate before truncate on public.plugin_calls
  for each statement execute function app.refuse_change();
