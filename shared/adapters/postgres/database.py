"""The way into Postgres: a pool, a tenant's transaction, and faults instead of driver errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson

from shared.adapters.postgres.address import local, may_keep_statements
from shared.adapters.postgres.lost import LOST
from shared.adapters.postgres.pool import Connection, Pool, Record
from shared.adapters.postgres.queries import load
from shared.core.faults import OurFault, Unavailable
from shared.core.ids import TenantId

__all__ = ["Connection", "Database", "Record", "text_of"]
T = TypeVar("T")
_SQL = load("database")
_PAUSES = (0.0, 0.05, 0.2, 0.5)
"""Seconds before each further try to open a transaction: a server that restarts takes about that long."""
_ACQUIRE = 5.0
_COMMAND = 30.0
_CLOSE = 3.0
"""Seconds: how long to wait for a free connection, for a statement, and for those in use at the end."""

_LOST = (*LOST, asyncpg.TooManyConnectionsError, asyncpg.ReadOnlySQLTransactionError)
"""The server is not there, or goes away, or is the wrong one of a pair."""


class Database:
    """A pool of connections as the app's own, confined role."""

    def __init__(self, dsn: str, *, size: int = 10, cached: bool | None = None) -> None:
        """`cached` keeps prepared statements between transactions: a round trip less for each, but it breaks behind a
        transaction pooler (Supavisor, PgBouncer): at an address that names one it stays off whatever is asked. Left
        out, it is on over a unix socket only."""
        self._dsn, self._size = dsn, size
        self._cached = (local(dsn) if cached is None else cached) and may_keep_statements(dsn)
        self._open: Pool | None = None

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, cached: bool | None = None) -> "Database":
        """A database that is connected."""
        database = cls(dsn, size=size, cached=cached)
        await database.connect()
        return database

    async def connect(self) -> None:
        """Connect, and refuse a login that row-level security does not bind. Raises Unavailable, and OurFault for a
        login that must not be used."""
        self._open = Pool(self._connected, size=self._size, patience=_ACQUIRE)
        try:
            await self._check_login()
        except BaseException:
            await self.close()
            raise

    async def _connected(self) -> Connection:
        connection: Connection = await asyncpg.connect(
            self._dsn,
            statement_cache_size=100 if self._cached else 0,
            command_timeout=_COMMAND,
            timeout=_ACQUIRE,
        )
        return connection

    @property
    def _pool(self) -> Pool:
        if self._open is None:
            raise Unavailable("Postgres is not connected yet.")
        return self._open

    async def _check_login(self) -> None:
        unbound = (await self.call(_SQL["privileges"]))[0]["unbound"]
        if unbound:
            raise OurFault(
                f"DATABASE_URL logs in as a role that row-level security does not bind (through {', '.join(unbound)}). "
                "Use the role chatsmart_app; only migrations may use an administrator."
            )
        here = (await self.call(_SQL["confined"]))[0]
        if not here["migrated"]:
            raise OurFault(
                "The database that DATABASE_URL names is empty: apply the migrations first ('chatsmart migrate')."
            )
        if not here["member"]:
            raise OurFault("DATABASE_URL logs in as a role that may not act for tenants: use chatsmart_app.")

    async def close(self) -> None:
        """Close the pool; connections still in use are cut after some seconds."""
        pool, self._open = self._open, None
        if pool is not None:
            await pool.close(_CLOSE)

    async def ready(self) -> None:
        """Raises Unavailable where Postgres does not answer."""
        await self.call(_SQL["ready"])

    @contextlib.asynccontextmanager
    async def tenant(self, tenant: TenantId) -> AsyncIterator[Connection]:
        """A transaction that sees and writes this tenant's rows only. It commits where the block ends well.

        Raises Unavailable where the connection is lost: before the first statement after some tries, later at once,
        and then the block may have been committed or not.
        """
        opening, pool = _opening(tenant), self._pool
        with _translated():
            connection = await self._try(lambda fresh: _begun(fresh, opening), keep=True)
            try:
                yield connection
                await connection.execute("commit")
            except (*_LOST, asyncio.CancelledError):
                _drop(connection)  # cancelled: what the server makes of the statement is not waited for
                raise
            except BaseException:
                await _rollback(connection)
                raise
            finally:
                pool.release(connection)

    async def call(self, statement: str, *arguments: object) -> Sequence[Record]:
        """One statement as the app itself, outside any tenant: narrow functions only, nothing else is granted.

        The statement must bear repeating: it is sent again where the connection is lost. Raises Unavailable.
        """
        with _translated():
            return await self._try(lambda connection: self._fetched(connection, statement, arguments))

    async def _fetched(
        self, connection: Connection, statement: str, arguments: Sequence[object]
    ) -> Sequence[Record]:
        if self._cached:
            return await connection.fetch(statement, *arguments)
        # The driver asks what the parameters are first. Outside a transaction a pooler may let another server answer
        # that than the one that is then asked to run it.
        await connection.execute("begin")
        try:
            rows = await connection.fetch(statement, *arguments)
        except asyncpg.PostgresError:
            await _rollback(connection)
            raise
        await connection.execute("commit")
        return rows

    async def _try(self, act: Callable[[Connection], Awaitable[T]], *, keep: bool = False) -> T:
        """`act` on a connection, again on another one where it is lost; `keep` leaves it with the caller."""
        pool = self._pool
        for last, pause in enumerate(_PAUSES, start=1):
            if pause:
                await asyncio.sleep(pause)
            connection: Connection | None = None
            done = False
            try:
                connection = await pool.acquire()
                result = await act(connection)
                done = True
                return result
            except _LOST as error:
                if connection is not None:
                    _drop(connection)
                if isinstance(error, TimeoutError) or last == len(_PAUSES):
                    raise
            except asyncio.CancelledError:
                if connection is not None:
                    _drop(connection)
                raise
            finally:
                if connection is not None and not (keep and done):
                    pool.release(connection)
        raise AssertionError("unreachable")


def _drop(connection: Connection) -> None:
    """Never used again: what is left in it is unknown."""
    with contextlib.suppress(*_LOST):
        connection.terminate()


async def _begun(connection: Connection, opening: str) -> Connection:
    """The connection with a transaction open: nothing has been done in it yet, so losing it here is no loss."""
    try:
        await connection.execute(opening)
    except BaseException:
        await _rollback(connection)
        raise
    return connection


async def _rollback(connection: Connection) -> None:
    try:
        await connection.execute("rollback")
    except (*_LOST, asyncpg.PostgresError):
        _drop(connection)


def _opening(tenant: TenantId) -> str:
    """Begin and confine, in one packet. The UUID is parsed first, so nothing but hex digits reaches the text."""
    try:
        canonical = UUID(tenant)
    except ValueError:
        raise OurFault("A tenant id reached the database that is no UUID.") from None
    return (
        "begin; select set_config('role', 'authenticated', true), "
        f"""set_config('request.jwt.claims', '{{"role":"authenticated","tenant_id":"{canonical}"}}', true)"""
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        raise Unavailable(f"Postgres can't be reached ({type(error).__name__}).") from error
    except asyncpg.UniqueViolationError:
        raise  # the adapters know what it means
    except (asyncpg.PostgresError, UnicodeEncodeError) as error:
        raise OurFault(f"Postgres refused a statement ({type(error).__name__}).") from error


def text_of(value: Any) -> str:
    """A value as the JSON text that is stored. Raises OurFault for what JSON can't hold."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        raise OurFault(f"A value can't be stored as JSON: {error}.") from error
