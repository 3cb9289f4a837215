"""What every `ports.flights.Flights` promises. Two of them stand for two processes; in memory there is only one."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest

from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.flights import LEASE, RedisFlights
from shared.core.ids import TenantId
from shared.fakes.flights import FakeFlights
from shared.ports.flights import Flights, Following, Lead
from tests.stores import Addresses

KEY, OTHER = b"k" * 32, b"o" * 32
SOON = 10.0


@dataclass(frozen=True)
class Two:
    """Two processes."""

    here: Flights
    there: Flights


@pytest.fixture(params=["redis", "cluster", "memory"])
def redis(request: pytest.FixtureRequest) -> str | None:
    """Where Redis is; None: in memory."""
    if request.param == "memory":
        return None
    name = "cluster_addresses" if request.param == "cluster" else "addresses"
    addresses: Addresses = request.getfixturevalue(name)
    return addresses.redis


@pytest.fixture
async def two(redis: str | None) -> AsyncIterator[Two]:
    if redis is None:
        flights = FakeFlights()
        yield Two(flights, flights)
        return
    async with paired(redis) as pair:
        yield pair


@asynccontextmanager
async def paired(redis: str) -> AsyncIterator[Two]:
    connections = [RedisConnection(redis) for _ in range(2)]
    here, there = [RedisFlights(connection) for connection in connections]
    yield Two(here, there)
    for flights, connection in zip((here, there), connections, strict=True):
        await flights.close()
        await connection.close()


async def leading(flights: Flights, tenant: TenantId, key: bytes = KEY) -> Lead:
    found = await flights.join(tenant, key)
    assert not isinstance(found, Following)
    return found


async def following(flights: Flights, tenant: TenantId, key: bytes = KEY) -> Following:
    found = await flights.join(tenant, key)
    assert isinstance(found, Following)
    return found


async def heard(flight: Following) -> list[bytes]:
    async with asyncio.timeout(SOON), aclosing(flight.messages()) as messages:
        return [message async for message in messages]


async def test_one_leads_and_all_others_follow(two: Two, tenant: TenantId) -> None:
    """However many ask at once, in whatever process."""
    async with asyncio.TaskGroup() as group:
        joins = [group.create_task((two.here, two.there)[n % 2].join(tenant, KEY)) for n in range(50)]
    found = [join.result() for join in joins]
    assert sum(not isinstance(one, Following) for one in found) == 1


async def test_followers_hear_all_in_order(two: Two, tenant: TenantId) -> None:
    """From the first message on, whenever they come, to the byte, here and there; then the flight is over."""
    lead = await leading(two.here, tenant)
    sent = [b'{"a":1}', "Hé🙂\r\n".encode(), bytes(range(256)), b"", b"x" * 100_000]
    early = [await following(flights, tenant) for flights in (two.here, two.there)]
    hearing = [asyncio.create_task(heard(one)) for one in early]
    for message in sent[:3]:
        assert await lead.say(message)
        await asyncio.sleep(0.01)
    late = [await following(flights, tenant) for flights in (two.here, two.there)]
    hearing += [asyncio.create_task(heard(one)) for one in late]
    for message in sent[3:]:
        assert await lead.say(message)
    await lead.end(b"last")
    for found in hearing:
        assert await found == [*sent, b"last"]
    assert all(one.over for one in (*early, *late))
    assert await early[1].take_over() is None


async def test_a_message_is_heard_before_the_next_is_said(two: Two, tenant: TenantId) -> None:
    """Nothing is held back until the end."""
    lead = await leading(two.here, tenant)
    for flights in (two.here, two.there):
        async with asyncio.timeout(SOON), aclosing((await following(flights, tenant)).messages()) as messages:
            for number in range(5) if flights is two.here else range(10):
                if flights is two.here or number >= 5:
                    await lead.say(b"%d" % number)
                assert await anext(messages) == b"%d" % number
    await lead.end(b"")


async def test_an_end_may_be_for_those_alone_who_follow(two: Two, tenant: TenantId) -> None:
    """They hear it; who comes after it leads a flight of its own, here and there."""
    lead = await leading(two.here, tenant)
    early = [await following(flights, tenant) for flights in (two.here, two.there)]
    hearing = [asyncio.create_task(heard(one)) for one in early]
    await lead.say(b"1")
    await lead.end(b"2", late=False)
    assert [await one for one in hearing] == [[b"1", b"2"]] * 2
    again = await leading(two.there, tenant)
    third = await following(two.here, tenant)
    await again.end(b"3", late=False)
    assert await heard(third) == [b"3"]
    await (await leading(two.here, tenant)).end(b"4")


async def test_a_lead_that_leaves_is_followed_by_one(two: Two, tenant: TenantId) -> None:
    """Its followers' messages end, one of all who ask takes over, with a higher token, and all hear it go on."""
    lead = await leading(two.here, tenant)
    waiting = [await following((two.here, two.there)[n % 2], tenant) for n in range(10)]
    await lead.say(b"1")
    hearing = [asyncio.create_task(heard(one)) for one in waiting]
    await asyncio.sleep(0.05)
    await lead.end(None)
    for found in hearing:
        assert await found == [b"1"]
    assert not any(one.over for one in waiting)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one.take_over()) for one in waiting]
    (winner,) = [task.result() for task in asked if task.result() is not None]
    assert winner is not None
    assert winner.token > lead.token
    others = [one for one, task in zip(waiting, asked, strict=True) if task.result() is None]
    hearing = [asyncio.create_task(heard(one)) for one in others]
    newcomer = asyncio.create_task(heard(await following(two.there, tenant)))
    assert not await lead.say(b"the old one")
    await lead.end(b"the old one's end")
    assert await winner.say(b"2")
    await winner.end(b"3")
    for found in hearing:
        assert await found == [b"2", b"3"]
    assert await newcomer == [b"1", b"2", b"3"]
    assert all(one.over for one in others)


