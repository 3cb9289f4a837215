-- Documents and chat answers: where each stands now. The call log says how it came to be.
-- json, not jsonb, for the same reason as in the call log.

create table public.documents (
  id text not null,
  tenant_id uuid not null,
  trace_id text not null,
  pipeline text not null,
  status text not null check (status in ('running', 'finished', 'failed')),
  created_at timestamptz not null,
  finished_at timestamptz,
  actor text not null default '',
  given json not null,
  text text not null default '',
  data json,
  steps json not null default '[]',
  fault json,
  cost_micros bigint not null default 0,
  budget_micros bigint,
  simulated boolean not null default false,
  version text not null default '',
  parent_id text,
  -- when whoever works on it last said so; a running document that falls silent is an orphan
  beat_at timestamptz not null,
  primary key (tenant_id, id)
);
comment on column public.documents.cost_micros is 'What the customer pays, in micro-dollars.';
create index documents_newest on public.documents (tenant_id, created_at desc, id desc);
create index documents_running on public.documents (beat_at) where status = 'running';
alter table public.documents enable row level security;
alter table public.documents force row level security;
revoke all on public.documents from public, anon, authenticated;
grant select, insert, update on public.documents to authenticated;
create policy own_documents on public.documents for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_documents on public.documents for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy change_documents on public.documents for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));

-- Running documents of all tenants whose process has gone silent: names only. Taking them is a beat, in the same
-- statement, so that two sweeps at once never take the same one. With `one` no other than this.
create function app.claim_orphans(before timestamptz, at timestamptz, up_to integer, one text default null)
returns table (tenant_id uuid, run_id text)
language sql volatile security definer
set search_path = ''
as $$
  update public.documents as d
  set beat_at = claim_orphans.at
  from (
    select o.tenant_id, o.id
    from public.documents as o
    where o.status = 'running' and o.beat_at < before and (one is null or o.id = one)
    order by o.beat_at
    limit up_to
    for update skip locked
  ) as silent
  where d.tenant_id = silent.tenant_id and d.id = silent.id
  returning d.tenant_id, d.id
$$;
revoke all on function app.claim_orphans(timestamptz, timestamptz, integer, text) from public;
grant execute on function app.claim_orphans(timestamptz, timestamptz, integer, text) to chatsmart_app;
