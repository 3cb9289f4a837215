"""What every `ports.near.NearRecord` promises."""

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.recall import PostgresAnswers, PostgresNearRecord
from shared.core.ids import TenantId
from shared.fakes.clock import FakeClock
from shared.fakes.near import FakeNearRecord
from shared.ports.near import NearRecord
from tests.contract.samples import AT
from tests.stores import Stores

PAIR, OTHER = b"p" * 32, b"q" * 32


def off(wrong: int, checked: int) -> bool:
    """One in ten is too many, once ten were checked."""
    return checked >= 10 and wrong * 10 > checked


@pytest.fixture(params=["postgres", "memory"])
def record(request: pytest.FixtureRequest) -> NearRecord:
    if request.param == "memory":
        return FakeNearRecord(off)
    stores: Stores = request.getfixturevalue("stores")
    return PostgresNearRecord(stores.database, SystemClock(), off)


async def test_the_judges_first_word_stands(
    record: NearRecord, tenant: TenantId, other_tenant: TenantId
) -> None:
    """For that pair, and for that tenant alone."""
    assert await record.admitted(tenant, PAIR) is None
    await record.admit(tenant, PAIR, True, AT)
    await record.admit(tenant, PAIR, False, AT)
    await record.admit(tenant, OTHER, False, AT)
    assert await record.admitted(tenant, PAIR) is True
    assert await record.admitted(tenant, OTHER) is False
    assert await record.admitted(other_tenant, PAIR) is None


async def test_too_many_wrong_hits_close_it_until_it_is_reopened(
    record: NearRecord, tenant: TenantId, other_tenant: TenantId
) -> None:
    """By the counts since it was last opened, each tenant's own."""
    for _ in range(2):
        for number in range(10):
            assert await record.is_open(tenant)
            await record.checked(tenant, number < 2, AT)
        assert not await record.is_open(tenant)
        assert await record.is_open(other_tenant)
        await record.reopen(tenant, AT)
    assert await record.is_open(tenant)


async def test_the_counts_are_in_the_tally(stores: Stores, tenant: TenantId) -> None:
    """Beside the cache's own figures, with what follows from them."""
    record = PostgresNearRecord(stores.database, SystemClock(), off)
    for number in range(10):
        await record.checked(tenant, number < 2, AT)
    tally = await PostgresAnswers(stores.database, off).tally(tenant)
    assert (tally.checked, tally.wrong, tally.near_off) == (10, 2, True)


async def test_another_process_learns_of_it_soon(stores: Stores, tenant: TenantId) -> None:
    """What it remembers of a tenant lapses within seconds."""
    clock = FakeClock()
    here = PostgresNearRecord(stores.database, SystemClock(), off)
    there = PostgresNearRecord(stores.database, clock, off)
    assert await there.is_open(tenant)
    for _ in range(10):
        await here.checked(tenant, True, AT)
    clock.pass_(5)
    assert not await there.is_open(tenant)


async def test_a_store_that_is_away_lets_no_near_hit_out(tenant: TenantId) -> None:
    """Nothing is known: nothing is near."""
    away = PostgresNearRecord(Database("postgresql://nobody@127.0.0.1:1/none"), SystemClock(), off)
    assert await away.admitted(tenant, PAIR) is None
    assert not await away.is_open(tenant)
