-- Files: the buckets and who may see what is in them. A path begins with the tenant's id: `<tenant>/<rest>`.
--
-- The tables are Supabase's own (its Storage owns them, with row-level security on), so that nothing of them is changed
-- here: buckets are rows, and policies are all that a project may add. A home without Storage keeps files in a folder,
-- and has nothing to do here.

do $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;

  insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
  values
    -- HTML and SVG are not among them, because a browser runs them
    ('uploads', 'uploads', false, 52428800, array[
      'text/plain', 'text/markdown', 'text/csv', 'application/json', 'application/x-ndjson', 'application/pdf',
      'application/zip', 'application/octet-stream', 'image/png', 'image/jpeg', 'image/webp'
    ]),
    ('exports', 'exports', false, 52428800, null)
  on conflict (id) do update
  set public = excluded.public,
    file_size_limit = excluded.file_size_limit,
    allowed_mime_types = excluded.allowed_mime_types;

  -- A person reads what their tenant has, and may put a file into its uploads; they overwrite and delete nothing:
  -- the server does (with the service key, that no policy binds), so that what is kept and for how long is its decision.
  create policy own_files on storage.objects for select to authenticated
    using (
      bucket_id = any (array['uploads', 'exports'])
      and (storage.foldername(name))[1] = (select public.current_tenant())::text
    );
  create policy new_uploads on storage.objects for insert to authenticated
    with check (
      bucket_id = 'uploads'
      and (storage.foldername(name))[1] = (select public.current_tenant())::text
    );
end
$$;
