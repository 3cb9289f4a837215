"""Providers over HTTP: one class for every wire format, one connection pool for all of them.

aiohttp itself, without httpx round it: half the processor time of a call. No retries and no time limits for answers:
those are failover's (`shared/models/failover.py`).
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from shared.adapters.llm.wire import Reader, Wire
from shared.adapters.llm.wires import WIRES
from shared.core.chunk import Chunk
from shared.core.faults import Malformed, Overloaded, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.ports.provider import WireRequest

# aiohttp takes a tenth of a second to import: the first call loads it, not the start of a container (design law 13).
if TYPE_CHECKING:
    import ssl

    import aiohttp

_TAIL = 2.0
"""Seconds to wait for usage and the end of the body once the provider has said that the answer is over."""
_DRAIN = 0.1
"""Seconds to wait for the end of the body after the last event: a connection that is read out can be used again."""
_FAREWELL = 2.0
"""Seconds to tell a provider that nobody listens, where closing the connection does not."""
_PIECE = 256 * 1024
_MOST = 64 * 1024 * 1024
"""Bytes of a reply. The longest answer there is, a million tokens with an event each, is a quarter of this without
its padding; more is a provider that has gone mad."""


@cache
def _network() -> tuple[type[Exception], ...]:
    """What a connection can do. TimeoutError is an OSError."""
    import aiohttp

    return (aiohttp.ClientError, OSError)


@cache
def _coding() -> type[Exception]:
    """A body that is not in the coding that its head names."""
    from aiohttp.http_exceptions import ContentEncodingError

    return ContentEncodingError


class Client:
    """The one pool of connections of a process, which is made with the first call. To be closed."""

    __slots__ = ("_make", "_session")

    def __init__(self, make: "Callable[[], aiohttp.ClientSession]") -> None:
        self._make = make
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> "aiohttp.ClientSession":
        """The pool. To be asked for inside the running loop."""
        if self._session is None:
            self._session = self._make()
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class HttpReply:
    """`ports.provider.Reply` over an open response."""

    __slots__ = ("_body", "_content", "_reader", "_size", "over", "pool", "simulated", "status")

    def __init__(self, response: "aiohttp.ClientResponse", reader: Reader) -> None:
        self.status = response.status
        self.simulated = response.headers.get("x-simulated") == "true"
        self.pool = _pool(response.headers)
        self._reader = reader
        self._body: list[bytes] = []
        self._size = 0
        self.over = False
        # A coding that we did not ask for is undone; `raw` is then what it held.
        self._content = response.content

    def chunks(self) -> AsyncIterator[Sequence[Chunk]]:
        """See the port. Can be read once."""
        return self

    def __aiter__(self) -> "HttpReply":
        return self

    async def __anext__(self) -> Sequence[Chunk]:
        reader = self._reader
        while not self.over:
            if reader.fault is not None:
                self.over = True
                raise reader.fault
            data = await self._read()
            if data:
                if chunks := reader.feed(data):
                    return chunks
                continue
            self.over = True
            if chunks := reader.end():
                self.over = reader.fault is None
                return chunks
        raise StopAsyncIteration

    def raw(self) -> bytes:
        """See the port."""
        return b"".join(self._body)

    async def _read(self) -> bytes:
        """The next network read; empty where the body is over or the connection broke, which the reader tells apart:
        a body that ends without its terminal event was cut either way."""
        content, reader = self._content, self._reader
        try:
            if reader.settled and not content.at_eof():
                async with asyncio.timeout(_DRAIN if reader.done else _TAIL):
                    data = await content.readany()
            else:
                data = await content.readany()
        except (
            _network()
        ) as error:  # TimeoutError among them: what does not come soon after the end is not waited for
            if isinstance(error.__cause__, _coding()):
                raise Malformed(f"The provider's answer can't be decompressed: {error}.") from error
            return b""
        self._body.append(data)
        self._size += len(data)
        if self._size > _MOST:
            raise Malformed(f"The provider's answer is over {_MOST >> 20} MiB.")
        return data


class _Sending:
    """A request on its way: entering sends it and waits for the reply's head, leaving lets go of the connection."""

    __slots__ = ("_client", "_headers", "_reply", "_request", "_response", "_wire")

    def __init__(self, client: Client, request: WireRequest, headers: Mapping[str, str], wire: Wire) -> None:
        self._client, self._request, self._headers, self._wire = client, request, headers, wire

    async def __aenter__(self) -> HttpReply:
        request, headers = self._request, self._headers
        data: bytes | AsyncIterator[bytes] | None = request.body or None
        if len(request.body) > _PIECE:
            # aiohttp warns of whole bodies over 1 MiB: one write of them would hold the event loop up.
            headers = {**headers, "content-length": str(len(request.body))}
            data = _pieces(request.body)
        try:
            response = await self._client.session.request(
                request.method, request.url, data=data, headers=headers, allow_redirects=False
            )
        except _network() as error:
            raise Overloaded(f"The provider can't be reached ({type(error).__name__}).") from error
        self._response = response
        self._reply = HttpReply(response, self._wire.reader(response.status, response.headers, request.after))
        return self._reply

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Read to its end, the connection is back in the pool already; else this closes it.
        self._response.close()
        leave, reply = self._wire.leave, self._reply
        if leave is None or reply.over or (farewell := leave(self._request, reply.raw())) is None:
            return
        await asyncio.shield(self._say(farewell))

    async def _say(self, farewell: WireRequest) -> None:
        headers = {**self._headers, "content-length": "0"}
        with suppress(*_network()):
            async with asyncio.timeout(_FAREWELL):
                session = self._client.session
                async with session.request(farewell.method, farewell.url, headers=headers) as response:
                    await response.read()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


