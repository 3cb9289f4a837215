"""A stand-in for `vllm serve`: its little surface over real HTTP in a real process, misbehaving on command.

`python pretend.py --port N --how MANNER --state FOLDER`. What it was asked is appended to `asked.jsonl` in the folder.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from aiohttp import web


class Pretend:
    """The server's state: how it behaves, how many answers it is writing, whether it was told to end."""

    def __init__(self, how: str, state: Path) -> None:
        self.how, self.state = how, state
        self.loaded = self.ending = self.dead = False
        self.writing = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def health(self, request: web.Request) -> web.Response:
        """503 until loaded, and again once its engine is dead."""
        bad = not self.loaded or self.dead or self.how == "never-healthy"
        return web.Response(status=503 if bad else 200)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """One answer: at once, or piece by piece for a second."""
        body = await request.json()
        with (self.state / "asked.jsonl").open("a") as file:
            file.write(json.dumps({"inside": request.headers.get("x-chatsmart-inside", ""), **body}) + "\n")
        if self.how == "bad-warm-up":
            return web.json_response({"error": {"message": "no such kernel"}}, status=500)
        if self.how == "dies-warming":
            os._exit(4)
        if not body.get("stream"):
            return web.json_response({"choices": [{"message": {"content": "red"}}]})
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        self.writing += 1
        self.idle.clear()
        try:
            for piece in range(10):
                await answer.write(f"data: {piece}\n\n".encode())
                await asyncio.sleep(0.1)
            await answer.write(b"data: [DONE]\n\n")
        finally:
            self.writing -= 1
            if not self.writing:
                self.idle.set()
        return answer

    async def order(self, request: web.Request) -> web.Response:
        """`/sleep`, `/wake_up`; the latter may fail."""
        return web.Response(status=500 if self.how == "no-waking" and request.path == "/wake_up" else 200)

    async def run(self, port: int) -> None:
        """Serve until SIGTERM, then finish what is being written."""
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/sleep", self.order)
        app.router.add_post("/wake_up", self.order)
        runner = web.AppRunner(app)
        if self.how == "slow-start":
            await asyncio.sleep(0.7)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print("loading weights", flush=True)
        self.loaded = True
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, (lambda: None) if self.how == "hangs" else told.set)
        if self.how == "dies-later":
            loop.call_later(0.8, self._die)
        if self.how == "sickens":
            loop.call_later(0.8, setattr, self, "dead", True)
        await told.wait()
        await self.idle.wait()
        await runner.cleanup()

    def _die(self) -> None:
        print("CUDA error: an illegal memory access was encountered", flush=True)
        os._exit(9)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--how", default="well")
    parser.add_argument("--state", type=Path, required=True)
    told = parser.parse_args()
    # Its tests are over long before: whatever happens to them, it ends.
    threading.Timer(60, os._exit, (99,)).start()
    if told.how == "dies-at-start":
        print("ValueError: no room for the cache", flush=True)
        sys.stdout.flush()
        os._exit(3)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Pretend(told.how, told.state).run(told.port))
    os._exit(0)


if __name__ == "__main__":
    main()
