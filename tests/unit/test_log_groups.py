"""Group commit: rounds, neighbours, and who leaves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.adapters.postgres.group import MOST, Groups
from shared.core.faults import OurFault, Unavailable
from shared.core.ids import TenantId

ONE, TWO = TenantId("one"), TenantId("two")


@dataclass
class Store:
    """Writes what it is told after a turn of the loop. `bad` rows are refused; `away` is a store that is not there."""

    rounds: list[tuple[TenantId, list[str]]] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    away: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, tenant: TenantId, rows: Sequence[str]) -> None:
        """All or none."""
        await self.gate.wait()
        self.rounds.append((tenant, list(rows)))
        if self.away:
            raise Unavailable("away")
        if self.bad & set(rows):
            raise OurFault("refused")

    def written(self) -> list[str]:
        """What was written for good, in order."""
        return [row for _, rows in self.rounds if not (self.bad & set(rows)) for row in rows]


async def appended(store: Store, *rows: str) -> list[BaseException | None]:
    """All at once; what each of them came to."""
    groups: Groups[str] = Groups(store.write)
    tasks = [asyncio.ensure_future(groups.append(ONE, row)) for row in rows]
    await asyncio.sleep(0)
    store.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_comes_together_is_one_transaction() -> None:
    """Everything that waits when a round begins goes out with it."""
    store = Store()
    assert await appended(store, "a", "b", "c") == [None] * 3
    assert store.rounds == [(ONE, ["a", "b", "c"])]


async def test_what_comes_during_a_round_waits_for_the_next() -> None:
    """One transaction of a tenant at a time, and nobody returns before theirs."""
    store = Store()
    groups: Groups[str] = Groups(store.write)
    first = asyncio.ensure_future(groups.append(ONE, "a"))
    await asyncio.sleep(0.01)
    later = [asyncio.ensure_future(groups.append(ONE, row)) for row in "bc"]
    await asyncio.sleep(0.01)
    assert not first.done()
    store.gate.set()
    await asyncio.gather(first, *later)
    assert [rows for _, rows in store.rounds] == [["a"], ["b", "c"]]


async def test_tenants_do_not_wait_for_each_other() -> None:
    """Each has its own transaction, at the same time."""
    store = Store()
    groups: Groups[str] = Groups(store.write)
    store.gate.set()
    await asyncio.gather(groups.append(ONE, "a"), groups.append(TWO, "b"))
    assert sorted(store.rounds) == [(ONE, ["a"]), (TWO, ["b"])]


async def test_one_that_is_refused_takes_no_other_with_it() -> None:
    """The others are written, each once for good; the one hears why."""
    store = Store(bad={"b"})
    found = await appended(store, "a", "b", "c")
    assert found[0] is found[2] is None
    assert isinstance(found[1], OurFault)
    assert store.written() == ["a", "c"]


async def test_a_store_that_is_away_is_told_to_all() -> None:
    """Nobody is told that it was written, and it is not tried again row by row."""
    store = Store(away=True)
    found = await appended(store, "a", "b")
    assert all(isinstance(one, Unavailable) for one in found)
    assert len({id(one) for one in found}) == 2
    assert len(store.rounds) == 1


async def test_who_leaves_before_the_round_writes_nothing() -> None:
    """Its neighbours are written all the same."""
    store = Store()
    groups: Groups[str] = Groups(store.write)
    first = asyncio.ensure_future(groups.append(ONE, "z"))
    await asyncio.sleep(0.01)
    tasks = [asyncio.ensure_future(groups.append(ONE, row)) for row in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(first, tasks[0], tasks[2])
    assert [rows for _, rows in store.rounds] == [["z"], ["a", "c"]]


async def test_a_round_is_bounded() -> None:
    """More than one transaction should hold go out in several."""
    store = Store()
    rows = [f"{n}" for n in range(MOST + 5)]
    assert await appended(store, *rows) == [None] * len(rows)
    assert [len(found) for _, found in store.rounds] == [MOST, 5]
    assert store.written() == rows
