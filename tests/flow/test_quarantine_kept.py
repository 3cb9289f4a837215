"""Who was taken out stays out, whatever Redis forgets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.clock import RandomIds
from shared.adapters.postgres.quarantine import PostgresQuarantine
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.health import RedisHealth
from shared.core.faults import Unavailable
from shared.fakes.clock import FakeClock
from tests import stores as real
from tests.contract.llm.specs import FLASH, LUNA
from tests.redis_servers import Server, server
from tests.stores import Addresses, Stores


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path / "redis") as one:
        yield one


@pytest.fixture
async def own(redis: Server, addresses: Addresses) -> AsyncIterator[Stores]:
    async with real.opened(replace(addresses, redis=redis.url), FakeClock()) as opened:
        yield opened


class House:
    """Processes of one deployment."""

    def __init__(self, own: Stores) -> None:
        self.own, self.clock, self.scope = own, FakeClock(), str(RandomIds().uuid())
        self.book = PostgresQuarantine(own.database, self.scope)

    async def process(self, redis: RedisConnection | None = None) -> RedisHealth:
        health = RedisHealth(redis or self.own.redis, self.clock, RandomIds(), self.scope, self.book)
        await health.start()
        return health


@pytest.fixture
def house(own: Stores) -> House:
    return House(own)


async def test_an_emptied_redis_is_told_again(house: House) -> None:
    """By whoever looks next; those who start later hear of it too."""
    here, there = await house.process(), await house.process()
    await here.quarantine([LUNA.name, FLASH.name], "drifts")
    await here.quarantine([FLASH.name], None)
    await house.own.redis.commands.flushall()
    assert await there.exchange()
    late = await house.process()
    for health in (here, there, late):
        assert await health.exchange()
        assert (health.standing(LUNA).state, health.standing(LUNA).why) == ("quarantined", "drifts")
        assert health.standing(FLASH).state == "closed"
        assert not await health.probe(LUNA)
        await health.close()


async def test_redis_with_old_data_is_believed_for_a_minute(house: House) -> None:
    """A copy is made anew by then: one that came back from a backup says nothing for long."""
    here = await house.process()
    await here.quarantine([LUNA.name], "drifts")
    old = await house.own.redis.commands.dump(f"cs:{{{house.scope}}}:quarantine")
    assert old is not None
    await here.quarantine([LUNA.name], None)
    await house.own.redis.commands.restore(f"cs:{{{house.scope}}}:quarantine", 0, old, replace=True)
    house.clock.pass_(61)
    await here.exchange()
    assert here.standing(LUNA).state == "closed"
    await here.close()


async def test_without_redis_a_start_knows_who_is_out(house: House, redis: Server) -> None:
    """Postgres alone is enough; and what is said meanwhile holds once Redis is back."""
    here = await house.process()
    await here.quarantine([LUNA.name], "drifts")
    await asyncio.to_thread(redis.stop)
    late = await house.process()
    assert late.standing(LUNA).state == "quarantined"
    with pytest.raises(Unavailable):
        await late.quarantine([FLASH.name], "slow")
    await asyncio.to_thread(redis.start)
    for health in (here, late):
        assert await health.exchange()
        assert health.standing(FLASH).why == "slow"
        await health.close()


async def test_a_word_against_a_copy_in_the_making_wins(house: House) -> None:
    """Whoever read before the operator spoke does not bring the old list back."""
    here, there = await house.process(), await house.process()
    await here.quarantine([LUNA.name], "drifts")
    for _ in range(20):
        await house.own.redis.commands.flushall()
        await asyncio.gather(there.exchange(), here.quarantine([LUNA.name], None), there.exchange())
        await there.exchange()
        assert there.standing(LUNA).state == "closed"
        await here.quarantine([LUNA.name], "drifts")
    await here.close()
    await there.close()
