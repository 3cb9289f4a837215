"""Migrations: plain SQL files named as the Supabase CLI names them, each applied once, in order, in a transaction.

What was applied is recorded in the CLI's own table, so that either tool sees the other's work, with a checksum beside
it, so that an edited file is refused instead of silently meaning two things.
"""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

MIGRATIONS = Path(__file__).parent / "supabase" / "migrations"
_NAME = re.compile(r"(?P<version>\d{14})_(?P<name>[a-z0-9_]+)\.sql")
_OWN_TRANSACTION = re.compile(
    r"^\s*(begin|commit|rollback|start\s+transaction)\s*;", re.IGNORECASE | re.MULTILINE
)
_LOCK = 8317408623197234
"""The advisory lock under which one migrator at a time works; any number that nobody else uses."""

_RECORDS = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations
  (version text not null primary key, statements text[], name text);
create schema if not exists chatsmart_migrations;
create table if not exists chatsmart_migrations.checksums
  (version text not null primary key, sha256 text not null, applied_at timestamptz not null default now());
"""


class CannotMigrate(RuntimeError):
    """The migrations can't be applied; the database is as it was."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: str
    name: str
    path: Path
    sql: str

    @property
    def checksum(self) -> str:
        """Line ends do not count: a checkout on Windows is the same history."""
        return sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def found(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The files, in order. Raises CannotMigrate for a name that the CLI would not take, or a version used twice."""
    migrations: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise CannotMigrate(f"{path}: the name must be 14 digits of a time, an underscore and a name.")
        version = match["version"]
        if version in migrations:
            raise CannotMigrate(
                f"{path} and {migrations[version].path.name} have the same version {version}."
            )
        sql = path.read_text("utf-8")
        if _OWN_TRANSACTION.search(sql):
            raise CannotMigrate(
                f"{path} opens or ends a transaction: each file already runs in one of its own."
            )
        migrations[version] = Migration(version, match["name"], path, sql)
    return tuple(migrations.values())


async def migrate(admin_dsn: str, *, folder: Path = MIGRATIONS, app_dsn: str = "") -> Sequence[str]:
    """Apply what is missing; the names of the files applied. Any number of processes may do so at once.

    `admin_dsn` must be a superuser's or one with BYPASSRLS (Supabase: `postgres`). A password in `app_dsn` becomes that
    of its role. Raises CannotMigrate, naming the file; the files before it stay applied.
    """
    migrations = found(folder)
    connection = await asyncpg.connect(admin_dsn, statement_cache_size=0)
    applied: list[str] = []
    try:
        await _check_admin(connection)
        while True:
            # The lock ends with the transaction, so this works through a pooler as well; between two files another
            # migrator may get its turn, and finds the rest.
            async with connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
                migration = await _next(connection, migrations)
                if migration is None:
                    await _set_password(connection, app_dsn)
                    return applied
                await _apply(connection, migration)
                applied.append(migration.path.name)
    finally:
        await connection.close()


async def _check_admin(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The definer functions run as whoever migrates, and forced row-level security binds an ordinary owner."""
    able = await connection.fetchval(
        "select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user"
    )
    if not able:
        raise CannotMigrate(
            "DATABASE_ADMIN_URL must name a role with BYPASSRLS or a superuser (on Supabase: postgres): "
            "the functions that look up API keys run with its rights."
        )


async def _next(
    connection: "asyncpg.Connection[asyncpg.Record]", migrations: Sequence[Migration]
) -> Migration | None:
    """The first file that is not applied, after checking that history is what the files say."""
    # These notices ("already exists, skipping") say nothing.
    await connection.execute("set local client_min_messages = warning")
    await connection.execute(_RECORDS)
    rows = await connection.fetch(
        "select m.version, c.sha256 from supabase_migrations.schema_migrations m "
        "left join chatsmart_migrations.checksums c using (version) order by m.version"
    )
    history: Mapping[str, str | None] = {row["version"]: row["sha256"] for row in rows}
    known = {migration.version for migration in migrations}
    for version in history:
        if version not in known:
            raise CannotMigrate(f"Migration {version} was applied to this database, and its file is gone.")
    pending = None
    for migration in migrations:
        if migration.version in history:
            if pending is not None:
                raise CannotMigrate(
                    f"{pending.path} is not applied, and the later {migration.path.name} is: give it a newer version."
                )
            await _check_unchanged(connection, migration, history[migration.version])
        elif pending is None:
            pending = migration
    return pending


async def _check_unchanged(
    connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration, checksum: str | None
) -> None:
    if checksum is None:  # the Supabase CLI applied it
        await _record_checksum(connection, migration)
    elif checksum != migration.checksum:
        raise CannotMigrate(
            f"{migration.path} was changed after it was applied to this database. Put it back as it was "
            "(git log shows when), and write the change as a new migration."
        )


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    try:
        # Rather fail than queue the app's traffic behind a lock that an old transaction keeps from us.
        await connection.execute("set local lock_timeout = '15s'")
        await connection.execute(migration.sql)
    except asyncpg.PostgresError as error:
        position = int(error.as_dict().get("position") or 0)
        line = f", line {migration.sql.count(chr(10), 0, position) + 1}" if position else ""
        raise CannotMigrate(f"{migration.path}{line}: {error}. Nothing of this file was applied.") from error
    await connection.execute(
        "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)",
        migration.version,
        migration.name,
        [migration.sql],
    )
    await _record_checksum(connection, migration)


async def _record_checksum(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    await connection.execute(
        "insert into chatsmart_migrations.checksums (version, sha256) values ($1, $2)",
        migration.version,
        migration.checksum,
    )


async def _set_password(connection: "asyncpg.Connection[asyncpg.Record]", app_dsn: str) -> None:
    """Give the app's role the password that its address carries. A role can't be a bind parameter: Postgres quotes."""
    password = unquote(urlsplit(app_dsn).password or "") if app_dsn else ""
    if password:
        statement = await connection.fetchval(
            "select format('alter role chatsmart_app password %L', $1::text)", password
        )
        await connection.execute(statement)


def main() -> None:
    """`python -m infra.migrate ADMIN_DSN`."""
    try:
        applied = asyncio.run(migrate(sys.argv[1]))
    except CannotMigrate as error:
        sys.exit(str(error))
    sys.stdout.write("".join(f"{name}\n" for name in applied) or "nothing to apply\n")


if __name__ == "__main__":
    main()
