"""What every `ports.log.Log` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from shared.adapters.postgres.log import PostgresLog
from shared.core.faults import OurFault
from shared.core.ids import TenantId
from shared.core.money import Micros
from shared.fakes.log import MemoryLog
from shared.ports.log import Log
from tests.contract.samples import AT, AWKWARD, entry, run
from tests.stores import Stores


@pytest.fixture(params=["postgres", "memory"])
def log(request: pytest.FixtureRequest) -> PostgresLog | MemoryLog:
    if request.param == "memory":
        return MemoryLog()
    stores: Stores = request.getfixturevalue("stores")
    return stores.log


async def test_an_entry_comes_back_as_it_was_written(log: Log, tenant: TenantId) -> None:
    """Every field, every byte."""
    written = [
        entry(tenant),
        entry(tenant, 2, usage=None, cost=None, first_token_ms=None, total_ms=None, body={}),
        entry(tenant, 3, kind="run", step="", key="", request=b"", response=b"", model="", provider=""),
    ]
    await log.append(written)
    assert await log.tape(tenant, run()) == tuple(written)


async def test_the_body_keeps_its_text(log: Log, tenant: TenantId) -> None:
    """A replay gives the same bytes, so the order of keys and 1.0 beside 1 survive."""
    await log.append([entry(tenant)])
    body = (await log.tape(tenant, run()))[0].body
    assert orjson.dumps(body) == orjson.dumps(AWKWARD)


async def test_a_tape_is_in_the_order_of_positions(log: Log, tenant: TenantId) -> None:
    """However the entries arrived."""
    for position in (3, 1, 2):
        await log.append([entry(tenant, position)])
    assert [one.position for one in await log.tape(tenant, run())] == [1, 2, 3]


async def test_a_tape_holds_one_run(log: Log, tenant: TenantId) -> None:
    """Runs of a tenant don't mix, and an unknown one is empty."""
    await log.append([entry(tenant), entry(tenant, of=run(2))])
    assert [one.run for one in await log.tape(tenant, run(2))] == [run(2)]
    assert await log.tape(tenant, run(3)) == ()


async def test_another_tenant_has_another_tape(log: Log, tenant: TenantId, other_tenant: TenantId) -> None:
    """The same run id under two tenants is two runs."""
    await log.append([entry(tenant)])
    assert await log.tape(other_tenant, run()) == ()
    await log.append([entry(other_tenant, fault="")])
    assert (await log.tape(tenant, run()))[0].fault == "provider_cut"


async def test_entries_of_two_tenants_are_refused(log: Log, tenant: TenantId, other_tenant: TenantId) -> None:
    """A transaction has one tenant."""
    with pytest.raises(OurFault):
        await log.append([entry(tenant), entry(other_tenant)])
    assert await log.tape(tenant, run()) == ()


async def test_the_same_entries_twice_are_written_once(log: Log, tenant: TenantId) -> None:
    """A retry after a lost answer is harmless."""
    batch = [entry(tenant), entry(tenant, 2)]
    await log.append(batch)
    await log.append(batch)
    assert await log.tape(tenant, run()) == tuple(batch)


@pytest.mark.parametrize("later", [0, 1])
async def test_a_position_is_taken_once(log: Log, tenant: TenantId, later: int) -> None:
    """Other content at a position that is taken is refused, at another time as well."""
    await log.append([entry(tenant)])
    changed = replace(entry(tenant), fault="other", at=AT.replace(second=later))
    with pytest.raises(OurFault):
        await log.append([changed])
    assert await log.tape(tenant, run()) == (entry(tenant),)


async def test_a_batch_is_written_whole_or_not(log: Log, tenant: TenantId) -> None:
    """One entry that can't be written takes the others with it."""
    await log.append([entry(tenant, 2)])
    with pytest.raises(OurFault):
        await log.append([entry(tenant), entry(tenant, 2, fault="other"), entry(tenant, 3)])
    assert [one.position for one in await log.tape(tenant, run())] == [2]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_text_that_cannot_be_stored_is_a_fault_of_ours(log: Log, tenant: TenantId, text: str) -> None:
    """Never a driver's error."""
    with pytest.raises(OurFault):
        await log.append([entry(tenant, actor=text)])
    with pytest.raises(OurFault):
        await log.append([entry(tenant, body={"x": {1, 2}})])


