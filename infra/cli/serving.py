"""Serving the web app on a socket that is already ours, and stopping when told."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from functions.web.app import create_app
from infra.cli.trouble import Trouble

if TYPE_CHECKING:
    from shared.bootstrap import Services

GRACE_SECONDS = 1
"""How long open answers may go on after the order to stop."""


class Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: `up` has started more than the web, and stops all of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def server(services: "Services") -> Server:
    """A server of the web app on these services."""
    config = uvicorn.Config(
        create_app(services),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
        backlog=2048,
    )
    return Server(config)


async def ready(serving: asyncio.Task[None], running: Server, address: tuple[str, int]) -> None:
    """Return once `/readyz` answers 200. Raises Trouble where the server ends first or is not ready in time."""
    said = "the server has not started"
    try:
        async with asyncio.timeout(30):
            while True:
                if serving.done():
                    serving.result()
                    raise Trouble("The web app ended while it started; its reason stands above.")
                if running.started:
                    said = await _readyz(address)
                    if said.startswith("HTTP/1.1 200"):
                        return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise Trouble(f"The server did not become ready within 30 seconds: {said}.") from None


async def _readyz(address: tuple[str, int]) -> str:
    """The answer of /readyz, head and body."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError as error:
        return str(error)
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.read()).decode("utf-8", "replace")
    finally:
        writer.close()


def bind(host: str, port: int) -> socket.socket:
    """A socket of ours on the address; port 0 takes any free one. Raises Trouble where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        # Listening at once makes the address ours: of two that start together one is told so here.
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise Trouble(
            f"{host}:{port} can't be served ({error.strerror}).\n"
            f"Stop what uses it, or take another port: CHATSMART_PORT={port + 1 if port < 65535 else 8001} chatsmart up"
        ) from None
    return sock
