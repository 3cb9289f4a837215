"""Stores that go away and come back: Unavailable meanwhile, no repair by hand afterwards, nothing lost or doubled."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from infra.local import DATABASE, prepare
from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.embedded.home import Servers
from shared.core.faults import OurFault, OverBudget, Unavailable
from shared.core.ids import TenantId
from shared.core.money import Micros
from tests.contract.samples import AT, document, entry, event, month, run
from tests.stores import Addresses, Stores, opened

pytestmark = pytest.mark.xdist_group("outage")  # one home for all of them
CAP = 1_000


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A home of this module's own: these tests end its servers."""
    with (
        tempfile.TemporaryDirectory(prefix="cso-") as folder,
        Servers(Path(folder) / "h", durable=False) as servers,
    ):
        asyncio.run(_create(servers))
        yield servers


async def _create(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.postgres_dsn("postgres"))
    await connection.execute(f"create database {DATABASE}")
    await connection.close()
    await prepare(servers.postgres_dsn("postgres", DATABASE))


@pytest.fixture
async def own(servers: Servers) -> AsyncIterator[Stores]:
    """The adapters, on servers that are up."""
    for name in ("postgres", "redis"):
        await asyncio.to_thread(servers.up, name)
    addresses = Addresses(
        admin=servers.postgres_dsn("postgres", DATABASE),
        app=servers.postgres_dsn("chatsmart_app", DATABASE),
        redis=servers.redis_dsn(),
    )
    async with opened(addresses, SystemClock()) as stores:
        yield stores


async def test_postgres_down_is_unavailable_and_up_is_well(
    servers: Servers, own: Stores, tenant: TenantId
) -> None:
    """Reads, writes and look-ups alike, within seconds; the pool needs no help to recover."""
    await own.log.append([entry(tenant)])
    await asyncio.to_thread(servers.down, "postgres")
    async with asyncio.timeout(20):
        for attempt in (
            own.log.append([entry(tenant, 2)]),
            own.shelf.get(tenant, run()),
            own.keys.principal(b"x" * 32, AT),
            own.seals.seal(tenant, AT),
            own.database.ready(),
        ):
            with pytest.raises(Unavailable):
                await attempt
    await asyncio.to_thread(servers.up, "postgres")
    await own.log.append([entry(tenant, 2)])
    assert len(await own.log.tape(tenant, run())) == 2


async def test_a_restart_of_postgres_under_load_heals_by_itself(
    servers: Servers, own: Stores, tenant: TenantId
) -> None:
    """What was acknowledged is there, once; what failed may be tried again with the same entries."""
    acknowledged: set[tuple[int, int]] = set()
    failures = 0
    stop = asyncio.Event()

    async def write(number: int) -> None:
        nonlocal failures
        position = 1
        while not stop.is_set():
            try:
                await own.log.append([entry(tenant, position, of=run(number))])
            except Unavailable:
                failures += 1
                await asyncio.sleep(0.01)
                continue
            acknowledged.add((number, position))
            position += 1

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(write(number))
        for _ in range(3):
            before = len(acknowledged)
            while len(acknowledged) < before + 40:  # noqa: ASYNC110 - work is counted, not waited for
                await asyncio.sleep(0.01)
            await asyncio.to_thread(servers.down, "postgres")
            await asyncio.to_thread(servers.up, "postgres")
        before = len(acknowledged)
        while len(acknowledged) < before + 40:  # noqa: ASYNC110 - work is counted, not waited for
            await asyncio.sleep(0.01)
        stop.set()
    stored = {
        (number, one.position) for number in range(8) for one in await own.log.tape(tenant, run(number))
    }
    assert stored == acknowledged


async def test_redis_down_fails_closed(servers: Servers, own: Stores, tenant: TenantId) -> None:
    """No money is set aside on a guess; live events and readers are told."""
    await own.bus.publish(tenant, run(), [event(1, "started")])
    reader = own.bus.follow(tenant, run())
    assert (await anext(reader)).position == 1
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(servers.down, "redis")
    async with asyncio.timeout(20):
        with pytest.raises(Unavailable):
            await waiting
        for attempt in (
            own.ledger.hold(tenant, run(), Micros(1), month(tenant, CAP)),
            own.ledger.settle(tenant, run(), Micros(1)),
            own.ledger.balance(tenant, month(tenant, CAP)),
            own.bus.publish(tenant, run(), [event(2)]),
            own.bus.so_far(tenant, run()),
            own.redis.ready(),
        ):
            with pytest.raises(Unavailable):
                await attempt
    await asyncio.to_thread(servers.up, "redis")
    await own.ledger.hold(tenant, run(), Micros(1), month(tenant, CAP))
    await own.bus.publish(tenant, run(2), [event(1, "started")])


