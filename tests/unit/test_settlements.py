"""Settlements that nobody waits for keep what a settlement promises."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.faults import OverBudget, Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.limit import Charge
from shared.core.money import Micros
from shared.fakes.clock import FakeClock
from shared.fakes.ledger import MemoryLedger
from shared.guard import spend
from shared.guard.spend import Settlements
from tests.contract.samples import month, run

TENANT = TenantId("tenant")
CAP = 1_000


@dataclass
class Shaky(MemoryLedger):
    """A ledger whose store is away for the next `away` settlements, and slow."""

    away: int = 0
    tried: list[RunId] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(FakeClock())

    async def settle(
        self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()
    ) -> bool:
        self.tried.append(run)
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise Unavailable
        return await super().settle(tenant, run, spent, charges)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spend, "PAUSES", (0.001, 0.002))


async def figures(ledger: MemoryLedger) -> tuple[int, int]:
    (found,) = await ledger.balance(TENANT, month(TENANT, CAP))
    return found.spent, found.held


async def test_an_answer_need_not_wait() -> None:
    """The hold stands until the settlement lands; closing waits for all of them."""
    ledger = Shaky()
    settlements = Settlements(ledger)
    for number in range(3):
        await ledger.hold(TENANT, run(number), Micros(100), month(TENANT, CAP))
        settlements.soon(TENANT, run(number), Micros(70))
    assert await figures(ledger) == (0, 300)
    assert settlements.pending == 3
    await settlements.close()
    assert await figures(ledger) == (210, 0)
    assert settlements.pending == 0


async def test_a_store_that_is_away_loses_none() -> None:
    """Each is tried until it lands, for as long as the process lives."""
    ledger = Shaky(away=20)
    settlements = Settlements(ledger)
    await ledger.hold(TENANT, run(), Micros(100), month(TENANT, CAP))
    settlements.soon(TENANT, run(), Micros(70))
    async with asyncio.timeout(5):
        while settlements.pending:  # noqa: ASYNC110 - nobody is told when one lands
            await asyncio.sleep(0.005)
    assert len(ledger.tried) == 21
    assert await figures(ledger) == (70, 0)


async def test_a_process_that_closes_while_the_store_is_away_ends() -> None:
    """After its grace; the hold is left to lapse."""
    ledger = Shaky(away=10**6)
    settlements = Settlements(ledger)
    await ledger.hold(TENANT, run(), Micros(100), month(TENANT, CAP))
    settlements.soon(TENANT, run(), Micros(70))
    async with asyncio.timeout(5):
        await settlements.close(grace=0.05)
    assert settlements.pending == 0
    assert await figures(ledger) == (0, 100)


@settings(max_examples=60, deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 2)), max_size=30),
    away=st.integers(0, 8),
)
async def test_the_cap_holds_while_settlements_are_on_their_way(
    runs: list[tuple[int, int, int]], away: int
) -> None:
    """What was spent by runs that are over, landed or not, never passes the cap, and all of it is booked in the end."""
    ledger = Shaky(away=away)
    settlements = Settlements(ledger)
    really = 0
    for number, (amount, cost, turns) in enumerate(runs):
        try:
            await ledger.hold(TENANT, run(number), Micros(amount), month(TENANT, CAP))
        except OverBudget:
            continue
        really += min(cost, amount)
        settlements.soon(TENANT, run(number), Micros(min(cost, amount)))
        for _ in range(turns):
            await asyncio.sleep(0)
        spent, held = await figures(ledger)
        assert really <= spent + held <= CAP
    await settlements.close()
    assert await figures(ledger) == (really, 0)
