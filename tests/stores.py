"""Real stores for tests: one Postgres for all workers of a run, a database and a Redis for each worker.

The servers are the embedded home's, with fsync off, in a folder of the run that vanishes with its last worker,
however the workers end: the keeper sees to it.
"""

import asyncio
import fcntl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from infra.local import prepare
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.adapters.postgres.log import PostgresLog
from shared.adapters.postgres.seals import PostgresSeals
from shared.adapters.postgres.shelf import PostgresShelf
from shared.adapters.redis.bus import RedisBus
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.ledger import RedisLedger
from shared.ports.clock import Clock

TEMPLATE = "chatsmart_template"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a worker's stores are. `admin` is a superuser's, for arranging and for tampering."""

    admin: str
    app: str
    redis: str


@dataclass(frozen=True, slots=True)
class Stores:
    """The adapters, on a worker's own database and Redis. Tenants are fresh in every test, so nothing is wiped."""

    database: Database
    redis: RedisConnection
    log: PostgresLog
    shelf: PostgresShelf
    keys: PostgresKeys
    seals: PostgresSeals
    bus: RedisBus
    ledger: RedisLedger


def place(run: str, name: str = "") -> Path:
    """A short folder for one test run: sockets lie in it."""
    return Path(tempfile.gettempdir()) / f"cst-{run[:10]}{name}"


@contextmanager
def cluster(run: str) -> Iterator[Servers]:
    """The Postgres that all workers of a run share."""
    with Servers(place(run), names=("postgres",), durable=False, ephemeral=True) as servers:
        yield servers


def clone(servers: Servers, home: Path, name: str) -> None:
    """A fresh, migrated database called `name`. The template is made by whichever worker comes first."""
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(_clone(servers, name))


async def _clone(servers: Servers, name: str) -> None:
    connection = await asyncpg.connect(servers.postgres_dsn("postgres"))
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", TEMPLATE):
            await connection.execute(f"drop database if exists {TEMPLATE}_new with (force)")
            await connection.execute(f"create database {TEMPLATE}_new")
            await prepare(servers.postgres_dsn("postgres", f"{TEMPLATE}_new"))
            # a template that exists is whole: one that was interrupted keeps its other name
            await connection.execute(f"alter database {TEMPLATE}_new rename to {TEMPLATE}")
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.execute(f'create database "{name}" template {TEMPLATE}')
    finally:
        await connection.close()


@asynccontextmanager
async def opened(addresses: Addresses, clock: Clock) -> AsyncIterator[Stores]:
    """The adapters, closed at the end. One may run on a fake clock: only the ledger looks at it."""
    database = await Database.open(addresses.app)
    redis = RedisConnection(addresses.redis)
    log = PostgresLog(database)
    try:
        yield Stores(
            database=database,
            redis=redis,
            log=log,
            shelf=PostgresShelf(database),
            keys=PostgresKeys(database),
            seals=PostgresSeals(database),
            bus=RedisBus(redis),
            ledger=RedisLedger(redis, clock, log.spent),
        )
    finally:
        await redis.close()
        await database.close()
