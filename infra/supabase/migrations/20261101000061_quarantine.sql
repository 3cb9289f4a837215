-- Models that an operator, or a check, took out until further notice. Redis has a copy that every process reads; this
-- is what is left when Redis loses it.
--
-- No tenant's: the app reaches it through two narrow functions.

create table app.quarantine (
  scope text not null check (scope <> ''),
  model text not null check (model <> ''),
  why text not null,
  since timestamptz not null default now(),
  primary key (scope, model)
);
comment on column app.quarantine.scope is 'The deployment, where several share a database.';
alter table app.quarantine enable row level security;
alter table app.quarantine force row level security;
revoke all on app.quarantine from public, anon, authenticated, service_role, chatsmart_app;

-- Take models out, or, where `why` is null, put them back.
create function app.put_quarantine(scope text, models text[], why text) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  if put_quarantine.why is null then
    delete from app.quarantine as q
    where q.scope = put_quarantine.scope and q.model = any (put_quarantine.models);
  else
    insert into app.quarantine (scope, model, why)
    select distinct put_quarantine.scope, one.model, put_quarantine.why
    from pg_catalog.unnest(put_quarantine.models) as one (model)
    on conflict on constraint quarantine_pkey do update set why = excluded.why;
  end if;
end
$$;
revoke all on function app.put_quarantine(text, text[], text) from public;
grant execute on function app.put_quarantine(text, text[], text) to chatsmart_app;

create function app.quarantined(scope text) returns table (model text, why text)
language sql stable security definer
set search_path = ''
as $$
  select q.model, q.why from app.quarantine as q where q.scope = quarantined.scope order by q.model
$$;
revoke all on function app.quarantined(text) from public;
grant execute on function app.quarantined(text) to chatsmart_app;