async def test_a_lost_redis_does_not_make_a_spent_budget_look_fresh(own: Stores, tenant: TenantId) -> None:
    """The month's figure comes back from the log; holds are gone, and what their runs cost counts all the same."""
    now = SystemClock().now()
    await own.ledger.hold(tenant, run(1), Micros(700), month(tenant, CAP))
    await own.log.append([entry(tenant, kind="end", at=now, cost=Micros(650))])
    assert await own.ledger.settle(tenant, run(1), Micros(650))
    await own.ledger.hold(tenant, run(2), Micros(300), month(tenant, CAP))
    (before,) = await own.ledger.balance(tenant, month(tenant, CAP))
    assert (before.spent, before.held) == (650, 300)
    await own.redis.commands.flushall()
    with pytest.raises(OverBudget):
        await own.ledger.hold(tenant, run(3), Micros(351), month(tenant, CAP))
    await own.ledger.hold(tenant, run(3), Micros(350), month(tenant, CAP))
    await own.log.append([entry(tenant, of=run(2), kind="end", at=now, cost=Micros(290))])
    assert not await own.ledger.settle(tenant, run(2), Micros(290))
    (after,) = await own.ledger.balance(tenant, month(tenant, CAP))
    assert (after.spent, after.held) == (940, 350)


async def test_a_redis_lost_in_the_middle_of_a_run_loses_no_cost(own: Stores, tenant: TenantId) -> None:
    """The run can't be booked, but the next hold sees what it cost, and so does every one after that."""
    now = SystemClock().now()
    await own.ledger.hold(tenant, run(1), Micros(700), month(tenant, CAP))
    await own.redis.commands.flushall()
    await own.ledger.hold(
        tenant, run(2), Micros(100), month(tenant, CAP)
    )  # the figure is known again, without the first run
    await own.log.append([entry(tenant, of=run(1), kind="end", at=now, cost=Micros(650))])
    assert not await own.ledger.settle(tenant, run(1), Micros(650))
    with pytest.raises(OverBudget):
        await own.ledger.hold(tenant, run(3), Micros(251), month(tenant, CAP))
    await own.log.append([entry(tenant, of=run(2), kind="end", at=now, cost=Micros(40))])
    assert await own.ledger.settle(tenant, run(2), Micros(40))
    await own.ledger.hold(tenant, run(3), Micros(310), month(tenant, CAP))
    (after,) = await own.ledger.balance(tenant, month(tenant, CAP))
    assert (after.spent, after.held) == (690, 310)
    lives = await own.redis.commands.ttl(f"cs:{{{tenant}}}:ledger:spent")
    assert 0 < lives <= 70 * 86400


async def test_a_lost_redis_needs_the_truth(servers: Servers, own: Stores, tenant: TenantId) -> None:
    """With neither store to say what was spent, nothing is set aside."""
    await asyncio.to_thread(servers.down, "postgres")
    with pytest.raises(Unavailable):
        await own.ledger.hold(tenant, run(), Micros(1), month(tenant, CAP))
    await asyncio.to_thread(servers.up, "postgres")
    await own.ledger.hold(tenant, run(), Micros(1), month(tenant, CAP))


async def test_a_stream_that_redis_lost_ends_its_readers(own: Stores, tenant: TenantId) -> None:
    """They rebuild it from the log: a stream that goes on without its beginning is not read."""
    await own.bus.publish(tenant, run(), [event(1, "started"), event(2)])
    await own.redis.commands.flushall()
    await own.bus.publish(tenant, run(), [event(3), event(4, "finished")])
    async with asyncio.timeout(10):
        assert [one async for one in own.bus.follow(tenant, run())] == []
        assert [one.position async for one in own.bus.follow(tenant, run(), 2)] == [3, 4]


async def test_a_cancelled_statement_leaves_the_pool_whole(own: Stores, tenant: TenantId) -> None:
    """Clients leave at any moment; no connection keeps a tenant's identity or an open transaction."""
    for number in range(60):
        task = asyncio.ensure_future(own.log.append([entry(tenant, number + 1)]))
        await asyncio.sleep(0.0003 * (number % 10))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
            raise asyncio.CancelledError
    async with asyncio.TaskGroup() as group:
        others = [TenantId(str(RandomIds().uuid())) for _ in range(30)]
        tapes = [group.create_task(own.log.tape(other, run())) for other in others]
    assert all(tape.result() == () for tape in tapes)
    rows = await own.database.call(
        "select current_user as who, current_setting('request.jwt.claims', true) as claims"
    )
    assert (rows[0]["who"], rows[0]["claims"] or "") == ("chatsmart_app", "")


async def test_what_postgres_refuses_is_a_fault_of_ours(own: Stores, tenant: TenantId) -> None:
    """A sentence, never a driver's error; and the connection goes on."""
    with pytest.raises(OurFault, match="refused"):
        await own.shelf.put(document(tenant, text="a\x00b"))
    with pytest.raises(OurFault, match="refused"):
        await own.shelf.put(document(tenant, cost=Micros(2**63)))
    assert await own.shelf.get(tenant, run()) is None
