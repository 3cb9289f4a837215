"""Money set aside and money spent, across all processes."""

from dataclasses import dataclass
from typing import Protocol

from shared.core.ids import RunId, TenantId
from shared.core.money import Micros


@dataclass(frozen=True, slots=True)
class Balance:
    """What a tenant's month holds, in micro-dollars: `spent + held <= cap` at every instant, unless a run spent on
    after its hold was lost or had lapsed."""

    cap: Micros
    spent: Micros
    held: Micros


class Ledger(Protocol):
    """Holds and settlements. A hold ends exactly once, by `settle`; an abandoned one (a killed process) expires."""

    async def hold(self, tenant: TenantId, run: RunId, amount: Micros, cap: Micros) -> None:
        """Set `amount` aside for a run. Raises OverBudget where spent + held + amount would pass `cap`; then nothing
        is held. A second hold of the same run replaces the first. Fails closed: Unavailable where the store is down."""
        ...

    async def settle(self, tenant: TenantId, run: RunId, spent: Micros) -> bool:
        """End the hold of a run and book what it cost (0 releases it); the run's end is in the log by then. False
        where the run held nothing (settled before, lapsed, or lost with the store): nothing is booked, so nothing is
        booked twice. The month's figure is then forgotten, the other holds are kept, and whoever asks next has it
        rebuilt from the log: what a run cost counts, also where its hold did not live to see it."""
        ...

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """Keep the hold of a run that is still going from expiring."""
        ...

    async def balance(self, tenant: TenantId, cap: Micros) -> Balance:
        """This month's figures."""
        ...