class HttpProvider:
    """`ports.provider.Provider` for every wire format in `wires`, at one base URL with one API key.

    A base URL is what the provider's own client takes: `https://api.openai.com/v1`, `https://api.anthropic.com`,
    `https://generativelanguage.googleapis.com/v1beta`, `https://api.perplexity.ai`, `http://host:8000/v1` for vLLM.
    """

    def __init__(
        self,
        client: Client,
        base_url: str,
        api_key: str,
        wires: Mapping[str, Wire] = WIRES,
        *,
        secret: bytes = b"",
    ) -> None:
        """`secret` is the deployment's own: out of it the names are made that keep tenants apart at a server."""
        self._secret = secret
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._wires = wires

    def prepare(
        self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str, tenant: str = ""
    ) -> WireRequest:
        """See the port."""
        wire = self._wire(spec.wire)
        encoded = wire.encode(spec, prompt, stream=stream, request_id=request_id)
        if wire.apart is not None:
            encoded = wire.apart(encoded, prompt, partial(_stands_for, self._secret, tenant))
        return WireRequest(self._base_url + encoded.path, encoded.headers, encoded.body, stream, wire.name)

    def resume(
        self, spec: ModelSpec, prompt: Prompt, *, request: WireRequest, received: bytes, request_id: str
    ) -> WireRequest | None:
        """See the port."""
        wire = self._wire(request.wire)
        if not spec.resume or wire.resume is None:
            return None
        return wire.resume(request, received)

    def send(self, request: WireRequest) -> _Sending:
        """See the port. Leaving before the body's end closes the connection: that is how a provider learns of it."""
        wire = self._wire(request.wire)
        headers = request.headers
        if self._api_key:
            headers = {**headers, **wire.credential(self._api_key)}
        return _Sending(self._client, request, headers, wire)

    def _wire(self, name: str) -> Wire:
        if (wire := self._wires.get(name)) is None:
            raise Rejected(f"There is no wire format '{name}' here.")
        return wire


_LONG = 5
"""Requests that wait in the pool's engine before others are sent elsewhere."""


def _pool(head: Mapping[str, str]) -> str:
    """What our own pool says of itself (`gpu/front.py`); nothing where it is well, or where it is no pool of ours."""
    said = head.get("x-chatsmart-pool", "")
    if said in ("draining", "sick"):
        return said
    waiting = head.get("x-chatsmart-pool-waiting", "")
    return "busy" if said and waiting.isdecimal() and int(waiting[:9]) > _LONG else ""


def _stands_for(secret: bytes, tenant: str, text: str) -> str:
    """A name for something of a tenant: the same each time, and made by nobody who lacks the secret."""
    return hmac.new(secret, f"{tenant}\0{text}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]


def open_client(
    *, connections: int = 1000, keepalive: float = 30.0, verify: "ssl.SSLContext | None" = None
) -> Client:
    """The one client of a process, to be closed with `aclose`. It belongs to the loop of its first call.

    `connections` bounds those open at a time; an idle one is kept `keepalive` seconds. Proxies and certificates of
    the environment are left alone, cookies and redirects too: a provider's API has neither.
    """
    return Client(partial(_session, connections, keepalive, verify))


def _session(connections: int, keepalive: float, verify: "ssl.SSLContext | None") -> "aiohttp.ClientSession":
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=connections, keepalive_timeout=keepalive, ssl=_trusted() if verify is None else verify
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"user-agent": "chatsmart"},
        trust_env=False,
    )


def _trusted() -> "ssl.SSLContext":
    """Mozilla's certificates, whatever the environment names."""
    import ssl

    import certifi

    return ssl.create_default_context(cafile=certifi.where())
