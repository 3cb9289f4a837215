"""Serving the web app on a socket that is already ours, until told to stop."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from functions.web.app import create_app
from infra.cli.listening import address
from infra.cli.trouble import Trouble
from shared.bootstrap import services
from shared.config import Settings

GRACE_SECONDS = 1
"""How long open answers may go on after the order to stop."""
READY_SECONDS = 30.0


class Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: `up` has started more than the web, and stops all of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def serving(settings: Settings, sock: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The app, ready, for as long as the block runs; gives the task that serves. Raises Fault where it can't start,
    Trouble where it starts and does not become ready."""
    app = create_app(services(settings))
    server = Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            # Run below: a fault of the start then arrives here as itself, not as a logged stack trace.
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Nothing here asks where a request came from; reading it off headers for each is for nothing.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
        )
    )
    async with app.router.lifespan_context(app):
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await _ready(task, server, address(sock))
            _settle()
            yield task
        finally:
            # Streams that are open when the grace is over are cut, and their readers come back with Last-Event-ID:
            # no reason for a stack trace each.
            logging.getLogger("uvicorn.error").disabled = True
            server.should_exit = True
            await task


def _settle() -> None:
    """What the start has made stays: the collector need not look through it again and again. A full collection stopped
    every stream for a tenth of a second, under load more than once in two."""
    gc.collect()
    gc.freeze()


async def _ready(task: asyncio.Task[None], server: Server, where: tuple[str, int]) -> None:
    said = "it has not started"
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not said.startswith("HTTP/1.1 200"):
                if task.done():
                    task.result()
                    raise Trouble("The web app ended while it started.")
                if server.started:
                    said = await _readyz(where)
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise Trouble(
            f"The server did not become ready within {READY_SECONDS:.0f} seconds: {said}."
        ) from None


async def _readyz(where: tuple[str, int]) -> str:
    """The answer of /readyz, head and body; why there is none, where there is none."""
    try:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    except OSError as error:
        return str(error)
    return answer.decode("utf-8", "replace")
