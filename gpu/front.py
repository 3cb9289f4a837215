"""What stands before vLLM's own app, in its process (`--middleware gpu.front.Front`): plain ASGI, nothing to install.

It lets through what callers need and nothing else (with `VLLM_SERVER_DEV_MODE` the server also takes orders to sleep,
to load other weights and to call into its workers), says on every answer how the pool is, refuses new work once the
replica is to end or its engine is dead, and refuses work whose prefix would be cached for everybody. A token of an
answer passes through untouched.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Literal

from gpu.metrics import WAITING, totals
from shared.config import PoolSide

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
State = Literal["ready", "draining", "sick"]

STATE_HEADER = b"x-chatsmart-pool"
WAITING_HEADER = b"x-chatsmart-pool-waiting"
INSIDE_HEADER = b"x-chatsmart-inside"
WORK = frozenset({("POST", "/v1/chat/completions"), ("POST", "/v1/completions")})
ALLOWED = WORK | {("GET", path) for path in ("/health", "/v1/models", "/metrics", "/version")}
METRICS = "/metrics/"
"""With the slash it is the Prometheus client's own app, which can be asked for one metric alone; without it, all 67 kB
of them are rendered, for 4 ms of the loop that also writes tokens (vLLM 0.32.0)."""
LARGEST_BODY = 16 << 20
"""Bytes. The longest prompt that any kind of GPU takes is under one MiB of text."""
LOOK_SECONDS = 1.0
"""How old the word on the engine may be."""
LOOK_LIMIT = 0.5
"""Seconds that a request waits for fresh word; an engine that is slow to say how it is, is not thereby dead."""


class Front:
    """The middleware. One instance for the life of the server's process."""

    def __init__(self, app: App, side: PoolSide | None = None) -> None:
        self._app = app
        self._side = side or PoolSide.from_env()
        self._looked = float("-inf")
        self._sick = False
        self._waiting = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One connection's request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        asked = (scope["method"], scope["path"])
        if self._inside(scope):
            await self._app(scope, receive, send)
        elif asked not in ALLOWED:
            await self._refuse(send, 404, "NotFoundError", "This path is not served.")
        elif asked in WORK:
            await self._work(scope, receive, send)
        else:
            await self._app(scope, receive, self._marked(scope, send))

    def state(self) -> State:
        """How the pool is, as far as is known now."""
        folder = self._side.state
        if folder is not None and (folder / "draining").exists():
            return "draining"
        return "sick" if self._sick else "ready"

    async def _work(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if asyncio.get_running_loop().time() - self._looked > LOOK_SECONDS:
            await self._look(scope)
        state = self.state()
        if state != "ready":
            message = "This replica is about to end." if state == "draining" else "The engine has died."
            await self._refuse(send, 503, "ServiceUnavailableError", message)
            return
        body = await _body(receive)
        if body is None:
            return
        if len(body) > LARGEST_BODY:
            await self._refuse(send, 413, "BadRequestError", f"The body is over {LARGEST_BODY} bytes.")
            return
        if not _salted(body):
            text = "'cache_salt' is missing: without one, a prompt's prefix would be cached for all tenants."
            await self._refuse(send, 400, "BadRequestError", text, param="cache_salt")
            return
        receive = _again(body, receive)
        await self._app(scope, receive, self._marked(scope, send))

    def _inside(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether the pool's keeper asks: it left the token where only this machine's processes read it."""
        given = next((value for name, value in scope["headers"] if name == INSIDE_HEADER), b"")
        if not given or self._side.state is None:
            return False
        token = _token(self._side.state)
        return bool(token) and hmac.compare_digest(given, token)

    def _marked(self, scope: MutableMapping[str, Any], send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] >= 500:
                    await self._look(scope)
                message["headers"] = [*message.get("headers", ()), *self._headers()]
            await send(message)

        return marked

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [(STATE_HEADER, self.state().encode()), (WAITING_HEADER, b"%d" % self._waiting)]

    async def _refuse(
        self, send: Send, status: int, kind: str, message: str, param: str | None = None
    ) -> None:
        error = {"message": message, "type": kind, "param": param, "code": status}
        body = json.dumps({"error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if status == 503:
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": status, "headers": headers + self._headers()})
        await send({"type": "http.response.body", "body": body})

    async def _look(self, scope: MutableMapping[str, Any]) -> None:
        """Ask the server itself, without a network: whether the engine lives, and how many requests wait."""
        self._looked = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(LOOK_LIMIT):
                health, _ = await _ask(self._app, scope, "/health", b"")
                self._sick = health >= 500
                status, text = await _ask(self._app, scope, METRICS, b"name[]=" + WAITING.encode())
        except TimeoutError:
            return
        if status == 200:
            self._waiting = int(totals(text.decode("utf-8", "replace")).get(WAITING, 0))


def _token(folder: Path) -> bytes:
    try:
        return (folder / "token").read_bytes()
    except OSError:
        return b""


async def _ask(app: App, scope: MutableMapping[str, Any], path: str, query: bytes) -> tuple[int, bytes]:
    """Status and body of the app's own answer. An app that raises is taken for status 500."""
    status, body = 500, b""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body += message.get("body", b"")

    own = {
        **scope,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [],
    }
    try:
        await app(own, receive, send)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not answer for its health
        return 500, b""
    return status, body


async def _body(receive: Receive) -> bytes | None:
    """All of a request's body, or the first bytes over the limit; None where the caller has left."""
    body = bytearray()
    while len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _salted(body: bytes) -> bool:
    """Whether the request has a salt. What is no JSON object is left to the server, to refuse in its own words."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return True
    return not isinstance(found, dict) or bool(found.get("cache_salt"))


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
