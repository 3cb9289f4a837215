"""A small load generator: keep-alive HTTP/1.1 over raw asyncio streams, so that what is measured is the server."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


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


class Connection:
    """One connection, one request at a time."""

    def __init__(self, target: Target) -> None:
        self._request = target.head()
        parts = urlsplit(target.url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, tally: Tally) -> None:
        """One request. Raises RuntimeError for anything but a 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place)
        reader, writer = self._streams
        begun = time.perf_counter()
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode("latin-1").splitlines()[0] + " " + repr(await reader.read(300)))
        if b"transfer-encoding: chunked" in head:
            first = await self._chunks(reader)
        else:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            first = time.perf_counter()
        tally.first.append(first - begun)
        tally.whole.append(time.perf_counter() - begun)

    async def _chunks(self, reader: asyncio.StreamReader) -> float:
        first = 0.0
        while True:
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            await reader.readexactly(size + 2)
            if not size:
                return first
            first = first or time.perf_counter()

    def close(self) -> None:
        """Let go."""
        if self._streams is not None:
            self._streams[1].close()


async def closed_loop(target: Target, connections: int, seconds: float) -> Tally:
    """`connections` clients, each asking again as soon as it is answered, for `seconds`."""
    tally = Tally()
    until = time.perf_counter() + seconds

    async def client() -> None:
        connection = Connection(target)
        try:
            while time.perf_counter() < until:
                await connection.ask(tally)
        finally:
            connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
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
