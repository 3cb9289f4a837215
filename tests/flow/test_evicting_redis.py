"""A Redis that throws keys away: what it loses is found out, put back or asked of Postgres; nothing is spent twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.redis.answers import RedisAnswers
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget, TooFast, Unavailable
from shared.core.ids import TenantId
from shared.core.limit import Charge, Rate
from shared.core.money import Micros
from tests import stores as real
from tests.contract.samples import entry, event, month, run
from tests.redis_servers import Server, server
from tests.stores import Addresses, Stores

CAP = 1_000


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    """One of the test's own: it is emptied and filled."""
    with server(tmp_path / "redis") as one:
        yield one


@pytest.fixture
async def own(redis: Server, addresses: Addresses) -> AsyncIterator[Stores]:
    async with real.opened(replace(addresses, redis=redis.url), SystemClock()) as opened:
        yield opened


def ledgers(own: Stores) -> tuple[RedisLedger, RedisLedger]:
    """Two processes'."""
    one, other = (
        RedisLedger(own.redis, SystemClock(), own.log.spent, busy_of=own.log.busy) for _ in range(2)
    )
    return one, other


async def figures(ledger: RedisLedger, tenant: TenantId) -> tuple[int, int]:
    (found,) = await ledger.balance(tenant, month(tenant, CAP))
    return found.spent, found.held


async def begun(own: Stores, tenant: TenantId, number: int) -> None:
    """The run is in the log, as it is before anything is sent to a model; the tenant has been here before."""
    at = SystemClock().now() - timedelta(seconds=10)
    await own.log.append([entry(tenant, of=run(number), kind="run", at=at, cost=None)])


async def test_a_redis_that_keeps_losing_the_books_is_as_good_as_away(own: Stores, tenant: TenantId) -> None:
    """Nothing is held on it, and whoever asks hears so instead of waiting for ever."""
    here, _ = ledgers(own)
    await begun(own, tenant, 2)

    async def losing() -> None:
        while True:
            await own.redis.commands.delete(f"cs:{{{tenant}}}:ledger:spent")
            await asyncio.sleep(0.02)

    task = asyncio.create_task(losing())
    try:
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable, match="loses"):
                await here.hold(tenant, run(1), Micros(1), month(tenant, CAP))
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_what_another_process_settled_is_not_put_back(own: Stores, tenant: TenantId) -> None:
    """A hold that nobody extends is forgotten when it lapses: the run was gone on with, and settled, elsewhere."""
    life = timedelta(seconds=1.2)
    here = RedisLedger(own.redis, SystemClock(), own.log.spent, life, busy_of=own.log.busy)
    _, there = ledgers(own)
    await begun(own, tenant, 2)
    await here.hold(tenant, run(1), Micros(700), month(tenant, CAP))
    assert await there.settle(tenant, run(1), Micros(0))
    await asyncio.sleep(2.5)
    await own.redis.commands.flushall()
    assert (await figures(there, tenant))[1] == 0
    await asyncio.sleep(1.5)  # its beat, while holds may be put back
    assert await own.redis.commands.hlen(f"cs:{{{tenant}}}:ledger:holds") == 0


async def test_an_emptied_redis_gets_its_holds_back(own: Stores, tenant: TenantId) -> None:
    """While a process has runs under way no other takes their money: it waits until they are held again."""
    here, there = ledgers(own)
    await begun(own, tenant, 1)
    await here.hold(tenant, run(1), Micros(700), month(tenant, CAP))
    await own.redis.commands.flushall()
    began = time.monotonic()
    with pytest.raises(OverBudget):
        await there.hold(tenant, run(2), Micros(301), month(tenant, CAP))
    assert time.monotonic() - began < 5
    assert await figures(there, tenant) == (0, 700)
    await there.hold(tenant, run(2), Micros(300), month(tenant, CAP))
    assert await here.settle(tenant, run(1), Micros(1))
    assert await there.settle(tenant, run(2), Micros(0))
    assert await figures(here, tenant) == (1, 0)


