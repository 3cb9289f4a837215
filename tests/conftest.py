"""Fixtures for every test. Nothing starts before a test asks for it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.clock import RandomIds, SystemClock
from shared.core.ids import TenantId
from tests import stores as real
from tests.stores import Addresses, Stores


@pytest.fixture
def tenant() -> TenantId:
    """A tenant that nobody else uses. Only API keys need its row (`stores.keys.ensure_tenant`)."""
    return TenantId(str(RandomIds().uuid()))


@pytest.fixture
def other_tenant() -> TenantId:
    """A second one."""
    return TenantId(str(RandomIds().uuid()))


@pytest.fixture(scope="session")
def addresses(testrun_uid: str, worker_id: str) -> Iterator[Addresses]:
    """A migrated database and an empty Redis that only this worker uses."""
    from shared.adapters.embedded.home import Servers

    redis_home = real.place(testrun_uid, worker_id)
    with (
        real.cluster(testrun_uid) as postgres,
        Servers(redis_home, names=("redis",), durable=False, ephemeral=True) as redis,
    ):
        real.clone(postgres, real.place(testrun_uid), worker_id)
        yield Addresses(
            admin=postgres.postgres_dsn("postgres", worker_id),
            app=postgres.postgres_dsn("chatsmart_app", worker_id),
            redis=redis.redis_dsn(),
        )


@pytest.fixture
async def stores(addresses: Addresses) -> AsyncIterator[Stores]:
    """The adapters on this worker's database and Redis."""
    async with real.opened(addresses, SystemClock()) as opened:
        yield opened


@pytest.fixture
async def admin(addresses: Addresses) -> AsyncIterator[Any]:
    """A bare connection with a superuser's login."""
    async with _bare(addresses.admin) as connection:
        yield connection


@pytest.fixture
async def app(addresses: Addresses) -> AsyncIterator[Any]:
    """A bare connection with the app's login, as an injected statement would have it."""
    async with _bare(addresses.app) as connection:
        yield connection


@asynccontextmanager
async def _bare(dsn: str) -> AsyncIterator[Any]:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def cluster_addresses(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The same database, and a Redis of three nodes that only this worker uses."""
    from tests.redis_servers import cluster

    with cluster(tmp_path_factory.mktemp("nodes")) as nodes:
        yield replace(addresses, redis=f"redis+cluster://127.0.0.1:{nodes[0].port}")


@pytest.fixture
async def clustered(cluster_addresses: Addresses) -> AsyncIterator[Stores]:
    """The adapters on this worker's database and a cluster."""
    async with real.opened(cluster_addresses, SystemClock()) as opened:
        yield opened


@pytest.fixture(params=["redis", "cluster", "memory"])
def backed(request: pytest.FixtureRequest) -> Stores | None:
    """What a contract is kept by: the adapters on one Redis and on a cluster, and the fake (None)."""
    if request.param == "memory":
        return None
    found: Stores = request.getfixturevalue("clustered" if request.param == "cluster" else "stores")
    return found
