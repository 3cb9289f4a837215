-- name: tenants
-- Across tenants, so through a narrow function.
select id from app.tenants_kept($1, $2) as id

-- name: tombstones
select tenant_id, run_id, position, at, request, response, body, rule, removed_by, removed_at
from public.log_tombstones
where tenant_id = $1 and ($2::text is null or run_id = $2)
  and ($3::text is null or (run_id, position) > ($3, $4::integer))
order by run_id, position
limit $5

-- name: hold
insert into public.legal_holds (tenant_id, id, run_id, reason, held_by, held_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, id) do nothing

-- name: release
update public.legal_holds set released_at = $3, released_by = $4
where tenant_id = $1 and id = $2 and released_at is null

-- name: one_hold
select tenant_id, id, run_id, reason, held_by, held_at, released_at, released_by
from public.legal_holds
where tenant_id = $1 and id = $2

-- name: holds
select tenant_id, id, run_id, reason, held_by, held_at, released_at, released_by
from public.legal_holds
where tenant_id = $1
order by held_at desc, id desc

-- name: held
-- Whether a hold in force keeps a run.
select exists (
  select from public.legal_holds
  where tenant_id = $1 and released_at is null and (run_id is null or run_id = $2))

-- name: bodies_oldest
-- The first of those that can go: the index of rows that have their words is in that order.
select e.at
from public.call_log as e
where e.tenant_id = $1 and e.kind = 'run' and e.words
order by e.at
limit 1

-- name: bodies_due
select count(*) from app.runs_with_words($1, $2, 1000000)

-- name: bodies_expire
select app.expire_words($1, $2, $3, $4, $5, $6) as gone

-- name: bodies_erase
select app.remove_words($1, $2, $3, $4, $5) as gone

-- name: vault_oldest
select min(kept_at) from public.vault_entries where tenant_id = $1

-- name: vault_due
select count(*)
from public.vault_entries as v
where v.tenant_id = $1 and (v.kept_at < $2 or v.expires_at <= $3)
  and not exists (
    select from public.legal_holds as h
    where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = v.run_id))

-- name: vault_expire
-- Locked in the order of the key, as writers do.
with over as (
  select v.run_id, v.mark
  from public.vault_entries as v
  where v.tenant_id = $1 and (v.kept_at < $2 or v.expires_at <= $3)
    and not exists (
      select from public.legal_holds as h
      where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = v.run_id))
  order by v.run_id, v.mark
  limit $4
  for update skip locked
), gone as (
  delete from public.vault_entries as v using over
  where v.tenant_id = $1 and v.run_id = over.run_id and v.mark = over.mark
  returning 1
)
select count(*) from gone

-- name: vault_erase
with gone as (delete from public.vault_entries where tenant_id = $1 and run_id = $2 returning 1)
select count(*) from gone

-- name: documents_oldest
select min(created_at) from public.documents where tenant_id = $1 and removed_at is null

-- name: documents_due
select count(*)
from public.documents as d
where d.tenant_id = $1 and d.removed_at is null and d.status <> 'running' and d.created_at < $2
  and not exists (
    select from public.legal_holds as h
    where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = d.id))

-- name: documents_expire
-- Figures and status stay; of a fault its code.
with over as (
  select d.id
  from public.documents as d
  where d.tenant_id = $1 and d.removed_at is null and d.status <> 'running' and d.created_at < $2
    and not exists (
      select from public.legal_holds as h
      where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = d.id))
  order by d.id
  limit $3
  for update skip locked
), gone as (
  update public.documents as d set
    given = '{}', text = '', data = null, removed_at = $4, removed_rule = $5,
    fault = case when d.fault is null then null
      else json_build_object('code', d.fault ->> 'code', 'message', '', 'advice', '') end
  from over
  where d.tenant_id = $1 and d.id = over.id
  returning 1
)
select count(*) from gone

-- name: documents_erase
with gone as (
  update public.documents as d set
    given = '{}', text = '', data = null, removed_at = $3, removed_rule = $4,
    fault = case when d.fault is null then null
      else json_build_object('code', d.fault ->> 'code', 'message', '', 'advice', '') end
  where d.tenant_id = $1 and d.id = $2 and d.removed_at is null and d.status <> 'running'
  returning 1
)
select count(*) from gone

-- name: cache_oldest
select min(created_at) from public.recall_answers where tenant_id = $1

-- name: cache_due
select count(*)
from public.recall_answers as a
where a.tenant_id = $1 and (a.created_at < $2 or a.expires_at <= $3)
  and not exists (
    select from public.legal_holds as h
    where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = a.run_id))

-- name: cache_living
-- Whether one is due by its age that copies elsewhere may still serve.
select exists (
  select from public.recall_answers as a
  where a.tenant_id = $1 and a.created_at < $2 and a.expires_at > $3
    and not exists (
      select from public.legal_holds as h
      where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = a.run_id)))

-- name: cache_expire
with over as (
  select a.key
  from public.recall_answers as a
  where a.tenant_id = $1 and (a.expires_at <= $3 or $5 and a.created_at < $2)
    and not exists (
      select from public.legal_holds as h
      where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = a.run_id))
  order by a.key
  limit $4
  for update skip locked
), gone as (
  delete from public.recall_answers as a using over
  where a.tenant_id = $1 and a.key = over.key
  returning 1
)
select count(*) from gone

-- name: cache_epoch
-- Copies that were read under an earlier epoch are void. Waits for those who are storing just now.
insert into public.recall_epochs as e (tenant_id, epoch) values ($1, 1)
on conflict (tenant_id) do update set epoch = e.epoch + 1
returning epoch

-- name: cache_purged
-- What was asked for before is not stored after.
insert into public.recall_purges (tenant_id, epoch, model, template, tag, run_id) values ($1, $2, '', '', '', $3)

-- name: cache_erase
with gone as (delete from public.recall_answers where tenant_id = $1 and run_id = $2 returning 1)
select count(*) from gone

-- name: embeddings_oldest
select min(created_at) from public.recall_answers where tenant_id = $1 and embedding is not null

-- name: embeddings_due
select count(*)
from public.recall_answers as a
where a.tenant_id = $1 and a.embedding is not null and a.created_at < $2
  and not exists (
    select from public.legal_holds as h
    where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = a.run_id))

-- name: embeddings_expire
with over as (
  select a.key
  from public.recall_answers as a
  where a.tenant_id = $1 and a.embedding is not null and a.created_at < $2
    and not exists (
      select from public.legal_holds as h
      where h.tenant_id = $1 and h.released_at is null and (h.run_id is null or h.run_id = a.run_id))
  order by a.key
  limit $3
  for update skip locked
), gone as (
  update public.recall_answers as a set embedding = null, embedder = ''
  from over
  where a.tenant_id = $1 and a.key = over.key
  returning 1
)
select count(*) from gone

-- name: embeddings_erase
with gone as (
  update public.recall_answers set embedding = null, embedder = ''
  where tenant_id = $1 and run_id = $2 and embedding is not null
  returning 1
)
select count(*) from gone
