"""The client behind a plugin's `fetch`: aiohttp that connects to checked addresses and to nothing else.

A session lives for one hop: no cookie, connection, name or credential is left from one plugin's request for another's.
"""

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.adapters.fetch import guard
from shared.adapters.fetch.guard import Target
from shared.core.faults import BadRequest, Cut, Malformed, NotGranted, Overloaded, PluginStopped, Unavailable
from shared.ports.fetch import Fetched, FetchRequest

if TYPE_CHECKING:
    import ssl

    import aiohttp

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a name. Raises OSError where it has none."""

_REDIRECTS = 3
_PIECE = 64 * 1024
_MOST_SENT = 2 * 2**20
_SEE_OTHER = 303
_MOVED = frozenset({301, 302, 303, 307, 308})


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses that this machine's resolver knows."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request of a chain of redirects."""

    at: Target
    method: str
    headers: dict[str, str]
    body: bytes


class GuardedFetch:
    """`ports.fetch.Fetch` over the network."""

    def __init__(
        self,
        *,
        local_hosts: Collection[str] = (),
        resolve: Resolve = resolved,
        tls: "ssl.SSLContext | None" = None,
        at_once: int = 100,
    ) -> None:
        """`local_hosts` may be asked at loopback, over plain HTTP and at any port, where they are granted: for
        development. `tls` replaces the trust in Mozilla's certificates; `at_once` bounds open requests."""
        self._local, self._resolve, self._tls = frozenset(local_hosts), resolve, tls
        self._places = asyncio.Semaphore(at_once)
        self._closed = False

    async def fetch(self, request: FetchRequest) -> Fetched:
        """See the port."""
        if self._closed:
            raise Unavailable("The client is closed.")
        at = guard.target(request.url, request.hosts, self._local)
        method = request.method.upper()
        if method not in guard.METHODS:
            raise BadRequest(f"The method must be one of {', '.join(sorted(guard.METHODS))}.", param="method")
        if len(request.body) > _MOST_SENT:
            raise BadRequest(f"A request's body may have {_MOST_SENT // 2**20} MiB.", param="body")
        hop = _Hop(at, method, guard.sent(request.headers), request.body)
        try:
            async with asyncio.timeout(request.seconds), self._places:
                return await self._followed(hop, request)
        except TimeoutError as error:
            raise PluginStopped(f"'{at.host}' did not answer within {request.seconds:g} s.") from error

    async def close(self) -> None:
        """See the port: nothing is kept open between requests."""
        self._closed = True

    async def _followed(self, hop: _Hop, request: FetchRequest) -> Fetched:
        for _ in range(_REDIRECTS + 1):
            async with self._asked(hop) as response:
                location = response.headers.get("location")
                if response.status not in _MOVED or not location:
                    body = await _read(response, hop, request.most)
                    headers = guard.told(list(response.headers.items()))
                    return Fetched(response.status, headers, body, hop.at.url)
                hop = _next(hop, response.status, guard.onward(hop.at, location, request.hosts, self._local))
        raise NotGranted(f"'{hop.at.host}' redirects more than {_REDIRECTS} times.")

    @asynccontextmanager
    async def _asked(self, hop: _Hop) -> AsyncIterator["aiohttp.ClientResponse"]:
        """The answer's head, from a connection to a checked address."""
        import aiohttp
        from yarl import URL

        at = hop.at
        pinned = guard.addresses(at, await self._found(at))
        headers = {"user-agent": "chatsmart-plugin", "accept": "*/*"} | hop.headers
        headers["accept-encoding"] = "gzip, deflate"
        body: Any = hop.body or None
        if len(hop.body) > _PIECE:
            # aiohttp warns of whole bodies over 1 MiB: one write of them would hold the event loop up.
            headers["content-length"], body = str(len(hop.body)), _pieces(hop.body)
        session = aiohttp.ClientSession(
            connector=self._connector(pinned),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("content-type",),
        )
        try:
            async with session:
                try:
                    url = URL(at.url, encoded=True)
                    response = await session.request(
                        hop.method, url, data=body, headers=headers, allow_redirects=False
                    )
                except (aiohttp.ClientError, OSError, ValueError) as error:
                    if isinstance(error, TimeoutError):
                        raise
                    raise Overloaded(f"'{at.host}' can't be reached ({type(error).__name__}).") from error
                async with response:
                    yield response
        except aiohttp.ClientError as error:
            raise Cut(f"The answer of '{at.host}' broke off ({type(error).__name__}).") from error

    async def _found(self, at: Target) -> Sequence[str]:
        try:
            found = await self._resolve(at.host, at.port)
        except (OSError, UnicodeError) as error:
            raise Overloaded(f"The name '{at.host}' has no address.") from error
        if not found:
            raise Overloaded(f"The name '{at.host}' has no address.")
        return found

    def _connector(self, pinned: tuple[str, ...]) -> "aiohttp.TCPConnector":
        """One that knows these addresses for any name, and opens no socket to another."""
        import aiohttp
        from aiohttp.abc import AbstractResolver, ResolveResult

        class Pinned(AbstractResolver):
            """Answers with the checked addresses: a name is not looked up a second time."""

            async def resolve(
                self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
            ) -> list[ResolveResult]:
                return [
                    {
                        "hostname": host,
                        "host": address,
                        "port": port,
                        "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                        "proto": 0,
                        "flags": socket.AI_NUMERICHOST,
                    }
                    for address in pinned
                ]

            async def close(self) -> None:
                return

        def opened(info: Any) -> socket.socket:
            """The last look, at the very address that is about to be connected to."""
            family, kind, proto, _, where = info
            if where[0] not in pinned:
                raise OSError("an address that was not checked")
            return socket.socket(family=family, type=kind, proto=proto)

        return aiohttp.TCPConnector(
            resolver=Pinned(),
            use_dns_cache=False,
            force_close=True,
            socket_factory=opened,
            ssl=self._tls or _trusted(),
        )


