"""A small load generator: keep-alive HTTP/1.1 on a bare asyncio protocol, so that what is measured is the server."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

_END = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a POST goes, and with what."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self) -> bytes:
        """The request, whole."""
        parts = urlsplit(self.url)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(slots=True)
class Tally:
    """Seconds: to the first byte of a body, and to its end, one each per answer."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One connection, one request at a time. `body` is the last answer's, framing left in where it came in chunks."""

    def __init__(self, target: Target) -> None:
        self._request = target.head()
        parts = urlsplit(target.url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._transport: asyncio.Transport | None = None
        self._over: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self.body = b""

    def turn(self, target: Target) -> None:
        """Ask this from now on, of the same server."""
        self._request = target.head()

    async def ask(self, tally: Tally) -> None:
        """One request. Raises RuntimeError for anything but a whole 200."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            await loop.create_connection(lambda: self, *self._place)
        assert self._transport is not None
        self._pieces, self._length, self._first = [], -1, 0.0
        self._over = loop.create_future()
        begun = time.perf_counter()
        self._transport.write(self._request)
        await self._over
        tally.whole.append(time.perf_counter() - begun)
        tally.first.append(self._first - begun)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        """Take in a read; the answer's last one ends the wait."""
        self._pieces.append(data)
        if self._length == -1:
            data = b"".join(self._pieces)
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = data[:end].lower(), data[end + 4 :]
            if not head.startswith(b"http/1.1 200"):
                self._fail(RuntimeError((head + b" " + data[:300]).decode("utf-8", "replace")))
                return
            self._pieces, self._size = [data], 0
            at = head.find(b"content-length:")
            self._length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else -2
        if not data:
            return
        self._first = self._first or time.perf_counter()
        self._size += len(data)
        tail = data if len(data) >= len(_END) else b"".join(self._pieces[-len(_END) :])
        if self._size >= self._length if self._length >= 0 else tail.endswith(_END):
            self.body = b"".join(self._pieces)
            if self._over is not None and not self._over.done():
                self._over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that is open now was cut."""
        self._transport = None
        self._fail(RuntimeError(f"The connection broke: {exc}."))

    def _fail(self, error: RuntimeError) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def close(self) -> None:
        """Let go."""
        if self._transport is not None:
            self._transport.close()


async def closed_loop(target: Target, connections: int, seconds: float, *, over: float = 0.0) -> Tally:
    """`connections` clients, each asking again as soon as it is answered, for `seconds`. Their first requests are
    spread `over` so many seconds."""
    tally = Tally()
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        connection = Connection(target)
        await asyncio.sleep(over * number / connections)
        try:
            while time.perf_counter() < until:
                await connection.ask(tally)
        finally:
            connection.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    return tally


async def paced(target: Target, rate: float, seconds: float) -> Tally:
    """`rate` requests a second, whatever the answers take."""
    tally, free, busy = Tally(), list[Connection](), list[asyncio.Task[None]]()

    async def one() -> None:
        connection = free.pop() if free else Connection(target)
        await connection.ask(tally)
        free.append(connection)

    begun = time.perf_counter()
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(begun + n / rate - time.perf_counter(), 0))
        busy.append(asyncio.create_task(one()))
    await asyncio.gather(*busy)
    for connection in free:
        connection.close()
    return tally


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
