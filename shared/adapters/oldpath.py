"""The old path over aiohttp: the one place that calls an address which a tenant has typed in.

What protects is the socket factory: it sees the very address that is about to be connected to, after all names are
resolved, for every try of every connection. aiohttp itself is imported by the first call (design law 13).
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.faults import Cut, Malformed, Overloaded, Rejected, TimedOut
from shared.cutover.address import permitted
from shared.ports.oldpath import Header, OldRequest

if TYPE_CHECKING:
    import ssl

    import aiohttp

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class OldLimits:
    """Seconds to connect, of silence inside an answer, and for a whole one; its most bytes; connections at a time."""

    connect: float = 5.0
    silence: float = 120.0
    total: float = 900.0
    most_bytes: int = 64 * 1024 * 1024
    connections: int = 500


class _Forbidden(OSError):
    """An address that must not be connected to."""


class HttpOldAnswer:
    """`ports.oldpath.OldAnswer` over an open response."""

    def __init__(self, response: "aiohttp.ClientResponse", most_bytes: int) -> None:
        self.status = response.status
        self.headers: Sequence[Header] = response.raw_headers
        self._response = response
        self._most = most_bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        """See the port."""
        import aiohttp

        size = 0
        try:
            async for piece in self._response.content.iter_any():
                size += len(piece)
                if size > self._most:
                    raise Malformed(f"The old path's answer is over {self._most >> 20} MiB.")
                yield piece
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError among them
            raise Cut(f"The old path's answer broke off ({type(error).__name__}).") from error


class HttpOldPath:
    """`ports.oldpath.OldPath`. `local` allows loopback; every other address must be public."""

    def __init__(
        self, *, local: bool, limits: OldLimits | None = None, tls: "ssl.SSLContext | None" = None
    ) -> None:
        """`tls` replaces the usual trust in the machine's authorities."""
        self._local = local
        self._limits = limits or OldLimits()
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def send(self, request: OldRequest) -> AsyncGenerator[HttpOldAnswer, None]:
        """See the port."""
        response = await self._begun(request)
        try:
            if 300 <= response.status < 400 and response.status != 304:
                raise Overloaded(
                    f"The old path redirects ({response.status}); set 'base_url' to the address that it moved to."
                )
            yield HttpOldAnswer(response, self._limits.most_bytes)
        finally:
            # Closed where the body was not read to its end, so that the other side stops; else kept for the next.
            response.close()

    async def close(self) -> None:
        """Let go of every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _begun(self, request: OldRequest) -> "aiohttp.ClientResponse":
        import aiohttp
        from yarl import URL

        session = self._session or self._open()
        body: bytes | AsyncIterator[bytes] = request.body
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        if len(request.body) > _PIECE:
            # aiohttp warns of whole bodies over 1 MiB: one write of them would hold the event loop up.
            headers.append(("content-length", str(len(request.body))))
            body = _pieces(request.body)
        try:
            async with asyncio.timeout(request.head_seconds):
                return await session.post(
                    URL(request.url, encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    timeout=self._patience(request.head_seconds),
                    skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
                )
        except aiohttp.ClientConnectorError as error:
            if _forbidden(error):
                raise Rejected("The old path's name leads to an address that is not public.") from None
            raise Overloaded(f"The old path can't be reached ({_words(error)}).") from error
        except TimeoutError as error:  # aiohttp's own are among them
            raise TimedOut("The old path did not begin to answer in time.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Overloaded(f"The old path can't be reached ({type(error).__name__}).") from error

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        limits = self._limits
        connector = aiohttp.TCPConnector(
            limit=limits.connections,
            keepalive_timeout=30,
            ttl_dns_cache=10,
            socket_factory=self._socket,
            ssl=True if self._tls is None else self._tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_field_size=32 * 1024,
            max_line_size=32 * 1024,
        )
        return self._session

    def _patience(self, head: float) -> "aiohttp.ClientTimeout":
        """Of one request. To aiohttp the wait for the head is silence too, so that is never cut shorter than asked."""
        import aiohttp

        limits = self._limits
        return aiohttp.ClientTimeout(
            total=limits.total, sock_connect=limits.connect, sock_read=max(limits.silence, head)
        )

    def _socket(self, found: Any) -> socket.socket:
        """aiohttp asks for a socket for each address that it is about to connect to."""
        family, kind, protocol, _, where = found
        if not permitted(where[0], local=self._local):
            raise _Forbidden("not a public address")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _forbidden(error: "aiohttp.ClientConnectorError") -> bool:
    """Whether none of the name's addresses may be connected to."""
    cause = error.os_error
    found: Sequence[BaseException] = getattr(cause, "exceptions", None) or (cause,)
    return any(isinstance(one, _Forbidden) or "not a public address" in str(one) for one in found)


def _words(error: "aiohttp.ClientConnectorError") -> str:
    """What went wrong, without addresses: they are nobody's business."""
    cause = error.os_error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, socket.gaierror) or "DNS" in type(error).__name__:
        return "its name can't be looked up"
    if "SSL" in type(error).__name__ or "Certificate" in type(error).__name__:
        return "its certificate can't be trusted"
    return type(cause).__name__


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
