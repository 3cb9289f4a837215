insert into chatsmart_migrations.environment (name) values ($1) on conflict do nothing
