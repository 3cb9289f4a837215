"""What a plugin can reach, and what it never holds."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.faults import BadRequest, Fault, NotGranted, Overloaded, PluginStopped
from shared.plugins.doors import Filling, Outward, Trail, fetching, logging
from shared.ports.fetch import Fetched, FetchRequest
from shared.ports.plugins import Grants
from tests.unit.plugin_house import Host

KEY = 'k3y/with+odd&signs"'
GRANTS = Grants(hosts=("a.example",), secrets=("key", "unset"), fetches=3)


class Way:
    """A door over a host."""

    def __init__(self) -> None:
        self.host, self.trail = Host(), Trail()
        self.filling = Filling(GRANTS.secrets, {"key": KEY})
        self.door = fetching(Outward(self.host, GRANTS, self.filling, self.trail))

    async def fetch(self, *args: Any, **more: Any) -> Any:
        """As a program whose author wrote these texts calls it."""
        wrote = self.armed({str(n): arg for n, arg in enumerate(args)} | more)
        return await self.door("fetch", wrote)

    def armed(self, value: Any) -> Any:
        """A value whose texts stood in the program."""
        if isinstance(value, dict):
            return {name: self.armed(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.armed(item) for item in value]
        return self.filling.armed(value) if isinstance(value, str) else value


async def test_a_request_goes_out_as_it_is_asked() -> None:
    """Method, headers, body; only to the granted hosts; an answer comes back with its JSON."""
    way = Way()
    way.host.answer = lambda request: Fetched(
        201, {"Content-Type": "application/json"}, b'{"a": [1]}', "https://a.example/end"
    )
    got = await way.fetch("https://a.example/x", "post", headers={"X-A": "b"}, body="ü")
    assert got == {
        "status": 201,
        "headers": {"content-type": "application/json"},
        "text": '{"a": [1]}',
        "json": {"a": [1]},
        "url": "https://a.example/end",
    }
    asked = way.host.asked[0]
    assert (asked.method, asked.url, asked.headers, asked.body) == (
        "POST",
        "https://a.example/x",
        {"X-A": "b"},
        "ü".encode(),
    )
    assert asked.hosts == frozenset({"a.example"})
    assert (way.trail.fetches, way.trail.hosts, way.trail.size) == (1, ["a.example"], 10)


async def test_params_are_escaped() -> None:
    """Nothing in them can end the query or begin another parameter."""
    way = Way()
    await way.fetch("https://a.example/?z=1", params={"q": "a&b=c#d/ü", "n": 3, "k": "{{secret:key}}"})
    assert way.host.asked[0].url == (
        "https://a.example/?z=1&q=a%26b%3Dc%23d%2F%C3%BC&n=3&k=k3y%2Fwith%2Bodd%26signs%22"
    )


async def test_marks_are_filled_outside_the_program() -> None:
    """In headers, address, body and JSON, each in the form that its place needs."""
    way = Way()
    await way.fetch(
        "https://a.example/{{secret:key}}?k={{ secret:key }}", headers={"A": "Bearer {{secret:key}}"}
    )
    await way.fetch("https://a.example", "POST", json={"a": ["{{secret:key}}"]})
    await way.fetch("https://a.example", "POST", body="k={{secret:key}}")
    first, second, third = way.host.asked
    assert first.headers == {"A": f"Bearer {KEY}"}
    assert first.url == "https://a.example/k3y/with%2Bodd%26signs%22?k=k3y%2Fwith%2Bodd%26signs%22"
    assert orjson.loads(second.body) == {"a": [KEY]}
    assert second.headers == {"Content-Type": "application/json"}
    assert third.body == f"k={KEY}".encode()


async def test_an_f_string_halves_the_braces_and_the_mark_holds() -> None:
    """An author may write it inside one."""
    way = Way()
    wrote = way.filling.armed("{{secret:key}}").replace("{{", "{").replace("}}", "}")
    assert way.filling.into(wrote) == KEY


async def test_a_stranger_s_mark_is_only_text() -> None:
    """What a model wrote, or a page said, can't have a secret sent along."""
    way = Way()
    await way.door("fetch", {"url": "https://a.example", "method": "POST", "body": "{{secret:key}}"})
    await way.door("fetch", {"url": "https://a.example", "method": "POST", "json": ["{{secret:key:0}}"]})
    assert [request.body for request in way.host.asked] == [b"{{secret:key}}", b'["{{secret:key:0}}"]']


