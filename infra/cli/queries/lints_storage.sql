-- The same of Supabase's Storage, where there is one.
select 'a public bucket' as lint, b.id as name
from storage.buckets as b
where b.public and b.id in ('uploads', 'exports')
union all
select 'row-level security is off', 'storage.' || c.relname
from pg_catalog.pg_class as c
where c.relnamespace = 'storage'::regnamespace and c.relname in ('buckets', 'objects') and not c.relrowsecurity
order by 1, 2
