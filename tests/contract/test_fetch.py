"""`ports.fetch.Fetch`: the guarded client against a real server on loopback, and its fake."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.adapters.fetch.client import GuardedFetch
from shared.core.faults import BadRequest, Fault, NotGranted, Overloaded, PluginStopped, Unavailable
from shared.fakes.fetch import FakeFetch
from shared.ports.fetch import Fetch, Fetched, FetchRequest
from tests.hostile.listener import Listener, reply

LOCAL = frozenset({"127.0.0.1"})


@dataclass
class World:
    """A client, a page that it can reach, and how many requests came through to it."""

    fetch: Fetch
    base: str
    count: Callable[[], int]


@pytest.fixture(params=["guarded", "fake"])
async def world(request: pytest.FixtureRequest) -> AsyncGenerator[World, None]:
    """Both know the pages /ok, /sad and /large."""
    if request.param == "fake":
        base = "http://127.0.0.1:1"
        fake = FakeFetch(
            {
                f"{base}/ok": Fetched(200, {"x-a": "1"}, b"fine", f"{base}/ok"),
                f"{base}/sad": Fetched(404, {}, b"none", f"{base}/sad"),
                f"{base}/large": Fetched(200, {}, b"x" * 5000, f"{base}/large"),
            }
        )
        yield World(fake, base, lambda: len(fake.asked))
        await fake.close()
        return
    async with Listener(
        {
            "/ok": reply(b"fine", headers=(("X-A", "1"), ("Set-Cookie", "a=b"))),
            "/sad": reply(b"none", status=404),
            "/large": reply(b"x" * 5000),
        }
    ) as listener:
        client = GuardedFetch(local_hosts=LOCAL)
        yield World(client, listener.base, lambda: len(listener.asked))
        await client.close()


def _ask(world: World, path: str, **fields: Any) -> FetchRequest:
    return replace(FetchRequest(world.base + path, hosts=LOCAL), **fields)


async def test_an_answer_comes_whole_whatever_its_status(world: World) -> None:
    """Status, body, headers by lower-case names without cookies, and the address that it came from."""
    got = await world.fetch.fetch(_ask(world, "/ok"))
    assert (got.status, got.body, got.url) == (200, b"fine", f"{world.base}/ok")
    assert got.headers["x-a"] == "1"
    assert "set-cookie" not in got.headers
    assert (await world.fetch.fetch(_ask(world, "/sad"))).status == 404


@pytest.mark.parametrize(
    "hosts", [frozenset[str](), {"other.example"}, {"*.0.0.1"}, {"127.0.0.1:7"}, {"*"}, {"*."}]
)
async def test_a_host_that_is_not_granted_is_not_asked(world: World, hosts: frozenset[str]) -> None:
    """Not even by a wildcard that is no name."""
    with pytest.raises(NotGranted):
        await world.fetch.fetch(_ask(world, "/ok", hosts=frozenset(hosts)))
    assert world.count() == 0


@pytest.mark.parametrize("url", ["", "ok", "ftp://127.0.0.1/ok", "http://a:b@127.0.0.1/ok", "http:///ok"])
async def test_what_is_no_address_is_a_bad_request(world: World, url: str) -> None:
    """Nothing is asked."""
    with pytest.raises(BadRequest):
        await world.fetch.fetch(FetchRequest(url, hosts=LOCAL))
    assert world.count() == 0


async def test_a_method_that_nobody_has_is_a_bad_request(world: World) -> None:
    """TRACE and CONNECT among them."""
    with pytest.raises(BadRequest):
        await world.fetch.fetch(_ask(world, "/ok", method="CONNECT"))


async def test_an_answer_over_its_size_is_not_taken(world: World) -> None:
    """The limit is named."""
    with pytest.raises(PluginStopped) as found:
        await world.fetch.fetch(_ask(world, "/large", most=4999))
    assert found.value.limit == "output"
    assert len((await world.fetch.fetch(_ask(world, "/large", most=5000))).body) == 5000


async def test_a_closed_client_asks_nothing(world: World) -> None:
    """It says so."""
    await world.fetch.close()
    with pytest.raises(Unavailable):
        await world.fetch.fetch(_ask(world, "/ok"))


async def test_a_fake_fault_is_raised_in_place_of_a_page() -> None:
    """So that a test can have any fault, and a page that is not there can't be reached."""
    fake = FakeFetch({"https://a.example/": NotGranted("no")})
    with pytest.raises(NotGranted):
        await fake.fetch(FetchRequest("https://a.example/", hosts=frozenset({"*.example", "a.example"})))
    with pytest.raises(Overloaded):
        await fake.fetch(FetchRequest("https://a.example/x", hosts=frozenset({"a.example"})))


