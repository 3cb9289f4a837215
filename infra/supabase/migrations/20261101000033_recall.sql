-- The prompt cache: answers that may be served again, and what is known of near hits. Redis holds the newest of them in
-- front of these tables; here is the truth.

create table public.recall_answers (
  tenant_id uuid not null,
  key bytea not null check (length(key) = 32),
  frame bytea not null check (length(frame) = 32),
  content bytea check (length(content) = 32),
  model text not null,
  provider text not null,
  template text not null,
  tags text[] not null,
  run_id text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  cost_micros bigint,
  usage json not null,
  simulated boolean not null,
  reads bytea not null,
  words bytea not null,
  embedder text not null,
  -- of any length: an embedder has its own, and vectors of different ones are never compared
  embedding extensions.vector,
  primary key (tenant_id, key)
);
comment on column public.recall_answers.reads is 'The answer as it came, as JSON.';
comment on column public.recall_answers.words is 'The last message, redacted, in UTF-8; empty where the near tier may not serve it.';
-- No index over the vectors: within a tenant and a frame an exact scan finds all, an approximate one half of it.
create index recall_answers_frame on public.recall_answers (tenant_id, frame);
create index recall_answers_content on public.recall_answers (tenant_id, content) where content is not null;
create index recall_answers_age on public.recall_answers (tenant_id, created_at);
create index recall_answers_run on public.recall_answers (tenant_id, run_id);
create index recall_answers_over on public.recall_answers (tenant_id, expires_at);
alter table public.recall_answers enable row level security;
alter table public.recall_answers force row level security;
revoke all on public.recall_answers from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.recall_answers to authenticated;
-- the app's own: a browser has no business here, not even with its own tenant's rows
create policy own_answers on public.recall_answers for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy new_answers on public.recall_answers for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy replace_answers on public.recall_answers for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
create policy drop_answers on public.recall_answers for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

-- A tenant's epoch grows with each purge. Whatever is kept elsewhere says the epoch that it was read under, and is void
-- in any other. Who stores holds the row in share, who purges changes it: one of the two comes first.
create table public.recall_epochs (
  tenant_id uuid primary key,
  epoch bigint not null
);
alter table public.recall_epochs enable row level security;
alter table public.recall_epochs force row level security;
revoke all on public.recall_epochs from public, anon, authenticated, service_role;
grant select, insert, update on public.recall_epochs to authenticated;
create policy own_epoch on public.recall_epochs for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy first_epoch on public.recall_epochs for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy next_epoch on public.recall_epochs for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));

-- What was purged lately: an answer that was asked for before is not stored after. A field that is empty fits all;
-- run_id is that of a run whose words were removed on demand.
create table public.recall_purges (
  tenant_id uuid not null,
  epoch bigint not null,
  at timestamptz not null default now(),
  model text not null,
  template text not null,
  tag text not null,
  run_id text not null,
  primary key (tenant_id, epoch)
);
alter table public.recall_purges enable row level security;
alter table public.recall_purges force row level security;
revoke all on public.recall_purges from public, anon, authenticated, service_role;
grant select, insert, delete on public.recall_purges to authenticated;
create policy own_purges on public.recall_purges for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy new_purges on public.recall_purges for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy old_purges on public.recall_purges for delete to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

create table public.recall_counts (
  tenant_id uuid not null,
  what text not null check (what in ('hit', 'near', 'joined', 'miss')),
  n bigint not null,
  saved_micros bigint not null,
  primary key (tenant_id, what)
);
alter table public.recall_counts enable row level security;
alter table public.recall_counts force row level security;
revoke all on public.recall_counts from public, anon, authenticated, service_role;
grant select, insert, update on public.recall_counts to authenticated;
create policy own_recall_counts on public.recall_counts for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_recall_counts on public.recall_counts for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy add_recall_counts on public.recall_counts for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));

-- What a judge said of two texts in a frame. Digests: the texts are not here.
create table public.near_pairs (
  tenant_id uuid not null,
  pair bytea not null check (length(pair) = 32),
  verdict boolean not null,
  at timestamptz not null,
  primary key (tenant_id, pair)
);
alter table public.near_pairs enable row level security;
alter table public.near_pairs force row level security;
revoke all on public.near_pairs from public, anon, authenticated, service_role;
grant select, insert on public.near_pairs to authenticated;
create policy own_pairs on public.near_pairs for select to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy new_pairs on public.near_pairs for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');

-- How often a near hit was asked anew as well, and was wrong.
create table public.near_checks (
  tenant_id uuid primary key,
  checked bigint not null,
  wrong bigint not null,
  at timestamptz not null,
  reopened_at timestamptz
);
alter table public.near_checks enable row level security;
alter table public.near_checks force row level security;
revoke all on public.near_checks from public, anon, authenticated, service_role;
grant select, insert, update on public.near_checks to authenticated;
create policy own_checks on public.near_checks for select to authenticated
  using (tenant_id = (select public.current_tenant()));
create policy new_checks on public.near_checks for insert to authenticated
  with check (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app');
create policy add_checks on public.near_checks for update to authenticated
  using (tenant_id = (select public.current_tenant()) and session_user = 'chatsmart_app')
  with check (tenant_id = (select public.current_tenant()));
