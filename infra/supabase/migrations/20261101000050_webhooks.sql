-- What other services tell us: kept as it came, once, before it is answered; handled afterwards.
--
-- A notice belongs to no tenant until it is handled, so no tenant may see the table: the app reaches it through two
-- narrow functions.

create table app.notices (
  source text not null check (source <> ''),
  id text not null check (id <> ''),
  kind text not null,
  received_at timestamptz not null,
  body bytea not null,
  handled_at timestamptz,
  primary key (source, id)
);
comment on column app.notices.id is 'The sender''s own: what it sends twice is one notice.';
comment on column app.notices.body is 'The bytes that the signature is over.';
create index notices_waiting on app.notices (source, received_at) where handled_at is null;
alter table app.notices enable row level security;
alter table app.notices force row level security;
revoke all on app.notices from public, anon, authenticated, service_role, chatsmart_app;

-- Whether it is new.
create function app.keep_notice(source text, id text, kind text, received_at timestamptz, body bytea) returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  insert into app.notices (source, id, kind, received_at, body)
  values (keep_notice.source, keep_notice.id, keep_notice.kind, keep_notice.received_at, keep_notice.body)
  on conflict on constraint notices_pkey do nothing;
  return found;
end
$$;
revoke all on function app.keep_notice(text, text, text, timestamptz, bytea) from public;
grant execute on function app.keep_notice(text, text, text, timestamptz, bytea) to chatsmart_app;

-- The oldest that nobody has handled.
create function app.waiting_notices(source text, up_to integer)
returns table (id text, kind text, received_at timestamptz, body bytea)
language sql stable security definer
set search_path = ''
as $$
  select n.id, n.kind, n.received_at, n.body
  from app.notices as n
  where n.source = waiting_notices.source and n.handled_at is null
  order by n.received_at, n.id
  limit up_to
$$;
revoke all on function app.waiting_notices(text, integer) from public;
grant execute on function app.waiting_notices(text, integer) to chatsmart_app;
