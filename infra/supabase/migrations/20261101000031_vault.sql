-- The vault: what the placeholders of redacted text stand for. A row is one placeholder of one run, its value encrypted
-- by the app for this tenant, run and placeholder alone: a row that is copied elsewhere opens for nobody.

create table public.vault_entries (
  tenant_id uuid not null,
  run_id text not null,
  mark text not null check (length(mark) between 1 and 200),
  value_sealed bytea not null,
  kept_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (tenant_id, run_id, mark)
);
comment on column public.vault_entries.value_sealed is 'What the placeholder stands for, encrypted by the app.';
comment on column public.vault_entries.expires_at is 'Null: as long as the rule for vaults says, counted from kept_at.';
create index vault_entries_age on public.vault_entries (tenant_id, kept_at);
create index vault_entries_over on public.vault_entries (expires_at) where expires_at is not null;
alter table public.vault_entries enable row level security;
alter table public.vault_entries force row level security;
revoke all on public.vault_entries from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.vault_entries to authenticated;
-- the app's own: a browser has no business here, not even with its own tenant's rows
create policy own_vault_entries on public.vault_entries for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy new_vault_entries on public.vault_entries for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
-- only what is over is replaced: what a placeholder of a living run stands for never changes
create policy renew_vault_entries on public.vault_entries for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy drop_vault_entries on public.vault_entries for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
