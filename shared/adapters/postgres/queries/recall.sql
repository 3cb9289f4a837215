-- name: epoch
select epoch from public.recall_epochs where tenant_id = $1

-- name: first_epoch
insert into public.recall_epochs (tenant_id, epoch) values ($1, 0) on conflict do nothing

-- name: share_epoch
-- Held until the answer is stored: a purge comes before or after.
select epoch from public.recall_epochs where tenant_id = $1 for share

-- name: next_epoch
insert into public.recall_epochs as e (tenant_id, epoch) values ($1, 1)
on conflict (tenant_id) do update set epoch = e.epoch + 1
returning epoch

-- name: purge
-- A field that is empty fits all.
delete from public.recall_answers as a
where a.tenant_id = $1
  and ($2 = '' or a.model = $2) and ($3 = '' or a.template = $3) and ($4 = '' or $4 = any (a.tags))

-- name: note_purge
insert into public.recall_purges (tenant_id, epoch, model, template, tag, run_id) values ($1, $2, $3, $4, $5, '')

-- name: forget_purges
-- No answer is on its way for so long.
delete from public.recall_purges where tenant_id = $1 and at < now() - interval '1 day'

-- name: purged_since
select exists (
  select from public.recall_purges as p
  where p.tenant_id = $1 and p.epoch > $2
    and p.model in ('', $3) and p.template in ('', $4) and (p.tag = '' or p.tag = any ($5::text[]))
    and p.run_id in ('', $6)
)

-- name: put
insert into public.recall_answers as a (
  tenant_id, key, frame, content, model, provider, template, tags, run_id, created_at, expires_at, cost_micros, usage,
  simulated, reads, words, embedder, embedding
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::text::extensions.vector)
on conflict (tenant_id, key) do update set
  frame = excluded.frame, content = excluded.content, model = excluded.model, provider = excluded.provider,
  template = excluded.template, tags = excluded.tags, run_id = excluded.run_id, created_at = excluded.created_at,
  expires_at = excluded.expires_at, cost_micros = excluded.cost_micros, usage = excluded.usage,
  simulated = excluded.simulated, reads = excluded.reads, words = excluded.words, embedder = excluded.embedder,
  embedding = excluded.embedding

-- name: exact
select a.key, a.frame, a.content, a.model, a.provider, a.template, a.tags, a.run_id, a.created_at, a.expires_at,
  a.cost_micros, a.usage, a.simulated, a.reads, a.words
from public.recall_answers as a
where a.tenant_id = $1 and a.key = $2 and a.expires_at > $3

-- name: content
select a.key, a.frame, a.content, a.model, a.provider, a.template, a.tags, a.run_id, a.created_at, a.expires_at,
  a.cost_micros, a.usage, a.simulated, a.reads, a.words
from public.recall_answers as a
where a.tenant_id = $1 and a.content = $2 and a.expires_at > $3
order by a.created_at desc
limit 1

-- name: frame
-- Until when the frame has answers whose words could be near.
select max(a.expires_at) as until
from public.recall_answers as a
where a.tenant_id = $1 and a.frame = $2 and a.words <> ''::bytea and a.expires_at > $3

-- name: newest
-- Bodies only while they are small and all together not too many: of the others the front store knows that they are.
select a.key, a.frame, a.content, a.model, a.provider, a.template, a.tags, a.run_id, a.created_at, a.expires_at,
  a.cost_micros, a.usage, a.simulated, a.words,
  case
    when length(a.reads) <= $4 and sum(length(a.reads)) over (order by a.created_at desc, a.key) <= $5 then a.reads
  end as reads
from public.recall_answers as a
where a.tenant_id = $1 and a.expires_at > $2
order by a.created_at desc, a.key
limit $3

-- name: near
-- The rows are chosen before any vector is looked at: other embedders' have other lengths.
-- The vector asked for is read once: in a prepared plan a cast of a parameter is done for every row.
with asked as materialized (
  select $5::text::extensions.vector as embedding
), there as materialized (
  select a.key, a.embedding operator(extensions.<=>) asked.embedding as distance
  from asked, public.recall_answers as a
  where a.tenant_id = $1 and a.frame = $2 and a.embedder = $3 and a.expires_at > $4
    and extensions.vector_dims(a.embedding) = $6
), best as (
  select there.key, there.distance from there where there.distance <= $7 order by there.distance limit $8
)
select a.key, a.frame, a.content, a.model, a.provider, a.template, a.tags, a.run_id, a.created_at, a.expires_at,
  a.cost_micros, a.usage, a.simulated, a.reads, a.words, 1 - best.distance as score
from best join public.recall_answers as a on a.tenant_id = $1 and a.key = best.key
order by best.distance

-- name: count
insert into public.recall_counts as c (tenant_id, what, n, saved_micros) values ($1, $2, $3, $4)
on conflict (tenant_id, what) do update set n = c.n + excluded.n, saved_micros = c.saved_micros + excluded.saved_micros

-- name: tally
select count(*)::bigint as entries, coalesce(sum(length(reads)), 0)::bigint as bytes
from public.recall_answers
where tenant_id = $1

-- name: counts
select what, n, saved_micros from public.recall_counts where tenant_id = $1

-- name: admitted
select verdict from public.near_pairs where tenant_id = $1 and pair = $2

-- name: admit
insert into public.near_pairs (tenant_id, pair, verdict, at) values ($1, $2, $3, $4) on conflict do nothing

-- name: checks
select checked, wrong from public.near_checks where tenant_id = $1

-- name: check
insert into public.near_checks as c (tenant_id, checked, wrong, at) values ($1, 1, $2, $3)
on conflict (tenant_id) do update set checked = c.checked + 1, wrong = c.wrong + excluded.wrong, at = excluded.at

-- name: reopen
insert into public.near_checks (tenant_id, checked, wrong, at, reopened_at) values ($1, 0, 0, $2, $2)
on conflict (tenant_id) do update set checked = 0, wrong = 0, at = excluded.at, reopened_at = excluded.reopened_at
