"""A provider on loopback that says exactly what a test wants, byte by byte, and knows when its client leaves."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Step = bytes | float
"""Bytes to write, or seconds to wait."""


@dataclass
class Loopback:
    """What the server was asked and what became of its clients."""

    base_url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0


def head(status: int = 200, kind: str = "text/event-stream", *more: str) -> bytes:
    """The head of a response whose body comes in chunks."""
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}", "transfer-encoding: chunked", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def piece(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def answer(body: bytes, status: int = 200, kind: str = "application/json", *more: str) -> list[Step]:
    """A whole reply."""
    return [head(status, kind, *more), piece(body), LAST]


async def _asked(reader: asyncio.StreamReader, seen: Loopback) -> bool:
    try:
        header = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return False
    seen.heads.append(header.lower())
    length = next(line for line in header.lower().splitlines() if line.startswith("content-length:"))
    seen.bodies.append(await reader.readexactly(int(length.partition(":")[2])))
    return True


@asynccontextmanager
async def serving(steps: Sequence[Step], *, close: bool = False) -> AsyncGenerator[Loopback, None]:
    """A server that answers every request with `steps`; with `close` it breaks the connection after them."""
    seen = Loopback()
    handlers: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        seen.connections += 1
        try:
            while await _asked(reader, seen):
                leaving = asyncio.ensure_future(reader.read(1))
                leaving.add_done_callback(lambda read: None if read.cancelled() else seen.gone.set())
                for step in steps:
                    if isinstance(step, float):
                        await asyncio.wait([leaving], timeout=step)
                    else:
                        writer.write(step)
                        await writer.drain()
                if close:
                    return
                leaving.cancel()
                await asyncio.wait([leaving])
        except (ConnectionError, asyncio.CancelledError):
            seen.gone.set()
        finally:
            writer.close()
            handlers.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    seen.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.close()
        for handler in list(handlers):
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
