"""What every `ports.oldpath.OldPath` promises, and what the real one refuses to reach."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from shared.adapters.oldpath import HttpOldPath, OldLimits
from shared.core.faults import Cut, Fault, Malformed, Overloaded, Rejected, TimedOut
from shared.fakes.oldpath import ScriptedAnswer, ScriptedOldPath
from shared.ports.oldpath import Header, OldPath, OldRequest

BODY = bytes(range(256)) * 8
LIMITS = OldLimits(connect=1, silence=0.3, total=5, most_bytes=64 * 1024)
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Serve) -> AsyncIterator[str]:
    """A server on loopback that answers every request by `handler`."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def http(*, local: bool = True) -> AsyncIterator[HttpOldPath]:
    path = HttpOldPath(local=local, limits=LIMITS)
    try:
        yield path
    finally:
        await path.close()


def request(
    url: str, body: bytes = b"{}", headers: Sequence[Header] = (), seconds: float = 2.0
) -> OldRequest:
    return OldRequest(url, headers, body, seconds)


async def whole(path: OldPath, asked: OldRequest) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body."""
    async with path.send(asked) as answer:
        headers = {name.lower(): value for name, value in answer.headers}
        return answer.status, headers, b"".join([piece async for piece in answer.pieces()])


@pytest.fixture(params=["http", "scripted"])
async def odd(request: pytest.FixtureRequest) -> AsyncIterator[tuple[OldPath, str]]:
    """A path that answers 418 with bytes of every value, compressed or not: they are nobody's to undo."""
    headers = {"content-type": "odd/odd", "content-encoding": "gzip", "x-own": "1"}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=418, body=gzip.compress(BODY, mtime=0), headers=headers)

    async with AsyncExitStack() as stack:
        if request.param == "http":
            yield await stack.enter_async_context(http()), await stack.enter_async_context(served(answer))
        else:
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            script = (gzip.compress(BODY, mtime=0)[:100], 0.01, gzip.compress(BODY, mtime=0)[100:])
            yield ScriptedOldPath(ScriptedAnswer(418, raw, script)), "http://127.0.0.1:9"


async def test_an_answer_comes_as_it_is(odd: tuple[OldPath, str]) -> None:
    """Status, headers and bytes: nothing is decompressed, nothing added."""
    path, url = odd
    status, headers, body = await whole(path, request(url))
    assert (status, headers[b"content-type"], headers[b"content-encoding"]) == (418, b"odd/odd", b"gzip")
    assert (headers[b"x-own"], body) == (b"1", gzip.compress(BODY, mtime=0))


@pytest.fixture(params=["http", "scripted"])
async def gone(request: pytest.FixtureRequest) -> AsyncIterator[OldPath]:
    """A path that is not there."""
    if request.param == "scripted":
        yield ScriptedOldPath(Overloaded("It is not there."))
        return
    async with http() as path:
        yield path


async def test_a_path_that_is_gone_is_a_fault_before_any_answer(gone: OldPath) -> None:
    """So that somebody else can answer."""
    with pytest.raises(Overloaded):
        await whole(gone, request("http://127.0.0.1:9/v1"))


async def test_a_request_goes_as_it_was_made() -> None:
    """Path, query, headers and body to the byte, also a large one; no header of the client library's."""
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(asked: web.Request) -> web.Response:
        seen.append((asked.raw_path, dict(asked.headers), await asked.read()))
        return web.Response()

    async with served(answer) as url, http() as path:
        for body in (BODY, b"x" * (3 * 1024 * 1024)):
            await whole(
                path, request(f"{url}/v1/a%20b?c=d%2Fe+f", body, [(b"X-One", b"1"), (b"accept", b"*/*")])
            )
            where, headers, got = seen.pop()
            assert (where, got) == ("/v1/a%20b?c=d%2Fe+f", body)
            assert {name.lower() for name in headers} == {"host", "x-one", "accept", "content-length"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    """Wherever it leads: the key goes to the address that was set, or nowhere."""
    hits: list[str] = []

    async def answer(asked: web.Request) -> web.Response:
        hits.append(asked.path)
        return web.Response(status=status, headers={"location": "/elsewhere"})

    async with served(answer) as url, http() as path:
        with pytest.raises(Overloaded, match="redirects"):
            await whole(path, request(f"{url}/v1"))
    assert hits == ["/v1"]


async def stalled(asked: web.Request) -> web.StreamResponse:
    """A head, a byte, silence."""
    response = web.StreamResponse()
    await response.prepare(asked)
    await response.write(b"x")
    await asyncio.sleep(30)
    return response


async def endless(asked: web.Request) -> web.StreamResponse:
    """More and more."""
    response = web.StreamResponse()
    await response.prepare(asked)
    while True:
        await response.write(b"x" * 8192)


async def torn(asked: web.Request) -> web.StreamResponse:
    """Less than was promised."""
    response = web.StreamResponse(headers={"content-length": "100"})
    await response.prepare(asked)
    await response.write(b"x")
    assert asked.transport is not None
    asked.transport.close()
    return response


async def silent(_: web.Request) -> web.Response:
    """Nothing."""
    await asyncio.sleep(30)
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "fault"), [(stalled, Cut), (endless, Malformed), (torn, Cut), (silent, TimedOut)]
)
async def test_a_sick_path_ends_in_bounded_time_and_space(handler: Serve, fault: type[Fault]) -> None:
    """Silence, floods and torn answers are faults, soon."""
    async with served(handler) as url, http() as path, asyncio.timeout(3):
        with pytest.raises(fault):
            await whole(path, request(url, seconds=0.5))


async def test_a_whole_answer_may_take_longer_to_begin_than_to_go_on() -> None:
    """Silence before the head is a model at work: only the request's own limit ends it."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(2 * LIMITS.silence)
        return web.Response(text="late")

    async with served(slow) as url, http() as path:
        assert (await whole(path, request(url)))[2] == b"late"


async def test_leaving_ends_the_request_at_the_other_side() -> None:
    """In the middle of the body, at once."""
    ended = asyncio.Event()

    async def answer(asked: web.Request) -> web.StreamResponse:
        try:
            return await stalled(asked)
        finally:
            ended.set()

    async with served(answer) as url, http() as path:
        async with path.send(request(url)) as open_answer:
            await anext(aiter(open_answer.pieces()))
        async with asyncio.timeout(1):
            await ended.wait()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"]
)
async def test_no_connection_is_made_to_this_machine(host: str) -> None:
    """Whatever name led to it, and whatever was checked before: the address itself is asked, as it is connected to."""
    hits: list[str] = []

    async def answer(asked: web.Request) -> web.Response:
        hits.append(asked.path)
        return web.Response()

    async with served(answer) as url, http(local=False) as path:
        port = url.rsplit(":", 1)[-1]
        with pytest.raises((Rejected, Overloaded)) as found:
            await whole(path, request(f"http://{host}:{port}/v1"))
        if host in ("127.0.0.1", "localhost", "[::1]"):
            assert isinstance(found.value, Rejected)
            assert "not public" in found.value.message
        async with http() as open_path:
            assert (await whole(open_path, request(f"{url}/v1")))[0] == 200
    assert hits == ["/v1"]
