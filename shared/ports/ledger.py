"""Money set aside, money spent and rates kept, across all processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.core.ids import RunId, TenantId
from shared.core.limit import Cap, Charge, Remaining
from shared.core.money import Micros


@dataclass(frozen=True, slots=True)
class Balance:
    """What a cap's period holds, in micro-dollars: `spent + held <= cap` at every instant, unless a run spent on
    after its hold was lost or had lapsed."""

    cap: Cap
    spent: Micros
    held: Micros


class Ledger(Protocol):
    """Holds, settlements and rates. A hold ends exactly once, by `settle`; an abandoned one (a killed process)
    lapses, and the tenant's figures are then rebuilt from the log, which alone knows what its run came to."""

    async def hold(
        self,
        tenant: TenantId,
        run: RunId,
        amount: Micros,
        caps: Sequence[Cap],
        charges: Sequence[Charge] = (),
    ) -> Sequence[Remaining]:
        """Set `amount` aside for a run under all of `caps`, and take `charges` from their rates; what is left of
        these, in their order.

        All or nothing, in one step: where one cap or one rate refuses, nothing is held or taken. Raises OverBudget,
        which names the cap that leaves least and what would fit, where spent + held + amount would pass a cap;
        TooFast, which names the rate that takes longest and has `retry_after`. The hold counts in every subject that
        `caps` name, whatever the period. A second hold of the same run replaces the first. A charge larger than its
        rate's burst passes once the rate is whole, and is paid back after; one of 0 only asks. Fails closed:
        Unavailable where the store is down. Cancelled on its way it may land all the same, but before whatever this
        process asks of the ledger afterwards.
        """
        ...

    async def settle(
        self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()
    ) -> bool:
        """End the hold of a run, book what it cost (0 releases it) and take `charges`, which nothing refuses (what an
        estimate fell short of) and which may give back (what it was too much). The run's end is in the log by then.

        False where the run held nothing (settled before, lapsed, or lost with the store): nothing is booked or taken,
        so nothing is booked twice. The tenant's figures are then forgotten, the other holds are kept, and whoever asks
        next has them rebuilt from the log: what a run cost counts, also where its hold did not live to see it."""
        ...

    async def take(self, tenant: TenantId, charges: Sequence[Charge]) -> Sequence[Remaining]:
        """Take all of `charges` or none: rates alone, no money. Raises TooFast and Unavailable as `hold` does."""
        ...

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """Keep the hold of a run that is still going from lapsing."""
        ...

    async def balance(self, tenant: TenantId, caps: Sequence[Cap]) -> Sequence[Balance]:
        """The figures of these caps now, in their order; those of one without a limit too."""
        ...