async def test_followers_who_leave_stop_nothing(two: Two, tenant: TenantId) -> None:
    """Neither the lead nor those who stay; all may leave."""
    lead = await leading(two.here, tenant)
    for flights in (two.here, two.there):
        leaver = asyncio.create_task(heard(await following(flights, tenant)))
        await asyncio.sleep(0.02)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
    assert await lead.say(b"1")
    stays = await following(two.there, tenant)
    await lead.end(b"2")
    assert await heard(stays) == [b"1", b"2"]


async def test_flights_are_apart(two: Two, tenant: TenantId, other_tenant: TenantId) -> None:
    """Another tenant's equal key, or another key, is another flight."""
    leads = [
        await leading(two.here, tenant),
        await leading(two.there, other_tenant),
        await leading(two.there, tenant, OTHER),
    ]
    one = await following(two.there, tenant)
    for number, lead in enumerate(leads):
        await lead.end(b"%d" % number)
    assert await heard(one) == [b"0"]


async def test_nobody_takes_over_from_a_lead_that_is_there(two: Two, tenant: TenantId) -> None:
    """Asking does no harm."""
    lead = await leading(two.here, tenant)
    one, other = await following(two.here, tenant), await following(two.there, tenant)
    assert await one.take_over() is None
    assert await other.take_over() is None
    await lead.end(b"x")
    assert await heard(other) == [b"x"]


