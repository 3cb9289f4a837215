"""What every `ports.bus.Bus` promises."""

import asyncio
from collections.abc import AsyncGenerator

import orjson
import pytest

from shared.core.event import Event
from shared.core.ids import TenantId
from shared.fakes.bus import MemoryBus
from shared.ports.bus import Bus
from tests.contract.samples import event, run
from tests.stores import Stores

SOON = 10.0


@pytest.fixture
def bus(backed: Stores | None) -> Bus:
    return MemoryBus() if backed is None else backed.bus


async def all_of(events: AsyncGenerator[Event, None]) -> list[Event]:
    async with asyncio.timeout(SOON):
        return [one async for one in events]


async def test_events_come_back_as_they_were_published(bus: Bus, tenant: TenantId) -> None:
    """In order, with the text of their data unchanged."""
    sent = [
        event(1, "started"),
        event(2, text="Hé🙂\n"),
        event(3, "finished", document={"b": 1.0, "a": [None]}),
    ]
    await bus.publish(tenant, run(), sent)
    got = await all_of(bus.follow(tenant, run()))
    assert got == sent
    assert [one.wire() for one in got] == [one.wire() for one in sent]
    assert orjson.dumps(got[2].data) == orjson.dumps(sent[2].data)


async def test_a_reader_that_waits_gets_events_as_they_come(bus: Bus, tenant: TenantId) -> None:
    """Each before the next is published."""
    await bus.publish(tenant, run(), [event(1, "started")])
    reader = bus.follow(tenant, run())
    async with asyncio.timeout(SOON):
        assert (await anext(reader)).position == 1
        for position in (2, 3, 4):
            waiting = asyncio.ensure_future(anext(reader))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            await bus.publish(tenant, run(), [event(position, "finished" if position == 4 else "token")])
            assert (await waiting).position == position
        assert [one async for one in reader] == []


async def test_a_reader_resumes_past_what_it_saw(bus: Bus, tenant: TenantId) -> None:
    """Nothing twice, nothing left out."""
    await bus.publish(tenant, run(), [event(n, "finished" if n == 9 else "token") for n in range(1, 10)])
    for after in range(10):
        got = await all_of(bus.follow(tenant, run(), after))
        assert [one.position for one in got] == list(range(after + 1, 10))


async def test_a_position_stays_as_it_was_first_written(bus: Bus, tenant: TenantId) -> None:
    """A writer that repeats itself changes nothing, and what is new in its batch goes through."""
    await bus.publish(tenant, run(), [event(1, "started"), event(2, text="first")])
    await bus.publish(tenant, run(), [event(1, "started"), event(2, text="second"), event(3, "failed")])
    got = await all_of(bus.follow(tenant, run()))
    assert [(one.position, one.data.get("text")) for one in got] == [(1, None), (2, "first"), (3, None)]


async def test_no_stream_ends_a_reader_at_once(bus: Bus, tenant: TenantId, other_tenant: TenantId) -> None:
    """Whoever asks then rebuilds from the log. Another tenant's run is no stream."""
    await bus.publish(tenant, run(), [event(1, "started")])
    assert await all_of(bus.follow(other_tenant, run())) == []
    assert await all_of(bus.follow(tenant, run(2))) == []
    assert len(await bus.so_far(tenant, run())) == 1
    assert await bus.so_far(other_tenant, run()) == ()


async def test_a_stream_with_a_hole_is_not_read_across_it(bus: Bus, tenant: TenantId) -> None:
    """Positions count by ones; a store that lost some is no longer the truth."""
    await bus.publish(tenant, run(), [event(1, "started"), event(3), event(4, "finished")])
    assert [one.position for one in await all_of(bus.follow(tenant, run()))] == [1]
    assert await all_of(bus.follow(tenant, run(), 1)) == []
    assert [one.position for one in await all_of(bus.follow(tenant, run(), 2))] == [3, 4]


async def test_so_far_does_not_wait(bus: Bus, tenant: TenantId) -> None:
    """What is there now, of an unfinished run too."""
    assert list(await bus.so_far(tenant, run())) == []
    sent = [event(1, "started"), event(2)]
    await bus.publish(tenant, run(), sent)
    assert list(await bus.so_far(tenant, run())) == sent


async def test_many_readers_get_the_same(bus: Bus, tenant: TenantId) -> None:
    """From wherever each of them starts."""
    await bus.publish(tenant, run(), [event(1, "started")])
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(all_of(bus.follow(tenant, run(), n % 2))) for n in range(20)]
        for position in range(2, 40):
            await bus.publish(tenant, run(), [event(position)])
        await bus.publish(tenant, run(), [event(40, "finished")])
    for number, reader in enumerate(readers):
        assert [one.position for one in reader.result()] == list(range(1 + number % 2, 41))


async def test_a_reader_may_leave(bus: Bus, tenant: TenantId) -> None:
    """Closed or cancelled while it waits, it disturbs nobody."""
    await bus.publish(tenant, run(), [event(1, "started")])
    for _ in range(5):
        reader = bus.follow(tenant, run())
        await anext(reader)
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await reader.aclose()
    await bus.publish(tenant, run(), [event(2, "finished")])
    assert len(await all_of(bus.follow(tenant, run()))) == 2


async def test_no_events_are_no_stream(bus: Bus, tenant: TenantId) -> None:
    """An empty batch makes nothing."""
    await bus.publish(tenant, run(), [])
    assert await bus.so_far(tenant, run()) == ()
