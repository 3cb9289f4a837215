-- name: add
-- The plugin's row is locked by this statement, so that two versions that come at once get two numbers. Nothing comes
-- back where the plugin is of another kind.
insert into public.plugins as p (tenant_id, name, kind, active, latest, enabled, created_at, changed_at)
values ($1, $2, $3, 1, 1, true, $4, $4)
on conflict (tenant_id, name) do update set
  latest = p.latest + 1,
  active = case when $5::boolean then p.latest + 1 else p.active end,
  changed_at = $4
where p.kind = $3
returning tenant_id, name, kind, active, latest, enabled, created_at, changed_at

-- name: add_version
insert into public.plugin_versions (tenant_id, name, number, source, sha256, manifest, made_at, made_by)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: get
select tenant_id, name, kind, active, latest, enabled, created_at, changed_at
from public.plugins
where tenant_id = $1 and name = $2

-- name: listed
-- Newest first, past the plugin $2. A cursor that names nothing gives nothing.
select tenant_id, name, kind, active, latest, enabled, created_at, changed_at
from public.plugins
where tenant_id = $1
  and ($2::text is null or (created_at, name) < (
    select p.created_at, p.name from public.plugins as p where p.tenant_id = $1 and p.name = $2))
order by created_at desc, name desc
limit $3

-- name: change
update public.plugins as p
set active = coalesce($4::integer, p.active), enabled = coalesce($5::boolean, p.enabled), changed_at = $3
where p.tenant_id = $1 and p.name = $2
  and ($4::integer is null or exists (
    select from public.plugin_versions as v where v.tenant_id = $1 and v.name = $2 and v.number = $4))
returning tenant_id, name, kind, active, latest, enabled, created_at, changed_at

-- name: remove
delete from public.plugins where tenant_id = $1 and name = $2

-- name: version
-- Without a number the active one.
select v.tenant_id, v.name, v.number, v.source, v.sha256, v.manifest, v.made_at, v.made_by
from public.plugins as p
join public.plugin_versions as v
  on v.tenant_id = p.tenant_id and v.name = p.name and v.number = coalesce($3::integer, p.active)
where p.tenant_id = $1 and p.name = $2

-- name: versions
select tenant_id, name, number, source, sha256, manifest, made_at, made_by
from public.plugin_versions
where tenant_id = $1 and name = $2 and ($3::integer is null or number < $3)
order by number desc
limit $4

-- name: enabled
select v.tenant_id, v.name, v.number, v.source, v.sha256, v.manifest, v.made_at, v.made_by
from public.plugins as p
join public.plugin_versions as v on v.tenant_id = p.tenant_id and v.name = p.name and v.number = p.active
where p.tenant_id = $1 and p.enabled and p.kind = any ($2::text[])
order by v.name

-- name: put_secret
-- Parameters, not `excluded`: reading that takes the right to read the sealed secret.
insert into public.plugin_secrets (tenant_id, name, sealed, changed_at)
values ($1, $2, $3, $4)
on conflict (tenant_id, name) do update set sealed = $3, changed_at = $4

-- name: secret_names
select name, changed_at from public.plugin_secrets where tenant_id = $1 order by name

-- name: secrets
-- Through a narrow function: a sealed secret can't be read off the table.
select name, sealed from app.plugin_secrets_of($1, $2)

-- name: remove_secret
delete from public.plugin_secrets where tenant_id = $1 and name = $2

-- name: note
insert into public.plugin_calls (tenant_id, id, plugin, version, sha256, purpose, actor, trace_id, run_id, at,
  input_sha256, outcome, message, ms, hosts, fetches, size, attempt)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)

-- name: calls
select tenant_id, id, plugin, version, sha256, purpose, actor, trace_id, run_id, at, input_sha256, outcome, message, ms,
  hosts, fetches, size, attempt
from public.plugin_calls
where tenant_id = $1 and plugin = $2 and ($3::text is null or id < $3)
order by id desc
limit $4
