-- name: keep
-- One that is there and not over keeps what it has.
insert into public.vault_entries as v (tenant_id, run_id, mark, value_sealed, kept_at, expires_at)
select $1, $2, m.mark, m.sealed, now(), $5
from unnest($3::text[], $4::bytea[]) as m (mark, sealed)
on conflict (tenant_id, run_id, mark) do update set
  value_sealed = excluded.value_sealed, kept_at = excluded.kept_at, expires_at = excluded.expires_at
where v.expires_at <= now()

-- name: marks
select mark, value_sealed
from public.vault_entries
where tenant_id = $1 and run_id = $2 and (expires_at is null or expires_at > now())
order by mark

-- name: forget
delete from public.vault_entries where tenant_id = $1 and run_id = $2
