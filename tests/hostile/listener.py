"""A real server on loopback that says exactly what it is told to, and keeps what it was asked and by how many."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Said = bytes | None | str
"""An answer's bytes; None for silence; "drip" for a byte now and then."""


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def reply(body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """An answer of HTTP/1.1."""
    lines = [f"{name}: {value}\r\n" for name, value in (*headers, ("Content-Length", str(len(body))))]
    return f"HTTP/1.1 {status} X\r\n{''.join(lines)}\r\n".encode() + body


@dataclass
class Listener:
    """Answers by path. `connections` counts every one that was opened, whether or not a byte came."""

    pages: Mapping[str, Said]
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    asked: list[Heard] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """The names that TLS clients asked for."""

    @property
    def base(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        if self.tls is not None:
            self.tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._left = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            heard = await _heard(reader)
            self.asked.append(heard)
            said = self.pages.get(heard.path.partition("?")[0], reply(b"", 404))
            if said is None:
                await self._left.wait()
            elif isinstance(said, str):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
                while not self._left.is_set():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            else:
                writer.write(said)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _heard(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Heard(method, path, headers, body)
