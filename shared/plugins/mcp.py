"""Asking another server's tools over the Model Context Protocol, streamable HTTP.

Two eras of the protocol are in use. Up to revision 2025-11-25 a client shakes hands (`initialize`) and may be given a
session; since 2026-07-28 each request stands alone and carries its revision. Servers of the first era are met with
their handshake; a server that refuses that is asked again without. Source: modelcontextprotocol.io/specification, both
revisions, read in November 2026. All that a server says is hostile text: bounded here, fenced by who shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.core.faults import BadRequest, Malformed, Rejected
from shared.plugins.doors import Got, Outward
from shared.ports.plugins import Remote

HANDSHAKE = "2025-11-25"
"""The newest revision that begins with a handshake."""
_SHAKEN = ("2024-11-05", "2025-03-26", "2025-06-18", HANDSHAKE)
STATELESS = "2026-07-28"
"""The revision without one."""
_CLIENT = {"name": "chatsmart", "version": "1"}
_PAGES = 5
"""Pages of a list of tools that are looked through."""
_ENDED = 404
_WRONG = (400, 404, 405, 406, 415, 422, 501)
"""What servers without a handshake answer to one."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what a tool said."""

    title: str
    text: str
    url: str = ""


class McpClient:
    """One conversation with one server, for one call of a plugin."""

    def __init__(self, outward: Outward, remote: Remote) -> None:
        self._outward, self._remote = outward, remote
        self._headers = {name: outward.filling.armed(value) for name, value in remote.headers.items()}
        self._session = ""
        self._revision = ""
        self._last = 0

    async def ask(self, question: str) -> tuple[Text, ...]:
        """What the granted tools that the server has say to a question. Raises BadRequest where it has none of them,
        Malformed for an answer that is not of the protocol, Rejected for an error, and what fetching raises."""
        await self._begin()
        there = await self._tools()
        tools = [name for name in self._remote.tools if name in there]
        if not tools:
            raise BadRequest(
                f"The server has none of the granted tools; it has: {', '.join(sorted(there))[:500] or 'none'}."
            )
        found: list[Text] = []
        for tool in tools:
            result = await self._call(
                "tools/call", {"name": tool, "arguments": {self._remote.argument: question}}
            )
            found += _texts(tool, result)
        await self._end()
        return tuple(found)

    async def _begin(self) -> None:
        params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}
        self._revision = HANDSHAKE
        got = await self._post(
            {"jsonrpc": "2.0", "id": self._next(), "method": "initialize", "params": params}
        )
        try:
            if got.status in _WRONG:
                raise Rejected(
                    f"The server answered {got.status} to the handshake.", provider_status=got.status
                )
            result = _result(got, self._last)
        except Rejected as refusal:
            if refusal.provider_status in (401, 403):
                raise
            self._revision = STATELESS
            return
        revision = result.get("protocolVersion")
        if revision not in _SHAKEN:
            raise Malformed(
                f"The server speaks revision {str(revision)[:40]!r} of the protocol, which is not known."
            )
        self._revision, self._session = revision, got.header("mcp-session-id")[:500]
        await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def _tools(self) -> set[str]:
        names: set[str] = set()
        cursor: str | None = None
        for _ in range(_PAGES):
            result = await self._call("tools/list", {} if cursor is None else {"cursor": cursor})
            tools = result.get("tools")
            if not isinstance(tools, list):
                raise Malformed("The server's list of tools is none.")
            names |= {str(tool.get("name")) for tool in tools if isinstance(tool, dict)}
            cursor = result.get("nextCursor") if isinstance(result.get("nextCursor"), str) else None
            if cursor is None or names >= set(self._remote.tools):
                break
        return names

    async def _call(self, method: str, params: dict[str, Any]) -> Mapping[str, Any]:
        if self._revision == STATELESS:
            params = params | {
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": STATELESS,
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": _CLIENT,
                }
            }
        got = await self._post({"jsonrpc": "2.0", "id": self._next(), "method": method, "params": params})
        if got.status == _ENDED and self._session:
            raise Malformed("The server ended the session in the middle.")
        result = _result(got, self._last)
        if result.get("resultType", "complete") != "complete":
            raise Malformed("The server asks for more input, which a source can't give.")
        return result

    async def _post(self, message: dict[str, Any]) -> Got:
        headers = self._headers | {"Accept": "application/json, text/event-stream"}
        method = message["method"]
        if method != "initialize":
            headers["MCP-Protocol-Version"] = self._revision
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if self._revision == STATELESS:
            headers["Mcp-Method"] = method
            if method == "tools/call":
                headers["Mcp-Name"] = message["params"]["name"]
        return await self._outward.send("POST", self._remote.url, headers, json=message)

    async def _end(self) -> None:
        """Tell the server that its session is over; it may not know how."""
        if self._session:
            headers = self._headers | {
                "Mcp-Session-Id": self._session,
                "MCP-Protocol-Version": self._revision,
            }
            await self._outward.send("DELETE", self._remote.url, headers)

    def _next(self) -> int:
        self._last += 1
        return self._last


def _result(got: Got, number: int) -> Mapping[str, Any]:
    """The result of the request `number` out of an answer, JSON or a stream of events."""
    message = next((one for one in _messages(got) if isinstance(one, dict) and one.get("id") == number), None)
    if message is None:
        if got.status >= 400:  # HTTP's errors
            raise Rejected(f"The server answered {got.status}.", provider_status=got.status)
        raise Malformed("The server's answer is none of the protocol.")
    error = message.get("error")
    if isinstance(error, dict):
        raise Rejected(
            f"The server refused: {str(error.get('message'))[:300]}",
            provider_status=got.status,
            provider_code=str(error.get("code"))[:40],
        )
    result = message.get("result")
    if not isinstance(result, dict):
        raise Malformed("The server's answer holds no result.")
    return result


def _messages(got: Got) -> list[Any]:
    texts = [got.text]
    if "text/event-stream" in got.header("content-type").lower():
        texts = _events(got.text)
    found: list[Any] = []
    for text in texts:
        try:
            value = orjson.loads(text)
        except ValueError:
            continue
        found += value if isinstance(value, list) else [value]
    return found


def _events(stream: str) -> list[str]:
    """The data of each event of a stream; a last event without its blank line counts."""
    found: list[str] = []
    lines: list[str] = []
    for line in [*stream.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            found.append("\n".join(lines))
            lines = []
    return found


def _texts(tool: str, result: Mapping[str, Any]) -> list[Text]:
    content = result.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    if result.get("isError"):
        said = " ".join(str(part.get("text", "")) for part in parts)
        raise Rejected(f"The tool '{tool}' failed: {said[:300]}")
    found = []
    for part in parts:
        resource = part.get("resource")
        held = resource if isinstance(resource, dict) else part
        text, url = held.get("text"), held.get("uri")
        if isinstance(text, str) and text.strip():
            title = held.get("title") or held.get("name") or tool
            found.append(Text(str(title), text, url if isinstance(url, str) else ""))
    if not found and result.get("structuredContent") is not None:
        found.append(Text(tool, orjson.dumps(result["structuredContent"]).decode()))
    return found