async def test_a_new_tenant_waits_for_nothing(own: Stores, tenant: TenantId) -> None:
    """Where no run is under way there was nothing to lose, and the next one goes at once."""
    began = time.monotonic()
    for ledger in ledgers(own):
        await ledger.hold(tenant, run(1), Micros(1), month(tenant, CAP))
        await ledger.settle(tenant, run(1), Micros(0))
        await own.redis.commands.flushall()
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("gone", ["expiries", "held", "spent"])
async def test_one_key_that_is_thrown_away_is_made_anew(own: Stores, tenant: TenantId, gone: str) -> None:
    """Out of the others, by whoever comes next: no figure goes wrong, no money stays held for ever."""
    ledger, _ = ledgers(own)
    await ledger.hold(tenant, run(1), Micros(600), month(tenant, CAP))
    await ledger.hold(tenant, run(2), Micros(0), month(tenant, CAP))
    await ledger.hold(tenant, run(3), Micros(100), month(tenant, CAP))
    await own.redis.commands.delete(f"cs:{{{tenant}}}:ledger:{gone}")
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(4), Micros(301), month(tenant, CAP))
    assert await figures(ledger, tenant) == (0, 700)
    assert await own.redis.commands.zcard(f"cs:{{{tenant}}}:ledger:expiries") == 3
    for number in (1, 2, 3):
        assert await ledger.settle(tenant, run(number), Micros(0))
    assert await figures(ledger, tenant) == (0, 0)
    assert not await own.redis.commands.exists(
        *(f"cs:{{{tenant}}}:ledger:{name}" for name in ("holds", "expiries", "held"))
    )


async def test_the_holds_alone_are_thrown_away(own: Stores, tenant: TenantId) -> None:
    """They are put back by those who made them, before anybody holds anew."""
    here, there = ledgers(own)
    await here.hold(tenant, run(1), Micros(700), month(tenant, CAP))
    await own.redis.commands.delete(f"cs:{{{tenant}}}:ledger:holds")
    with pytest.raises(OverBudget):
        await there.hold(tenant, run(2), Micros(301), month(tenant, CAP))
    assert await figures(there, tenant) == (0, 700)


async def test_a_tiny_redis_never_lets_a_cap_be_passed(redis: Server, own: Stores, tenant: TenantId) -> None:
    """Keys vanish all the while, under any of the commands: what is spent and held stays within the cap."""
    commands = own.redis.commands
    await commands.config_set("maxmemory", "2500kb")
    await commands.config_set("maxmemory-policy", "allkeys-random")
    here, there = ledgers(own)
    spent, held, ends = 0, 0, 0
    filler = RedisAnswers(own.redis)

    async def fill() -> None:
        for number in range(10_000):
            with suppress(Unavailable):
                await filler.tell(TenantId(f"{tenant}-{number % 500}"), number)
                await commands.set(f"filler:{number % 100}", b"x" * 30_000)
            await asyncio.sleep(0.002)

    filling = asyncio.ensure_future(fill())
    until = time.monotonic() + 5
    try:
        number = 0
        while time.monotonic() < until:
            number += 1
            ledger = here if number % 2 else there
            await begun(own, tenant, number)
            try:
                await ledger.hold(tenant, run(number), Micros(100), month(tenant, CAP))
            except OverBudget:
                break
            held += 100
            assert spent + held <= CAP
            cost = 2
            await own.log.append(
                [entry(tenant, 2, of=run(number), kind="end", at=SystemClock().now(), cost=Micros(cost))]
            )
            await ledger.settle(tenant, run(number), Micros(cost))
            held, spent, ends = held - 100, spent + cost, ends + 1
    finally:
        filling.cancel()
    assert ends >= 3
    assert (await commands.info("stats"))["evicted_keys"] > 0
    assert await own.log.spent(tenant, *_all_time()) == spent


async def test_a_full_redis_that_evicts_nothing_is_unavailable(own: Stores, tenant: TenantId) -> None:
    """No money is set aside then; a cache that can't write says so, and reads on."""
    ledger, _ = ledgers(own)
    await ledger.hold(tenant, run(1), Micros(10), month(tenant, CAP))
    await own.redis.commands.config_set("maxmemory", "1")
    with pytest.raises(Unavailable, match="memory is full"):
        await ledger.hold(tenant, run(2), Micros(10), month(tenant, CAP))
    with pytest.raises(Unavailable, match="memory is full"):
        await own.bus.publish(tenant, run(), [event(1)])
    with pytest.raises(Unavailable, match="memory is full"):
        await RedisAnswers(own.redis).tell(tenant, 1)
    assert await own.bus.so_far(tenant, run()) == ()
    await own.redis.commands.config_set("maxmemory", "0")
    assert await ledger.settle(tenant, run(1), Micros(0))


async def test_a_rate_that_is_forgotten_lets_one_burst_more_through(own: Stores, tenant: TenantId) -> None:
    """Not more than that: the next ask counts again."""
    ledger, _ = ledgers(own)
    rate = Charge(Rate("tenant", "t", "requests", per_minute=1, burst=5), 1)
    passed = 0
    for number in range(30):
        if number == 15:
            await own.redis.commands.flushall()
        with suppress(TooFast):
            await ledger.take(tenant, [rate])
            passed += 1
    assert passed == 10


def _all_time() -> tuple[datetime, datetime]:
    now = SystemClock().now()
    return now.replace(year=2000), now.replace(year=2100)
