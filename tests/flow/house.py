"""The whole product on loopback for one test: real stores, simulated providers, the web app behind a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from starlette.applications import Starlette

from functions.web.app import create_app
from infra.simulator import Pace, Simulator, start
from shared.bootstrap import Services, services
from shared.config import Settings
from shared.core.ids import TenantId
from shared.core.limit import Cap
from shared.core.money import Micros
from shared.core.tenant import Principal
from shared.ports.ledger import Balance
from shared.tenancy.keys import Keyring
from tests.stores import Addresses


@dataclass
class House:
    """A running product. `key` is an API key of `tenant`, `other_key` one of another tenant."""

    url: str
    key: str
    other_key: str
    tenant: TenantId
    simulator: Simulator
    services: Services

    @property
    def auth(self) -> dict[str, str]:
        """The headers of a caller."""
        return {"authorization": f"Bearer {self.key}"}

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """A plain HTTP client with a key."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def balance(self) -> Balance:
        """What the tenant's month holds."""
        cap = Cap("tenant", self.tenant, "month", Micros(10**12))
        return (await self.services.documents.stores.ledger.balance(self.tenant, [cap]))[0]

    async def quiet(self) -> Balance:
        """The balance once nothing is held any more. Raises TimeoutError where something stays held."""
        async with asyncio.timeout(3):
            while (found := await self.balance()).held:  # noqa: ASYNC110  # Redis tells nobody when a hold ends
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def opened(addresses: Addresses, *, pace: Pace | None = None, **changes: Any) -> AsyncIterator[House]:
    """Start everything; `changes` are settings."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(start(pace=pace))
        # A name of its own: what one test's models go through must not open another's breakers.
        settings = replace(Settings(), namespace=uuid4().hex).with_simulator(simulator.origin)
        settings = settings.with_stores(database=addresses.app, redis=addresses.redis, admin=addresses.admin)
        engine = services(replace(settings, **changes))
        url = await stack.enter_async_context(served(engine))
        keys = []
        for _ in range(2):
            tenant = TenantId(str(engine.ids.uuid()))
            await engine.keys.ensure_tenant(tenant, "test")
            keys.append((tenant, await _key(engine, tenant)))
        (tenant, key), (_, other_key) = keys
        yield House(url, key, other_key, tenant, simulator, engine)


@asynccontextmanager
async def served(engine: Services) -> AsyncIterator[str]:
    """The web app over an engine on a free port, as uvicorn serves it in earnest."""
    async with listening(create_app(engine)) as url:
        yield url


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[str]:
    """An app on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http="httptools",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            task.result()
            raise AssertionError("the server ended as it started")
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def _key(engine: Services, tenant: TenantId) -> str:
    owner = Principal(tenant, "test")
    _, secret = await Keyring(engine.keys, engine.clock, engine.ids).create(owner, "test")
    return secret