async def test_what_goes_out_is_what_was_given() -> None:
    """Method, body and headers; nothing of the machine's: no cookie, no credential, no proxy, the name as host."""
    async with Listener({"/": reply(b"")}) as listener:
        client = GuardedFetch(local_hosts=LOCAL)
        body = b"y" * 300_000
        await client.fetch(
            FetchRequest(f"{listener.base}/", "post", {"X-Key": "k", "Host": "evil", "TE": "x"}, body, LOCAL)
        )
    asked = listener.asked[0]
    assert (asked.method, asked.body) == ("POST", body)
    assert asked.headers["x-key"] == "k"
    assert asked.headers["host"] == listener.base.removeprefix("http://")
    assert set(asked.headers) == {
        "host", "x-key", "user-agent", "accept", "accept-encoding", "content-length", "connection",
    }  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"X\r\nY": "1"},
        {"X": "1\r\nY: 2"},
        {"": "1"},
        {"X": "é"},
        {f"X{n}": "1" for n in range(65)},
        {"X": "1" * 17000},
    ],
)
async def test_a_header_that_is_none_is_refused(headers: dict[str, str]) -> None:
    """Line ends, too many and too long ones among them."""
    with pytest.raises(BadRequest):
        await GuardedFetch(local_hosts=LOCAL).fetch(
            FetchRequest("http://127.0.0.1:9/", headers=headers, hosts=LOCAL)
        )


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked_within_its_size(packing: str) -> None:
    """A bomb is stopped at the limit, and what it would come to is never held."""
    import zlib

    pack = gzip.compress if packing == "gzip" else zlib.compress
    how = (("Content-Encoding", packing),)
    async with Listener(
        {
            "/ok": reply(pack(b"fine" * 100), headers=how),
            "/bomb": reply(pack(b"\0" * 30_000_000), headers=how),
        }
    ) as listener:
        client = GuardedFetch(local_hosts=LOCAL)
        got = await client.fetch(FetchRequest(f"{listener.base}/ok", hosts=LOCAL))
        assert got.body == b"fine" * 100
        assert "content-encoding" not in got.headers
        with pytest.raises(PluginStopped) as found:
            await client.fetch(FetchRequest(f"{listener.base}/bomb", hosts=LOCAL, most=100_000))
    assert found.value.limit == "output"


BROKEN = {
    "/unasked": reply(b"x", headers=(("Content-Encoding", "br"),)),
    "/twice": reply(gzip.compress(b"x"), headers=(("Content-Encoding", "gzip, gzip"),)),
    "/rubbish": reply(b"no gzip at all", headers=(("Content-Encoding", "gzip"),)),
    "/cut": reply(gzip.compress(b"fine" * 999)[:30], headers=(("Content-Encoding", "gzip"),)),
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"Content-Length: 0\r\n\r\n",
    "/header": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "/nothing": b"",
    "/noise": b"\x00\xff\x16\x03\x01" * 10,
}


@pytest.mark.parametrize("path", sorted(BROKEN))
async def test_an_answer_that_is_none_is_the_hosts_fault(path: str) -> None:
    """Told as such, whatever is wrong with it, and the next request is served."""
    async with Listener({**BROKEN, "/ok": reply(b"fine")}) as listener:
        client = GuardedFetch(local_hosts=LOCAL)
        with pytest.raises(Fault) as found:
            await client.fetch(FetchRequest(listener.base + path, hosts=LOCAL))
        assert found.value.code in ("provider_cut", "provider_malformed", "provider_overloaded")
        assert (await client.fetch(FetchRequest(f"{listener.base}/ok", hosts=LOCAL))).body == b"fine"


@pytest.mark.parametrize("path", ["/silent", "/drip"])
async def test_a_slow_host_is_left_in_time(path: str) -> None:
    """Whether it says nothing or a byte now and then."""
    async with Listener({"/silent": None, "/drip": "drip"}) as listener:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(PluginStopped) as found:
            await GuardedFetch(local_hosts=LOCAL).fetch(
                FetchRequest(listener.base + path, hosts=LOCAL, seconds=0.3)
            )
        assert asyncio.get_running_loop().time() - begun < 1.5
    assert found.value.limit == "seconds"
