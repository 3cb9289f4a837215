"""A server of the Model Context Protocol on loopback, of either era, and a plain way to ask it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from shared.ports.fetch import Fetched, FetchRequest

SHAKES, ALONE = "2025-06-18", "2026-07-28"


class Wire:
    """`ports.fetch.Fetch` over real HTTP, without its guard: the tests' servers are on loopback."""

    async def fetch(self, request: FetchRequest) -> Fetched:
        """See the port."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
        return Fetched(answer.status_code, dict(answer.headers), answer.content, str(answer.url))

    async def close(self) -> None:
        """See the port."""


@dataclass
class McpServer:
    """What it serves, how, and what it was asked."""

    url: str = ""
    era: str = SHAKES
    as_events: bool = False
    key: str = ""
    """What its Authorization header must be; empty: anybody."""
    tools: tuple[str, ...] = ("find", "other")
    result: dict[str, Any] = field(
        default_factory=lambda: {"content": [{"type": "text", "text": "Tea is a leaf."}]}
    )
    raw: bytes | None = None
    """Answers a tool's call with these bytes instead."""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    """Method of HTTP or of the protocol, headers in lower case, params."""
    open: set[str] = field(default_factory=set)

    def methods(self) -> list[str]:
        """What it was asked, in order."""
        return [method for method, _, _ in self.asked]

    def answer(self, headers: dict[str, str], message: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers for a message."""
        method, number = message.get("method"), message.get("id")
        if self.key and headers.get("authorization") != self.key:
            return 401, None, {}
        if self.era == ALONE:
            meta = message.get("params", {}).get("_meta", {})
            told = {meta.get("io.modelcontextprotocol/protocolVersion"), headers.get("mcp-protocol-version")}
            if told != {ALONE} or headers.get("mcp-method") != method:
                return 400, _error(number, -32022, "Unsupported protocol version"), {}
            return 200, _said(number, self._result(message) | {"resultType": "complete"}), {}
        if method == "initialize":
            self.open.add("s-1")
            shaken = {"protocolVersion": SHAKES, "capabilities": {"tools": {}}, "serverInfo": {"name": "t"}}
            return 200, _said(number, shaken), {"Mcp-Session-Id": "s-1"}
        if headers.get("mcp-session-id") not in self.open or headers.get("mcp-protocol-version") != SHAKES:
            return 404, None, {}
        if number is None:
            return 202, None, {}
        return 200, _said(number, self._result(message)), {}

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["method"] == "tools/call":
            return self.result
        at = int(message["params"].get("cursor", 0))
        more = {"nextCursor": str(at + 1)} if at + 1 < len(self.tools) else {}
        return {"tools": [{"name": name, "inputSchema": {}} for name in self.tools[at : at + 1]]} | more


def _said(number: Any, result: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _error(number: Any, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}


@contextmanager
def mcp_server(**how: Any) -> Iterator[McpServer]:
    """A running one; it ends with the block."""
    served = McpServer(**how)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append((message["method"], headers, message.get("params")))
            status, body, more = served.answer(headers, message)
            raw = b"" if body is None else json.dumps(body).encode()
            kind = "application/json"
            if message["method"] == "tools/call" and served.raw is not None:
                raw = served.raw
            elif served.as_events and body is not None:
                kind = "text/event-stream"
                news = b'event: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n'
                raw = b": hello\r\n\r\n" + news + b"id: 7\r\ndata: " + raw + b"\r\n\r\n"
            self._send(status, raw, {"Content-Type": kind} | more)

        def do_DELETE(self) -> None:
            served.asked.append(("DELETE", {}, None))
            served.open.discard(self.headers.get("Mcp-Session-Id") or "")
            self._send(204, b"", {})

        def _send(self, status: int, raw: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{http.server_port}/mcp"
    try:
        yield served
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
