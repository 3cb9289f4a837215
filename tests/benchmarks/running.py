"""A real `chatsmart up`, its caller, and whoever makes its providers fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import psutil

from tests.flow.started import Started


@asynccontextmanager
async def callers(running: Started) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A client of the gateway, with the demo tenant's key and without the cache; one of the simulated providers behind
    it."""
    gateway = psutil.Process(running.process.pid)
    simulator = next(c for c in gateway.children() if "infra.simulator" in " ".join(c.cmdline()))
    port = next(c.laddr.port for c in simulator.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    headers = {"authorization": f"Bearer {running.key}", "cache-control": "no-store"}
    async with (
        httpx.AsyncClient(base_url=running.url, headers=headers, timeout=30) as asking,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as control,
    ):
        yield asking, control
