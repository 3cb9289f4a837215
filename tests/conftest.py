"""Fixtures for every test. Nothing starts before a test asks for it."""

from collections.abc import AsyncIterator, Iterator

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
