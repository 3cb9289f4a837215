-- Whose database this is. One row: the key admits no other.
create schema if not exists chatsmart_migrations;
create table if not exists chatsmart_migrations.environment
  (name text not null, single boolean primary key default true check (single));
