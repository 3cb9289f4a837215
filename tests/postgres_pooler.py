"""A pooler of transactions before a Postgres, on loopback: what PgBouncer and Supavisor do on port 6543.

Each transaction goes to the server connection that has rested longest, so that with two of them whatever was left in a
session (a named statement, a setting, a lock) is not there for whoever left it.
"""

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_SSL, _CANCEL = 80877103, 80877102
_ROUND_ENDS = b"QSF"
"""Query, Sync, FunctionCall: the server answers each with one ReadyForQuery."""


@dataclass(eq=False)
class Server:
    """One connection to Postgres. `owed` ReadyForQuery are still to come; `open`: a batch without its Sync."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes
    owed: int = 0
    open: bool = False


class Pooler:
    """`transactions` counts the hand-outs. The address is `dsn`. Set `password`, and it lets in who knows it.
    `cut` ends a client's connection at a message that holds it: before the server has it, or (`late`) after."""

    def __init__(self, target: str, size: int, host: str, tls: ssl.SSLContext | None) -> None:
        self._host, self._tls, self.password = host, tls, ""
        self.cut, self.late = b"", False
        parts = urlsplit(target)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._user, self._database = parts.username or "", parts.path.lstrip("/")
        self._size, self.port, self.transactions = size, 0, 0
        self._idle: deque[Server] = deque()
        self._free = asyncio.Condition()
        self._clients: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        """To the server, whoever has them."""

    @property
    def dsn(self) -> str:
        """For asyncpg."""
        return f"postgresql://{self._user}@{self._host}:{self.port}/{self._database}"

    async def fill(self) -> None:
        """Connect to the server."""
        while len(self._idle) < self._size:
            self._idle.append(await self._connect())

    async def _connect(self) -> Server:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        self._writers.append(writer)
        said = f"user\0{self._user}\0database\0{self._database}\0\0".encode()
        writer.write(struct.pack("!ii", 8 + len(said), 196608) + said)
        greeting = b""
        while not greeting.endswith(b"Z\0\0\0\5I"):
            kind, message = await _message(reader)
            assert kind != b"E", message
            greeting += message
        return Server(reader, writer, greeting)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it leaves."""
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with suppress(OSError, EOFError):
                if await self._greeted(reader, writer):
                    await _Client(self, reader, writer).run()
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            length, version = struct.unpack("!ii", await reader.readexactly(8))
            await reader.readexactly(length - 8)
            if version == _CANCEL:
                return False
            if version != _SSL:
                break
            writer.write(b"S" if self._tls else b"N")
            if self._tls:
                await writer.start_tls(self._tls)
        if self.password and not await self._knows(reader, writer):
            return False
        server = await self.take()
        writer.write(server.greeting)
        await self.give(server)
        return True

    async def _knows(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"R\0\0\0\x08\0\0\0\x03")
        _, message = await _message(reader)
        if message[5:-1].decode() == self.password:
            return True
        said = f'SFATAL\0C28P01\0Mpassword authentication failed for user "{self._user}"\0\0'.encode()
        writer.write(b"E" + struct.pack("!i", 4 + len(said)) + said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        return False

    async def take(self) -> Server:
        """The server connection that has rested longest."""
        async with self._free:
            await self._free.wait_for(lambda: self._idle)
            return self._idle.popleft()

    async def give(self, server: Server) -> None:
        """It is between two transactions."""
        async with self._free:
            self._idle.append(server)
            self._free.notify()

    async def replace(self, server: Server) -> None:
        """Its client left in the middle of a transaction: another takes its place."""
        server.writer.transport.abort()
        await self.give(await self._connect())

    async def left(self) -> list[str]:
        """What sessions keep that they should not: named statements, settings, advisory locks, temporary tables."""
        found = []
        for server in tuple(self._idle):
            found += await _asked(
                server,
                "select 'statement ' || name from pg_prepared_statements union all "
                "select 'setting ' || name || '=' || setting from pg_settings "
                "where source = 'session' and setting <> reset_val "
                "union all select 'claims ' || c from current_setting('request.jwt.claims', true) as c where c <> '' "
                "union all select 'lock' from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() "
                "union all select 'table ' || relname from pg_class where relpersistence = 't' "
                "and relnamespace = pg_my_temp_schema() union all select 'listens' from pg_listening_channels()",
            )
        return found

    async def close(self) -> None:
        """Everybody out."""
        for task in tuple(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


class _Client:
    """One who talks through the pooler, and the server connection it has for its transaction."""

    def __init__(self, pooler: Pooler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pooler, self._reader, self._writer = pooler, reader, writer
        self._server: Server | None = None
        self._back: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            while True:
                kind, message = await _message(self._reader)
                if kind == b"X":
                    return
                if self._back is not None and self._server is None:
                    await self._back
                if self._server is None:
                    self._server = await self._pooler.take()
                    self._pooler.transactions += 1
                    self._back = asyncio.create_task(self._answers(self._server))
                if self._pooler.cut and self._pooler.cut in message:
                    self._writer.transport.abort()
                    if self._pooler.late:
                        self._server.writer.write(message)
                    return
                self._server.open = kind not in _ROUND_ENDS
                self._server.owed += not self._server.open
                self._server.writer.write(message)
        finally:
            server, self._server = self._server, None
            if self._back is not None:
                self._back.cancel()
                await asyncio.gather(self._back, return_exceptions=True)
            if server is not None:
                await self._pooler.replace(server)

    async def _answers(self, server: Server) -> None:
        while True:
            kind, message = await _message(server.reader)
            if kind == b"Z":
                server.owed -= 1
                if message[-1:] == b"I" and not server.owed and not server.open:
                    # handed on before the client hears of it: its next word is a new transaction
                    self._server = None
                    await self._pooler.give(server)
                    self._writer.write(message)
                    return
            self._writer.write(message)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _asked(server: Server, statement: str) -> list[str]:
    """Rows of one text column, by the simple protocol."""
    body = statement.encode() + b"\0"
    server.writer.write(b"Q" + struct.pack("!i", 4 + len(body)) + body)
    rows = []
    while True:
        kind, message = await _message(server.reader)
        assert kind != b"E", message
        if kind == b"D":
            rows.append(message[11:].decode())
        if kind == b"Z":
            return rows


@asynccontextmanager
async def pooler(
    target: str, *, size: int = 2, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Pooler]:
    """A pooler before the Postgres of an address (over a unix socket, without a password)."""
    one = Pooler(target, size, host, tls)
    await one.fill()
    server = await asyncio.start_server(one.serve, host, 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await one.close()