async def test_what_comes_back_holds_no_secret() -> None:
    """A host that echoes everything tells the program nothing; nor does a fault that names the address."""
    way = Way()

    def echo(request: FetchRequest) -> Fetched:
        return Fetched(200, {"Echo": KEY}, request.url.encode() + request.body + KEY.encode(), request.url)

    way.host.answer = echo
    got = await way.fetch("https://a.example/?k={{secret:key}}", "POST", json={"k": "{{secret:key}}"})
    for form in (KEY, "k3y%2Fwith", "k3y/with", way.filling.armed("{{secret:key}}")):
        assert form not in str(got)
    assert "[secret:key]" in got["text"]

    def down(request: FetchRequest) -> Fetched:
        raise Overloaded(f"{request.url} is down")

    way.host.answer = down
    with pytest.raises(Overloaded) as fault:
        await way.fetch("https://a.example/{{secret:key}}")
    assert fault.value.message == "https://a.example/[secret:key] is down"
    assert way.trail.passing


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"url": "https://{{secret:key}}.example/"}, BadRequest),
        ({"url": "https://a.example{{secret:key}}"}, BadRequest),
        ({"url": "https://a.example", "headers": {"A": "{{secret:other}}"}}, NotGranted),
        ({"url": "https://a.example", "headers": {"A": "{{secret:unset}}"}}, BadRequest),
        ({"url": "https://a.example", "headers": {"A\r\nB": "c"}}, BadRequest),
        ({"url": "https://a.example", "headers": {"A": "b\r\nC: d"}}, BadRequest),
        ({"url": "https://a.example", "headers": {"Host": "b.example"}}, BadRequest),
        ({"url": "https://a.example", "headers": ["a"]}, BadRequest),
        ({"url": "https://a.example", "headers": {"A": 1}}, BadRequest),
        ({"url": "https://a.example", "method": "CONNECT"}, BadRequest),
        ({"url": "https://a.example", "method": 1}, BadRequest),
        ({"url": None}, BadRequest),
        ({}, BadRequest),
        ({"url": "https://a.example", "body": 1}, BadRequest),
        ({"url": "https://a.example", "body": "x" * (2**21 + 1)}, BadRequest),
        ({"url": "https://a.example", "cookies": {}}, BadRequest),
        ({"0": "https://a.example", "url": "https://a.example"}, BadRequest),
        ({"url": "https://a.example", "9": "x"}, BadRequest),
        ({"url": "https://a.example", "params": {"a": []}}, BadRequest),
    ],
)
async def test_what_is_no_request_is_not_sent(asked: dict[str, Any], kind: type[Fault]) -> None:
    """Refused before anything leaves."""
    way = Way()
    with pytest.raises(kind):
        await way.door("fetch", way.armed(asked))
    assert not way.host.asked


async def test_requests_are_counted() -> None:
    """No more than the grant says, whatever became of them."""
    way = Way()
    for _ in range(GRANTS.fetches):
        await way.fetch("https://a.example")
    with pytest.raises(PluginStopped) as stopped:
        await way.fetch("https://a.example")
    assert stopped.value.limit == "fetches"
    assert len(way.host.asked) == GRANTS.fetches


async def test_lines_are_logged_within_bounds() -> None:
    """So many, so long."""
    trail = Trail()
    log = logging(trail)
    for n in range(300):
        await log("log", {"0": f"{n} " + "x" * 5000})
    assert len(trail.logged) == 200
    assert max(map(len, trail.logged)) == 2000


@given(st.text(), st.text(min_size=6).filter(lambda text: not text.isspace()))
def test_no_text_brings_a_secret_back(around: str, value: str) -> None:
    """Whatever stands around it: as it is, and as JSON has it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    filling = Filling(("k",), {"k": value})
    mark = "[secret:k]"
    if value in mark or value in around:
        return
    assert value not in filling.out_of(f"\n{value}\n").replace(mark, "")
    assert filling.into(filling.armed("{{secret:k}}")) == value
    assert filling.into(around) == around
