"""The embedded home of `make up`: servers, migrations, a demo tenant and its key."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import asyncpg

from infra.migrate import ignore, migrate
from shared.adapters.clock import SystemClock
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.adapters.postgres.log import PostgresLog
from shared.adapters.sealed import fresh_key
from shared.core.faults import Conflict
from shared.core.ids import KeyId, TenantId
from shared.core.tenant import Scope
from shared.ports.keys import ApiKey

DATABASE = "chatsmart"
DEMO_TENANT = TenantId("0193e6a0-0000-7000-8000-00000000de30")
KEY_PREFIX = "cs_"


@dataclass(frozen=True, slots=True)
class Home:
    """A running home. The addresses are what DATABASE_URL, DATABASE_ADMIN_URL and REDIS_URL would hold."""

    database_url: str
    database_admin_url: str
    redis_url: str
    tenant: TenantId
    key: str
    """The demo tenant's API key, an operator's: for the person at this machine."""
    secret_key: str = field(repr=False)
    """What CHATSMART_SECRET_KEY would hold: encrypts this home's secrets at rest."""
    servers: Servers | None


@contextlib.asynccontextmanager
async def home(
    folder: Path,
    *,
    database_url: str = "",
    database_admin_url: str = "",
    redis_url: str = "",
    tell: Callable[[str], None] = ignore,
) -> AsyncIterator[Home]:
    """Start what is not given, bring the database up to date, seed, and stop again at the end. `tell` has the name of
    each migration once it is applied.

    Any number of processes may open the same folder: they share its servers. Raises Unavailable and CannotMigrate.
    """
    servers = _servers(folder, postgres=not database_url, redis=not redis_url)
    if servers is not None:
        await asyncio.to_thread(servers.start)
    try:
        if not database_url:
            assert servers is not None
            await _create_database(servers.postgres_dsn("postgres"))
            database_admin_url = servers.postgres_dsn("postgres", DATABASE)
            database_url = servers.postgres_dsn("chatsmart_app", DATABASE)
            await prepare(database_admin_url, tell)
        elif database_admin_url:
            await migrate(database_admin_url, app_dsn=database_url, tell=tell)
        if not redis_url:
            assert servers is not None
            redis_url = servers.redis_dsn()
        key = await _seed(folder, database_url)
        secret_key = await asyncio.to_thread(_kept, folder / "secret.key", fresh_key)
        yield Home(database_url, database_admin_url, redis_url, DEMO_TENANT, key, secret_key, servers)
    finally:
        if servers is not None:
            await asyncio.shield(asyncio.to_thread(servers.stop))


def _servers(folder: Path, *, postgres: bool, redis: bool) -> Servers | None:
    if postgres and redis:
        return Servers(folder)
    if postgres:
        return Servers(folder, names=("postgres",))
    return Servers(folder, names=("redis",)) if redis else None


async def prepare(admin_dsn: str, tell: Callable[[str], None] = ignore) -> None:
    """Make an empty embedded database what a Supabase project is at first, and migrate it."""
    bootstrap = (files("shared.adapters.embedded") / "supabase.sql").read_text("utf-8")
    connection = await asyncpg.connect(admin_dsn)
    try:
        # two processes that open a home for the first time come one after the other
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(5541277063341)")
            await connection.execute("set local client_min_messages = warning")
            await connection.execute(bootstrap)
    finally:
        await connection.close()
    await migrate(admin_dsn, tell=tell)


async def _create_database(admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"create database {DATABASE}")
    finally:
        await connection.close()


async def _seed(folder: Path, database_url: str) -> str:
    """The demo tenant and its key: the same at every start, written to a file that only its owner reads."""
    database = await Database.open(database_url, size=1)
    try:
        key = await asyncio.to_thread(_kept, folder / "key", lambda: KEY_PREFIX + secrets.token_urlsafe(32))
        digest = sha256(key.encode()).digest()
        await PostgresLog(database).ensure_partitions()
        keys = PostgresKeys(database)
        now = SystemClock().now()
        await keys.ensure_tenant(DEMO_TENANT, "Demo")
        known = await keys.principal(digest, now)
        if known is None:
            # named by its digest: two first starts at once, or a folder whose database was lost, do not collide
            name = KeyId(f"key_{digest.hex()[:32]}")
            scopes: frozenset[Scope] = frozenset({"member", "operator"})
            demo = ApiKey(name, DEMO_TENANT, "Demo key of this machine", key[-4:], scopes, now)
            if not await _create(keys, demo, digest):
                # It was revoked: whoever starts the home owns it, and needs a key that works.
                (folder / "key").unlink(missing_ok=True)
                return await _seed(folder, database_url)
    finally:
        await database.close()
    return key


async def _create(keys: PostgresKeys, demo: ApiKey, digest: bytes) -> bool:
    """Whether the key works now: made here, or by another start at the same moment; False where it was revoked."""
    try:
        await keys.create(demo, digest)
    except Conflict:
        return await keys.principal(digest, demo.created) is not None
    return True


def _kept(path: Path, make: Callable[[], str]) -> str:
    """A line that is made once, in a file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make() + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # whole or not at all, and the first of two starts wins
        fresh.unlink()
    return path.read_text().strip()
