-- What operators stopped and let go on: who, when, why. What stands is the last line of each scope, so that the record
-- and the switch can't differ. It belongs to no tenant: the app reaches it through three narrow functions.

create table app.stops (
  id bigint generated always as identity primary key,
  scope text not null check (scope in ('all', 'llama')),
  stopped boolean not null,
  reason text not null default '',
  by_actor text not null check (by_actor <> ''),
  at timestamptz not null,
  ceiling integer,
  check (stopped = (reason <> ''))
);
comment on column app.stops.ceiling is 'The most containers that the pool might have before it was stopped.';
create index stops_last on app.stops (scope, id desc);
alter table app.stops enable row level security;
alter table app.stops force row level security;
revoke all on app.stops from public, anon, authenticated, service_role, chatsmart_app;
create trigger no_change before update or delete on app.stops
  for each row execute function app.refuse_change();
create trigger no_truncate before truncate on app.stops
  for each statement execute function app.refuse_change();

create function app.standing_stops()
returns table (scope text, reason text, by_actor text, at timestamptz, ceiling integer)
language sql stable security definer
set search_path = ''
as $$
  select l.scope, l.reason, l.by_actor, l.at, l.ceiling
  from (
    select distinct on (s.scope) s.scope, s.stopped, s.reason, s.by_actor, s.at, s.ceiling
    from app.stops as s
    order by s.scope, s.id desc
  ) as l
  where l.stopped
$$;
revoke all on function app.standing_stops() from public;
grant execute on function app.standing_stops() to chatsmart_app;

-- An empty reason lets it go on; where it was not stopped, nothing is written.
create function app.set_stop(scope text, reason text, by_actor text, at timestamptz, ceiling integer) returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtext('app.stops'));
  if set_stop.reason = '' and not exists (
    select from app.standing_stops() as s where s.scope = set_stop.scope
  ) then
    return false;
  end if;
  insert into app.stops (scope, stopped, reason, by_actor, at, ceiling)
  values (
    set_stop.scope, set_stop.reason <> '', set_stop.reason, set_stop.by_actor, set_stop.at, set_stop.ceiling
  );
  return true;
end
$$;
revoke all on function app.set_stop(text, text, text, timestamptz, integer) from public;
grant execute on function app.set_stop(text, text, text, timestamptz, integer) to chatsmart_app;

create function app.stop_history(up_to integer)
returns table (scope text, reason text, by_actor text, at timestamptz)
language sql stable security definer
set search_path = ''
as $$
  select s.scope, s.reason, s.by_actor, s.at from app.stops as s order by s.id desc limit up_to
$$;
revoke all on function app.stop_history(integer) from public;
grant execute on function app.stop_history(integer) to chatsmart_app;
