-- name: current
select version, rules from public.tenant_rules where tenant_id = $1 order by version desc limit 1

-- name: add
-- Nothing, where the number is not the next one or the tenant is not there.
insert into public.tenant_rules (tenant_id, version, rules, at, by)
select t.id, $2, $3::jsonb, $4, $5
from public.tenants as t
where t.id = $1
  and $2::bigint = 1 + coalesce((select max(r.version) from public.tenant_rules as r where r.tenant_id = t.id), 0)

-- name: tenant
select exists (select from public.tenants where id = $1)

-- name: history
-- Newest first, below version $2.
select version, rules, at, by
from public.tenant_rules
where tenant_id = $1 and ($2::bigint is null or version < $2)
order by version desc
limit $3
