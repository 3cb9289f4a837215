-- A tenant's move from the path that its callers used before, and what was measured on the way.

create table public.cutovers (
  tenant_id uuid primary key,
  base_url text not null check (base_url ~ '^https?://' and length(base_url) <= 500),
  key_sealed bytea not null default '',
  key_hint text not null default '',
  serve_percent smallint not null check (serve_percent between 0 and 100),
  mirror_percent smallint not null check (mirror_percent between 0 and 100),
  shadow_percent smallint not null check (shadow_percent between 0 and 100),
  models json not null default '{}',
  keep_samples boolean not null default false,
  changed_at timestamptz not null,
  changed_by text not null default ''
);
comment on column public.cutovers.key_sealed is 'The old path''s API key, encrypted by the app for this tenant alone.';
alter table public.cutovers enable row level security;
alter table public.cutovers force row level security;
revoke all on public.cutovers from public, anon, authenticated;
-- the key goes in and comes out through the function below alone
grant select (
  tenant_id, base_url, key_hint, serve_percent, mirror_percent, shadow_percent, models, keep_samples, changed_at,
  changed_by
) on public.cutovers to authenticated;
grant insert, update, delete on public.cutovers to authenticated;
create policy own_cutover on public.cutovers for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_cutover on public.cutovers for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy change_cutover on public.cutovers for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy end_cutover on public.cutovers for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

-- Asked every two seconds by each process for each tenant that is busy: one round trip, without a transaction.
create function app.cutover_of(wanted uuid) returns setof public.cutovers
language sql stable security definer
set search_path = ''
as $$
  select * from public.cutovers as c where c.tenant_id = wanted
$$;
revoke all on function app.cutover_of(uuid) from public;
grant execute on function app.cutover_of(uuid) to chatsmart_app;


create table public.cutover_comparisons (
  tenant_id uuid not null,
  id bigint generated always as identity,
  at timestamptz not null,
  trace_id text not null,
  path text not null,
  model text not null,
  first text not null check (first in ('chatsmart', 'old')),
  our_model text not null,
  our_status integer not null,
  our_fault text not null,
  our_first_ms integer,
  our_total_ms integer not null,
  our_cost_micros bigint,
  our_finish text not null,
  our_size integer not null,
  our_digest text not null,
  their_model text not null,
  their_status integer not null,
  their_fault text not null,
  their_first_ms integer,
  their_total_ms integer not null,
  their_cost_micros bigint,
  their_finish text not null,
  their_size integer not null,
  their_digest text not null,
  agrees boolean not null,
  why text not null,
  similarity double precision not null,
  sample json,
  primary key (tenant_id, at, id)
);
comment on column public.cutover_comparisons.sample is 'The two texts, cut short; null unless the tenant keeps samples.';
-- the sweep looks for the oldest of all tenants
create index cutover_comparisons_age on public.cutover_comparisons (at);
alter table public.cutover_comparisons enable row level security;
alter table public.cutover_comparisons force row level security;
revoke all on public.cutover_comparisons from public, anon, authenticated;
grant select, insert on public.cutover_comparisons to authenticated;
create policy own_comparisons on public.cutover_comparisons for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_comparisons on public.cutover_comparisons for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');


create table public.cutover_counts (
  tenant_id uuid not null,
  hour timestamptz not null,
  way text not null,
  n bigint not null,
  primary key (tenant_id, hour, way)
);
alter table public.cutover_counts enable row level security;
alter table public.cutover_counts force row level security;
revoke all on public.cutover_counts from public, anon, authenticated;
grant select, insert, update on public.cutover_counts to authenticated;
create policy own_counts on public.cutover_counts for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_counts on public.cutover_counts for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy add_counts on public.cutover_counts for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));

-- Forgets the oldest of all tenants, some at a time, so that no sweep holds a long transaction.
create function app.sweep_cutover(before timestamptz, up_to integer) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
  gone integer;
begin
  delete from public.cutover_counts as c where c.hour < before;
  with old as (
    select o.tenant_id, o.at, o.id from public.cutover_comparisons as o
    where o.at < before order by o.at limit up_to for update skip locked
  )
  delete from public.cutover_comparisons as c using old
  where c.tenant_id = old.tenant_id and c.at = old.at and c.id = old.id;
  get diagnostics gone = row_count;
  return gone;
end
$$;
revoke all on function app.sweep_cutover(timestamptz, integer) from public;
grant execute on function app.sweep_cutover(timestamptz, integer) to chatsmart_app;