class TestRedis:
    """What only processes that share a Redis can show."""

    @pytest.fixture
    async def pair(self, addresses: Addresses) -> AsyncIterator[Two]:
        async with paired(addresses.redis) as pair:
            yield pair

    async def test_a_lead_that_is_dropped_is_succeeded(self, pair: Two, tenant: TenantId) -> None:
        """Within its lease, here and there: nobody renews it any more."""
        lead = await leading(pair.here, tenant)
        near, far = await following(pair.here, tenant), await following(pair.there, tenant)
        await lead.say(b"1")
        del lead
        gc.collect()
        began = asyncio.get_running_loop().time()
        hearing = [asyncio.create_task(heard(one)) for one in (near, far)]
        for found in hearing:
            assert await found == [b"1"]
        assert asyncio.get_running_loop().time() - began < LEASE + 1.5
        taken = [await near.take_over(), await far.take_over()]
        assert sum(one is not None for one in taken) == 1

    async def test_a_lead_that_lives_keeps_its_lease(self, pair: Two, tenant: TenantId) -> None:
        """Also where it has nothing to say for longer than that."""
        lead = await leading(pair.here, tenant)
        hearing = asyncio.create_task(heard(await following(pair.there, tenant)))
        await asyncio.sleep(LEASE + 1)
        assert not hearing.done()
        await lead.end(b"x")
        assert await hearing == [b"x"]

    async def test_who_comes_just_after_the_end_hears_it(self, pair: Two, tenant: TenantId) -> None:
        """It looked into the cache before the answer was there."""
        lead = await leading(pair.here, tenant)
        await lead.say(b"1")
        await lead.end(b"2")
        for flights in (pair.here, pair.there):
            assert await heard(await following(flights, tenant)) == [b"1", b"2"]

    async def test_a_flight_that_redis_forgot_is_told_no_further(
        self, pair: Two, tenant: TenantId, addresses: Addresses
    ) -> None:
        """Who heard the lead elsewhere leads alone; who is in its own process hears the rest."""
        lead = await leading(pair.here, tenant)
        near, far = await following(pair.here, tenant), await following(pair.there, tenant)
        hearing = [asyncio.create_task(heard(one)) for one in (near, far)]
        await lead.say(b"1")
        await asyncio.sleep(0.1)
        redis = RedisConnection(addresses.redis)
        names = [name async for name in redis.commands.scan_iter(f"chatsmart:flight:*{tenant}*")]
        assert len(names) == 2
        await redis.commands.delete(*names)
        await redis.close()
        assert await lead.say(b"2")
        assert await hearing[1] == [b"1"]
        assert not far.over
        alone = await far.take_over()
        assert alone is not None
        assert await alone.say(b"nobody hears it")
        await alone.end(b"nor this")
        await lead.end(b"3")
        assert await hearing[0] == [b"1", b"2", b"3"]

    async def test_a_flight_is_gone_some_time_after_its_end(
        self, pair: Two, tenant: TenantId, addresses: Addresses
    ) -> None:
        """Nothing stays in Redis for ever, whatever became of the lead."""
        lead = await leading(pair.here, tenant)
        redis = RedisConnection(addresses.redis)

        async def lives() -> list[float]:
            names = [name async for name in redis.commands.scan_iter(f"chatsmart:flight:*{tenant}*")]
            return [await redis.commands.pttl(name) / 1000 for name in names]

        (alone,) = await lives()
        assert 0 < alone <= 60
        await lead.say(b"1")
        assert all(0 < life <= 60 for life in await lives())
        await lead.end(b"2")
        ended = await lives()
        assert len(ended) == 2
        assert all(0 < life <= 30 for life in ended)
        await redis.close()

    async def test_a_message_that_was_cancelled_is_heard_once(self, pair: Two, tenant: TenantId) -> None:
        """What was under way when its caller left is said before what comes next."""
        lead = await leading(pair.here, tenant)
        far, near = await following(pair.there, tenant), await following(pair.here, tenant)
        saying = asyncio.create_task(lead.say(b"1"))
        await asyncio.sleep(0)
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        assert await lead.say(b"2")
        await lead.end(b"3")
        assert await heard(far) == await heard(near) == [b"1", b"2", b"3"]

    async def test_nothing_is_shared_across_a_purge(self, addresses: Addresses, tenant: TenantId) -> None:
        """Who asks after it is another flight, here and there; who asked before goes on."""
        purges = 0
        connections = [RedisConnection(addresses.redis) for _ in range(2)]
        here, there = [RedisFlights(one, epoch=lambda _: purges) for one in connections]
        before, follower = await leading(here, tenant), await following(there, tenant)
        purges = 1
        after = await leading(there, tenant)
        other = await following(here, tenant)
        await before.end(b"old")
        await after.end(b"new")
        assert (await heard(follower), await heard(other)) == ([b"old"], [b"new"])
        for flights, connection in zip((here, there), connections, strict=True):
            await flights.close()
            await connection.close()
