"""Connections to Postgres: the one used last is handed out first, and without a task or a timer for it.

asyncpg's own pool starts two tasks and two timers for each hand-out, a third of what an append cost on this side.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[Record]"
Connect = Callable[[], Awaitable[Connection]]
_LAZY = 300.0
"""Seconds after which an idle connection is not trusted any more: something on the way may have forgotten it."""


class Pool:
    """At most `size` connections, made when they are needed. Whoever waits longer than `patience` seconds for one gets
    a TimeoutError."""

    __slots__ = ("_back", "_busy", "_closed", "_connect", "_idle", "_left", "_patience", "_size", "_waiting")

    def __init__(self, connect: Connect, *, size: int, patience: float) -> None:
        self._connect, self._patience = connect, patience
        self._size = size
        self._left = size
        """How many more may be opened."""
        self._idle: list[tuple[Connection, float]] = []
        self._busy: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._back = asyncio.Event()

    async def acquire(self) -> Connection:
        """A connection, to be given back with `release`. Raises TimeoutError, what connecting raises, and
        asyncpg.InterfaceError where the pool is closed."""
        now = asyncio.get_running_loop().time()
        while True:
            if self._closed:
                raise asyncpg.InterfaceError("The pool is closed.")
            while self._idle:
                connection, since = self._idle.pop()
                if not connection.is_closed() and now - since < _LAZY:
                    self._busy.add(connection)
                    return connection
                self._drop(connection)
            if self._left:
                return await self._opened()
            if (given := await self._turn()) is not None:
                return given

    def release(self, connection: Connection) -> None:
        """Give it back. One that is closed, or in the middle of something, is not handed out again."""
        self._busy.discard(connection)
        if not self._busy:
            self._back.set()
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            self._drop(connection)
            self._next(None)
        elif self._next(connection):
            self._busy.add(connection)
        else:
            self._idle.append((connection, asyncio.get_running_loop().time()))

    async def close(self, seconds: float) -> None:
        """Close all of them; those that are still in use after so long are cut."""
        self._closed = True
        self._back.clear()
        while self._next(None):
            continue
        try:
            async with asyncio.timeout(seconds):
                for connection, _ in self._idle:
                    await connection.close()
                if self._busy:
                    await self._back.wait()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            for connection in (*self._busy, *(idle for idle, _ in self._idle)):
                connection.terminate()
        self._idle.clear()

    async def _opened(self) -> Connection:
        self._left -= 1
        try:
            connection = await self._connect()
        except BaseException:
            self._left += 1
            self._next(None)
            raise
        self._busy.add(connection)
        return connection

    async def _turn(self) -> "Connection | None":
        """Wait for one that is given back; None where there is room to open one instead."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._patience, _expire, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                given = turn.result()
                if given is None:
                    self._next(None)
                else:
                    self.release(given)
            raise
        finally:
            timer.cancel()

    def _next(self, connection: "Connection | None") -> bool:
        """Give the next who waits their turn. Whether anybody does."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    def _drop(self, connection: Connection) -> None:
        self._left += 1
        with contextlib.suppress(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            connection.terminate()


def _expire(turn: "asyncio.Future[Connection | None]") -> None:
    if not turn.done():
        turn.set_exception(TimeoutError("No connection to Postgres became free in time."))