async def test_no_entries_are_no_work(log: Log) -> None:
    """An empty batch has no tenant."""
    await log.append([])


async def test_writers_of_one_run_do_not_overwrite_each_other(log: Log, tenant: TenantId) -> None:
    """Of two processes that write the same position only one succeeds."""

    async def attempt(who: str) -> bool:
        try:
            await log.append([entry(tenant, actor=who, at=AT.replace(microsecond=ord(who)))])
        except OurFault:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(who)) for who in "abcdef"]
    assert sum(task.result() for task in tasks) == 1
    assert len(await log.tape(tenant, run())) == 1


async def test_one_that_cannot_be_written_fails_none_beside_it(log: Log, tenant: TenantId) -> None:
    """Appends of several runs at the same time stand and fall each by itself, whatever shares a transaction."""
    await log.append([entry(tenant, of=run(3))])
    bad = [entry(tenant, of=run(3), fault="other"), entry(tenant, of=run(4), actor="a\x00b")]
    good = [[entry(tenant, of=run(n)), entry(tenant, 2, of=run(n))] for n in (1, 2, 5, 6)]
    found = await asyncio.gather(
        *(log.append(batch) for batch in (good[0], good[1], [bad[0]], good[2], [bad[1]], good[3])),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [
        type(None),
        type(None),
        OurFault,
        type(None),
        OurFault,
        type(None),
    ]
    for batch in good:
        assert await log.tape(tenant, batch[0].run) == tuple(batch)
    assert await log.tape(tenant, run(3)) == (entry(tenant, of=run(3)),)
    assert await log.tape(tenant, run(4)) == ()


async def test_what_was_spent_counts_runs_by_their_end(
    log: PostgresLog | MemoryLog, tenant: TenantId, other_tenant: TenantId
) -> None:
    """The figure that a ledger starts from when Redis was lost: a month's first instant in, its last out."""
    month = AT.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (month + timedelta(days=32)).replace(day=1)
    ends = ((month, 1), (following, 2), (AT, 4), (following - timedelta(microseconds=1), 8))
    for number, (at, cost) in enumerate(ends, start=1):
        await log.append([entry(tenant, of=run(number), kind="end", at=at, cost=Micros(cost))])
    await log.append([entry(tenant, 2, cost=Micros(16)), entry(tenant, 3, kind="end", at=AT, cost=None)])
    await log.append([entry(other_tenant, kind="end", at=AT, cost=Micros(32))])
    assert await log.spent(tenant, month, following) == 1 + 4 + 8


async def test_a_run_that_was_begun_and_not_ended_is_open(
    log: Log, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Of all tenants, of the kind asked for, begun before the moment and not a day ago; an end takes it off."""
    for of, kind in (
        (run(1, "chat"), "run"),
        (run(2, "chat"), "run"),
        (run(3), "run"),
        (run(4, "chat"), "intent"),
    ):
        await log.append([entry(tenant, of=of, kind=kind)])
    await log.append([entry(other_tenant, of=run(5, "chat"), kind="run")])
    await log.append([entry(tenant, 2, of=run(2, "chat"), kind="end")])
    mine = {tenant, other_tenant}

    async def open_at(after: timedelta) -> set[tuple[TenantId, str]]:
        found = await log.open_runs("chat", AT + after, 1000)
        return {(owner, name) for owner, name in found if owner in mine}

    assert await open_at(timedelta(minutes=1)) == {(tenant, run(1, "chat")), (other_tenant, run(5, "chat"))}
    assert await open_at(timedelta(0)) == set()
    assert await open_at(timedelta(days=2)) == set()