def _next(hop: _Hop, status: int, there: Target) -> _Hop:
    """The request that a redirect asks for; to another host it takes neither secrets nor a body along."""
    elsewhere = there.origin != hop.at.origin
    changed = status == _SEE_OTHER or (status in (301, 302) and hop.method == "POST")
    if changed and hop.method != "HEAD":
        headers = {name: value for name, value in hop.headers.items() if not name.startswith("content-")}
        hop = _Hop(hop.at, "GET", headers, b"")
    if elsewhere and hop.method not in ("GET", "HEAD"):
        raise NotGranted(f"'{hop.at.host}' redirects a {hop.method} to another host.")
    return replace(hop, at=there, headers=guard.harmless(hop.headers) if elsewhere else hop.headers)


async def _read(response: "aiohttp.ClientResponse", hop: _Hop, most: int) -> bytes:
    """The body, unpacked, within `most` bytes on either side of the unpacking."""
    over = PluginStopped(f"The answer of '{hop.at.host}' is over {most // 1024} KiB.", limit="output")
    if hop.method == "HEAD":
        return b""
    if (response.content_length or 0) > most:
        raise over
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise Malformed(f"'{hop.at.host}' answers in a packing that was not asked for.")
    unpack = None if packing in ("identity", "") else zlib.decompressobj(wbits=47)
    whole, raw = bytearray(), 0
    async for piece in response.content.iter_any():
        raw += len(piece)
        if unpack is not None:
            try:
                if raw == len(piece) and packing == "deflate" and not _has_zlib_head(piece):
                    unpack = zlib.decompressobj(wbits=-15)
                piece = unpack.decompress(piece, most - len(whole) + 1)
            except zlib.error as error:
                raise Malformed(f"The answer of '{hop.at.host}' can't be unpacked.") from error
        whole += piece
        if len(whole) > most or raw > most:
            raise over
    if unpack is not None and raw and not unpack.eof:
        raise Cut(f"The answer of '{hop.at.host}' broke off.")
    return bytes(whole)


def _has_zlib_head(piece: bytes) -> bool:
    return len(piece) > 1 and piece[0] & 15 == 8 and (piece[0] * 256 + piece[1]) % 31 == 0


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), _PIECE):
        yield body[at : at + _PIECE]


@cache
def _trusted() -> "ssl.SSLContext":
    """Mozilla's certificates, whatever the environment names."""
    import ssl

    import certifi

    return ssl.create_default_context(cafile=certifi.where())
