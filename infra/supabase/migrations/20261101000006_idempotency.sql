-- Idempotency keys: a POST that is sent twice is done once. A row stands for a day.
--
-- In Postgres and not in Redis, which may forget: a forgotten key is a second document and a second charge.

create table public.idempotency_keys (
  tenant_id uuid not null,
  name bytea not null check (length(name) = 32),
  fingerprint bytea not null check (length(fingerprint) = 32),
  holder text not null,
  lease_until timestamptz not null,
  expires_at timestamptz not null,
  answer bytea,
  primary key (tenant_id, name)
);
comment on column public.idempotency_keys.name is 'SHA-256 of method, path and the key itself.';
comment on column public.idempotency_keys.fingerprint is 'SHA-256 of the request''s body.';
comment on column public.idempotency_keys.holder is 'The run that the work is done under: the call log or the shelf tells what became of it.';
comment on column public.idempotency_keys.answer is 'What was answered where no run can tell, encrypted under a key made of the caller''s own credential.';
create index idempotency_keys_over on public.idempotency_keys (expires_at);
alter table public.idempotency_keys enable row level security;
alter table public.idempotency_keys force row level security;
revoke all on public.idempotency_keys from public, anon, authenticated;
grant select, insert, update, delete on public.idempotency_keys to authenticated;
-- the app's own bookkeeping: a browser has no business here, not even with its own tenant's rows
create policy own_idempotency_keys on public.idempotency_keys for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy new_idempotency_keys on public.idempotency_keys for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy change_idempotency_keys on public.idempotency_keys for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy free_idempotency_keys on public.idempotency_keys for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

-- Forget keys of all tenants whose day is over; the number. Rows that a request is taking over just now are let be.
create function app.expire_idempotency(at timestamptz, up_to integer) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  forgotten integer;
begin
  delete from public.idempotency_keys as k
  using (
    select o.tenant_id, o.name
    from public.idempotency_keys as o
    where o.expires_at <= expire_idempotency.at
    order by o.expires_at
    limit up_to
    for update skip locked
  ) as old
  where k.tenant_id = old.tenant_id and k.name = old.name;
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
revoke all on function app.expire_idempotency(timestamptz, integer) from public;
grant execute on function app.expire_idempotency(timestamptz, integer) to chatsmart_app;
