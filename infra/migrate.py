"""Migrations: plain SQL files named as the Supabase CLI names them, each applied once, in order, in a transaction.

What was applied is recorded in the CLI's own table, so that either tool sees the other's work, with a checksum beside
it, so that an edited file is refused instead of silently meaning two things.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from shared.adapters.postgres.address import pooled
from shared.adapters.postgres.lost import LOST

MIGRATIONS = Path(__file__).parent / "supabase" / "migrations"
_NAME = re.compile(r"(?P<version>\d{14})_(?P<name>[a-z0-9_]+)\.sql")
_OWN_TRANSACTION = re.compile(
    r"^\s*(begin|commit|rollback|start\s+transaction)\s*;", re.IGNORECASE | re.MULTILINE
)
_CONNECT_SECONDS = 10.0
_PATIENCE = 300.0
"""Seconds that one migrator waits for another."""
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
    """The migrations can't be applied. What was applied before stays, and of the file that failed there is nothing."""


class Interrupted(ConnectionError):
    """The database went away in the middle. Asking again goes on where it stopped."""


def ignore(line: str) -> None:
    """Nobody wants to know."""


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


async def migrate(
    admin_dsn: str,
    *,
    folder: Path = MIGRATIONS,
    app_dsn: str = "",
    tell: Callable[[str], None] = ignore,
    patience: float = _PATIENCE,
) -> Sequence[str]:
    """Apply what is missing; the names of the files applied. Any number of processes may do so at once.

    `admin_dsn` must be a superuser's or one with BYPASSRLS (Supabase: `postgres`). A password in `app_dsn` becomes that
    of its role. `tell` has the name of each file once it is applied, and a line where another migrator is waited for,
    for `patience` seconds at most. Raises CannotMigrate, naming the file, and Interrupted where the database goes away:
    both say what was applied and what was not, and the files applied stay. What connecting raises goes through.
    """
    migrations = found(folder)
    check_session(admin_dsn)
    connection = await asyncpg.connect(admin_dsn, statement_cache_size=0, timeout=_CONNECT_SECONDS)
    run = _Run(connection, migrations, tell, patience)
    try:
        await _check_admin(connection)
        while await run.step(app_dsn):
            continue
        return run.applied
    except CannotMigrate as error:
        raise CannotMigrate(f"{error} {run.summary()}".strip()) from error.__cause__
    except LOST as error:
        raise Interrupted(
            f"the database went away ({str(error) or type(error).__name__}). {run.summary()} "
            "Run it again once the database is back: it goes on where it stopped."
        ) from error
    finally:
        await _hang_up(connection)


class _Run:
    """One migrator at work: what it applied, and at which file it is."""

    def __init__(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        migrations: Sequence[Migration],
        tell: Callable[[str], None],
        patience: float,
    ) -> None:
        self._connection, self._migrations, self._tell, self._patience = (
            connection,
            migrations,
            tell,
            patience,
        )
        self.applied: list[str] = []
        self._pending: Migration | None = None
        self._ending = False
        """Whether its last statement was on the way: lost there, nobody knows whether it counts."""

    async def step(self, app_dsn: str) -> bool:
        """One file. Whether there may be more."""
        transaction = self._connection.transaction()
        self._ending = False
        # The lock ends with the transaction, so this works through a pooler as well; between two files another
        # migrator may get its turn, and finds the rest.
        await transaction.start()
        try:
            await self._lock()
            migration = self._pending = await _next(self._connection, self._migrations)
            if migration is None:
                await _set_password(self._connection, app_dsn)
            else:
                await _apply(self._connection, migration)
        except BaseException:
            if not self._connection.is_closed():
                await transaction.rollback()
            raise
        self._ending = True
        await transaction.commit()
        self._pending = None
        if migration is None:
            return False
        self.applied.append(migration.path.name)
        self._tell(migration.path.name)
        return True

    async def _lock(self) -> None:
        # Supabase ends a statement of its postgres role after two minutes; an index may take longer than that.
        await self._connection.execute("set local statement_timeout = 0")
        if await self._connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
            return
        self._tell("waiting: another migrator is at work")
        await self._connection.execute(f"set local lock_timeout = {round(self._patience * 1000)}")
        try:
            await self._connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        except asyncpg.LockNotAvailableError:
            raise CannotMigrate(
                f"Another migrator has been at work for {self._patience:g} seconds: "
                "look whether it still lives (pg_stat_activity), and try again."
            ) from None

    def summary(self) -> str:
        """What is applied and what is not, in words."""
        said = (
            f"Applied and kept: {', '.join(self.applied)}." if self.applied else "This run applied no file."
        )
        if self._pending is None:
            return said
        if self._ending:
            return f"{said} {self._pending.path.name} was being committed: whether it is applied shows the next run."
        later = len(self._migrations) - self._migrations.index(self._pending) - 1
        return (
            f"{said} Not applied: {self._pending.path.name}{f' and the {later} after it' if later else ''}."
        )


async def _hang_up(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A connection that is lost already can't take its leave."""
    try:
        await connection.close(timeout=_CONNECT_SECONDS)
    except (*LOST, asyncpg.PostgresError):
        connection.terminate()


def check_session(admin_dsn: str) -> None:
    """Raises CannotMigrate for an address whose connections are not one session."""
    if pooled(admin_dsn):
        raise CannotMigrate(
            "DATABASE_ADMIN_URL names port 6543, a pooler that may give each transaction another connection: "
            "what a migrator and a deploy hold in a session (their locks, their time limits) would be somebody else's. "
            "Name port 5432: the database's own address, or the pooler's for sessions."
        )


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
    if not await connection.fetchval("select to_regrole('authenticated') is not null"):
        raise CannotMigrate(
            "This Postgres has not the roles that a Supabase project has. For one of your own: "
            'psql "$DATABASE_ADMIN_URL" -f shared/adapters/embedded/supabase.sql, then migrate again.'
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
    except LOST:
        raise
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
        applied = asyncio.run(migrate(sys.argv[1], tell=_print))
    except (CannotMigrate, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.exit(f"The migrations can't be applied: {error}")
    _print(f"{len(applied)} applied, {len(found())} in all.")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
