"""A small app behind the front, in a real server: what vLLM's own app is to the middleware."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from gpu.front import Front
from shared.config import PoolSide


@dataclass
class Engine:
    """Behaviour of the app behind the front, and what reached it."""

    dead: bool = False
    waiting: int = 0
    slow_health: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as the server would."""
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        self.asked.append((scope["method"], path))
        status, body = 200, b"{}"
        if path == "/health":
            await asyncio.sleep(self.slow_health)
            status = 503 if self.dead else 200
        elif path.startswith("/metrics"):
            body = b'vllm:num_requests_waiting{engine="0"} %d.0\n' % self.waiting
        elif path in ("/v1/chat/completions", "/v1/completions"):
            self.bodies.append(await _body(receive))
            if b'"stream"' in self.bodies[-1]:
                await self._stream(send)
                return
            status = 500 if self.dead else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 0\n\n", "more_body": True})
        self.started.set()
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _body(receive: Any) -> bytes:
    found = b""
    while True:
        message: dict[str, Any] = await receive()
        found += message["body"]
        if not message["more_body"]:
            return bytes(found)


@asynccontextmanager
async def served(engine: Engine, state: Path) -> AsyncIterator[str]:
    """The front before `engine`, on loopback; its address."""
    state.mkdir(parents=True, exist_ok=True)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        front = Front(engine, PoolSide(state))
        server = uvicorn.Server(uvicorn.Config(front, log_level="warning", ws="none"))
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            engine.go_on.set()
            server.should_exit = True
            await task
