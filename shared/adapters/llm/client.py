"""Providers over HTTP: one class for every wire format, one connection pool for all of them.

The httpx API over aiohttp's transport, which costs a quarter of plain httpx's processor time a chunk. No retries and
no time limits for answers: those are failover's (`shared/models/failover.py`).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

from shared.adapters.llm.wire import Reader, Wire
from shared.adapters.llm.wires import WIRES
from shared.core.chunk import Chunk
from shared.core.faults import Malformed, Overloaded, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.ports.provider import WireRequest

# httpx and aiohttp take a fifth of a second to import: they are loaded by the first call, not by the web app's
# start (design law 13).
if TYPE_CHECKING:
    import ssl

    import httpx

_TAIL = 2.0
"""Seconds to wait for usage and the end of the body once the provider has said that the answer is over."""
_DRAIN = 0.1
"""Seconds to wait for the end of the body after the last event: a connection that is read out can be used again."""
_PIECE = 256 * 1024
_MOST = 64 * 1024 * 1024
"""Bytes of a reply. The longest answer there is, a million tokens with an event each, is a quarter of this without
its padding; more is a provider that has gone mad."""


@cache
def _network() -> tuple[type[Exception], ...]:
    """What a connection can do; the transport lets some of aiohttp's errors through as they are."""
    import aiohttp
    import httpx

    return (httpx.TransportError, aiohttp.ClientError, OSError)


@cache
def _coding() -> type[Exception]:
    """A body that is not in the coding that its head names."""
    import httpx

    return httpx.DecodingError


class HttpReply:
    """`ports.provider.Reply` over an open response."""

    def __init__(self, response: "httpx.Response", reader: Reader) -> None:
        self.status = response.status_code
        self.simulated = response.headers.get("x-simulated") == "true"
        self._reader = reader
        self._body: list[bytes] = []
        self._size = 0
        self._over = False
        # A coding that we did not ask for is undone; `raw` is then what it held.
        coded = response.headers.get("content-encoding", "identity").lower() not in ("", "identity")
        stream = response.aiter_bytes() if coded else response.stream
        self._source = aiter(cast("AsyncIterator[bytes]", stream))

    def chunks(self) -> AsyncIterator[Sequence[Chunk]]:
        """See the port. Can be read once."""
        return self

    def __aiter__(self) -> "HttpReply":
        return self

    async def __anext__(self) -> Sequence[Chunk]:
        reader = self._reader
        while not self._over:
            if reader.fault is not None:
                self._over = True
                raise reader.fault
            data = await self._read()
            if data is None:
                self._over = True
                if chunks := reader.end():
                    self._over = reader.fault is None
                    return chunks
            elif chunks := reader.feed(data):
                return chunks
        raise StopAsyncIteration

    def raw(self) -> bytes:
        """See the port."""
        return b"".join(self._body)

    async def aclose(self) -> None:
        """Let go of what reads the body."""
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    async def _read(self) -> bytes | None:
        """The next network read; None where the body is over or the connection broke, which the reader tells apart:
        a body that ends without its terminal event was cut either way."""
        try:
            if self._reader.settled:
                async with asyncio.timeout(_DRAIN if self._reader.done else _TAIL):
                    data = await self._source.__anext__()
            else:
                data = await self._source.__anext__()
        except StopAsyncIteration:
            return None
        except _coding() as error:
            raise Malformed(f"The provider's answer can't be decompressed: {error}.") from error
        except _network():  # TimeoutError among them: what does not come soon after the end is not waited for
            return None
        self._body.append(data)
        self._size += len(data)
        if self._size > _MOST:
            raise Malformed(f"The provider's answer is over {_MOST >> 20} MiB.")
        return data


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


class HttpProvider:
    """`ports.provider.Provider` for every wire format in `wires`, at one base URL with one API key.

    A base URL is what the provider's own client takes: `https://api.openai.com/v1`, `https://api.anthropic.com`,
    `https://generativelanguage.googleapis.com/v1beta`, `https://api.perplexity.ai`, `http://host:8000/v1` for vLLM.
    """

    def __init__(
        self, client: "httpx.AsyncClient", base_url: str, api_key: str, wires: Mapping[str, Wire] = WIRES
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._wires = wires

    def prepare(self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> WireRequest:
        """See the port."""
        wire = self._wire(spec.wire)
        encoded = wire.encode(spec, prompt, stream=stream, request_id=request_id)
        return WireRequest(self._base_url + encoded.path, encoded.headers, encoded.body, stream, wire.name)

    def resume(
        self, spec: ModelSpec, prompt: Prompt, *, request: WireRequest, received: bytes, request_id: str
    ) -> WireRequest | None:
        """See the port."""
        wire = self._wire(request.wire)
        if not spec.resume or not request.stream or wire.resume is None:
            return None
        return wire.resume(request, received)

    @asynccontextmanager
    async def send(self, request: WireRequest) -> AsyncGenerator[HttpReply, None]:
        """See the port. Leaving before the body's end closes the connection: that is how a provider learns of it."""
        wire = self._wire(request.wire)
        headers = dict(request.headers)
        if self._api_key:
            headers |= wire.credential(self._api_key)
        body: bytes | AsyncIterator[bytes] = request.body
        if len(request.body) > _PIECE:
            # aiohttp warns of whole bodies over 1 MiB: one write of them would hold the event loop up.
            headers["content-length"] = str(len(request.body))
            body = _pieces(request.body)
        outgoing = self._client.build_request(request.method, request.url, headers=headers, content=body)
        try:
            response = await self._client.send(outgoing, stream=True)
        except _network() as error:
            raise Overloaded(f"The provider can't be reached ({type(error).__name__}).") from error
        reply = HttpReply(response, wire.reader(response.status_code, response.headers))
        try:
            yield reply
        finally:
            try:
                await response.aclose()
            finally:
                await reply.aclose()

    def _wire(self, name: str) -> Wire:
        if (wire := self._wires.get(name)) is None:
            raise Rejected(f"There is no wire format '{name}' here.")
        return wire


def open_client(
    *, connections: int = 1000, keepalive: float = 30.0, verify: "ssl.SSLContext | None" = None
) -> "httpx.AsyncClient":
    """The one client of a process, to be closed with `aclose`. Call it inside the running loop.

    `connections` bounds those open at a time; an idle one is kept `keepalive` seconds. Proxies and certificates of
    the environment are left alone, cookies and redirects too: a provider's API has neither.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import aiohttp
    import httpx
    from httpx_aiohttp import AiohttpTransport

    context = httpx.create_ssl_context(trust_env=False) if verify is None else verify

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=keepalive, ssl=context)
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    transport = AiohttpTransport(verify=context, trust_env=False, client=session)
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(None),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        trust_env=False,
        follow_redirects=False,
    )
