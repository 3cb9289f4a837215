-- What each file was when it was applied; what the Supabase CLI applied is not here.
select version, sha256 from chatsmart_migrations.checksums;
