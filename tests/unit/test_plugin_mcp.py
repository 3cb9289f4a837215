"""Other servers' tools as sources: both eras of the protocol, and whatever a hostile server says."""

import json
from typing import Any

import pytest

from shared.core.faults import BadRequest, Fault, Malformed, PluginStopped, Rejected
from shared.core.ids import TenantId
from shared.plugins.doors import Filling, Outward, Trail
from shared.plugins.manifest import Draft
from shared.plugins.mcp import McpClient, Text
from shared.ports.plugins import Grants, Remote
from tests.unit.mcp_server import ALONE, SHAKES, McpServer, Wire, mcp_server
from tests.unit.plugin_house import PluginHouse


def client(server: McpServer, fetches: int = 20, **remote: Any) -> McpClient:
    """A conversation with the server."""
    filling = Filling(("key",), {"key": "s3cret-value"})
    outward = Outward(Wire(), Grants(secrets=("key",), fetches=fetches), filling, Trail())
    headers = {"Authorization": "Bearer {{secret:key}}"}
    return McpClient(outward, Remote(server.url, **{"tools": ("find",), "headers": headers} | remote))


@pytest.mark.parametrize("as_events", [False, True])
async def test_a_server_with_a_handshake_is_asked(as_events: bool) -> None:
    """Handshake, list, call, farewell, in one session; answers as JSON and as events."""
    with mcp_server(as_events=as_events, key="Bearer s3cret-value") as server:
        found = await client(server, argument="q").ask("tea?")
    assert found == (Text("find", "Tea is a leaf."),)
    assert server.methods() == [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
        "DELETE",
    ]
    assert server.asked[3][2] == {"name": "find", "arguments": {"q": "tea?"}}
    assert {headers.get("mcp-session-id") for _, headers, _ in server.asked[1:4]} == {"s-1"}
    assert server.asked[0][1]["accept"] == "application/json, text/event-stream"
    assert not server.open


@pytest.mark.parametrize("as_events", [False, True])
async def test_a_server_without_a_handshake_is_asked(as_events: bool) -> None:
    """Each request carries its revision, its method and the tool's name."""
    with mcp_server(era=ALONE, as_events=as_events) as server:
        found = await client(server).ask("tea?")
    assert found == (Text("find", "Tea is a leaf."),)
    assert server.methods() == ["initialize", "tools/list", "tools/call"]
    headers = server.asked[2][1]
    assert (headers["mcp-protocol-version"], headers["mcp-method"], headers["mcp-name"]) == (
        ALONE,
        "tools/call",
        "find",
    )


@pytest.mark.parametrize("era", [SHAKES, ALONE])
async def test_only_granted_tools_are_called(era: str) -> None:
    """Each that the server has, wherever in its list; one that it lacks is passed over; none at all is an error."""
    with mcp_server(era=era, tools=("a", "other", "find")) as server:
        await client(server, tools=("find", "gone", "a")).ask("tea?")
        called = [params["name"] for method, _, params in server.asked if method == "tools/call"]
        with pytest.raises(BadRequest, match="other"):
            await client(server, tools=("gone",)).ask("tea?")
    assert called == ["find", "a"]


CONTENT = [
    {"type": "text", "text": "one"},
    {"type": "image", "data": "…"},
    {"type": "text", "text": "  "},
    {"type": "resource", "resource": {"uri": "https://a.example/2", "title": "Two", "text": "two"}},
    {"type": "resource_link", "uri": "https://a.example/3", "name": "three"},
    "nonsense",
]


async def test_texts_and_resources_are_found() -> None:
    """With title and address where they have one; what is no text is left out; structured content stands in."""
    with mcp_server(result={"content": CONTENT}) as server:
        assert await client(server).ask("tea?") == (
            Text("find", "one"),
            Text("Two", "two", "https://a.example/2"),
        )
        server.result = {"content": [], "structuredContent": {"a": [1]}}
        assert await client(server).ask("tea?") == (Text("find", '{"a":[1]}'),)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", Malformed),
        (b"<html>", Malformed),
        (b"[]", Malformed),
        (b"7", Malformed),
        (b'{"jsonrpc":"2.0","id":99,"result":{}}', Malformed),
        (b'{"jsonrpc":"2.0","id":3,"result":[]}', Malformed),
        (b'{"jsonrpc":"2.0","id":3,"result":{"resultType":"input_required"}}', Malformed),
        (b'{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no such thing"}}', Rejected),
        (b'{"jsonrpc":"2.0","id":3,"result":{"isError":true,"content":[{"text":"boom"}]}}', Rejected),
        (b"\xff" * 100, Malformed),
        (b"[" * 100_000, Malformed),
    ],
)
async def test_what_is_not_of_the_protocol_is_a_fault(raw: bytes, kind: type[Fault]) -> None:
    """Whatever a server answers, the call ends with a fault that names it."""
    with mcp_server(raw=raw) as server, pytest.raises(kind):
        await client(server).ask("tea?")


@pytest.mark.parametrize(
    "result",
    [{}, {"content": None}, {"content": [{"text": 5}]}, {"content": [{"resource": {"text": None}}]}],
)
async def test_nothing_said_is_nothing_found(result: dict[str, Any]) -> None:
    """No text, no finding, no error."""
    with mcp_server(result=result) as server:
        assert await client(server).ask("tea?") == ()


async def test_a_wrong_key_is_told() -> None:
    """And the server is not asked again in the other way."""
    with mcp_server(key="Bearer other") as server, pytest.raises(Rejected, match="401"):
        await client(server).ask("tea?")
    assert server.methods() == ["initialize"]


async def test_an_endless_list_ends() -> None:
    """Its pages are bounded, and so are all requests."""
    with mcp_server(tools=tuple(f"t{n}" for n in range(50))) as server:
        with pytest.raises(BadRequest):
            await client(server).ask("tea?")
        assert server.methods().count("tools/list") == 5
        with pytest.raises(PluginStopped):
            await client(server, fetches=4).ask("tea?")


async def test_a_server_is_a_source_like_others(tenant: TenantId) -> None:
    """Added, asked, recorded; its words can't carry a secret away, and its echo brings none back."""
    house = PluginHouse(tenant)
    house.host.fetch = Wire().fetch  # type: ignore[method-assign]  # this host is a real one
    with mcp_server(key="Bearer s3cret-value") as server:
        server.result = {"content": [{"text": json.dumps({"echo": "s3cret-value {{secret:key}}"})}]}
        remote = Remote(server.url, ("find",), {"Authorization": "Bearer {{secret:key}}"})
        await house.desk.keep_secret(house.who, "key", "s3cret-value")
        await house.desk.add(house.who, Draft("m", remote=remote, secrets=("key",)))
        found = await house.desk.sources(house.tenant, "{{secret:key}}", None, None)
        server.key = "changed"
        failed = await house.desk.sources(house.tenant, "tea", None, None)
    assert [(one.plugin, one.title, one.text) for one in found.findings] == [
        ("m", "find", '{"echo": "[secret:key] {{secret:key}}"}')
    ]
    (ran,) = found.ran
    assert (ran.called.outcome, ran.called.fetches, ran.called.hosts) == ("ok", 5, ("127.0.0.1",))
    call = next(params for method, _, params in server.asked if method == "tools/call")
    assert call["arguments"] == {"query": "{{secret:key}}"}
    assert not failed.findings
    assert failed.ran[0].called.outcome == "plugin_error"
