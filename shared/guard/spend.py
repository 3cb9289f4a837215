"""Money is set aside before the first call and settled after the last one, however a run ends."""

import asyncio
import contextlib
from collections.abc import Sequence

from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.limit import Charge
from shared.core.lines import LINES
from shared.core.money import Micros
from shared.ports.ledger import Ledger
from shared.runtime.journal import PAUSES, surely

_GRACE_SECONDS = 10.0
"""How long a process that closes goes on trying to settle; what is left then lapses."""


async def settle(
    ledger: Ledger, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()
) -> None:
    """End a run's hold and book what it cost, also where the store is away for a moment. Never raises Unavailable:
    what could not be booked is in the log, and counts again when the month is next rebuilt from it."""
    try:
        await surely(lambda: ledger.settle(tenant, run, spent, charges))
    except Unavailable:
        LINES.error("hold left to expire", run=run, spent_micros=spent)


class Settlements:
    """Settlements that nobody waits for: an answer need not be later for what it costs to book it.

    Why that keeps every promise: until a settlement lands its hold stands, and a hold is at least what the run cost,
    so spent + held is never too low. Each is tried until it lands, for as long as the process lives, and the ledger
    ends a hold once however often it is told. One that comes after its hold has lapsed, or never because the process
    was killed, finds or leaves the cost in the log, out of which the ledger makes its figures anew.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def soon(self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()) -> None:
        """As `settle`, at the event loop's next turn. The run's end is in the log already."""
        task = asyncio.create_task(self._see_to(tenant, run, spent, charges))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    @property
    def pending(self) -> int:
        """How many have not landed."""
        return len(self._tasks)

    async def close(self, grace: float = _GRACE_SECONDS) -> None:
        """Wait until all have landed; where the store stays away, `grace` seconds."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _see_to(self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge]) -> None:
        try:
            tried = 0
            while not await self._landed(tenant, run, spent, charges):
                await self._pause(PAUSES[min(tried, len(PAUSES) - 1)])
                tried += 1
        except BaseException:
            LINES.error("hold left to expire", run=run, spent_micros=spent)
            raise

    async def _landed(self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge]) -> bool:
        try:
            await self._ledger.settle(tenant, run, spent, charges)
        except Unavailable:
            return False
        return True

    async def _pause(self, seconds: float) -> None:
        """Less where the process begins to close: there is no time to lose then."""
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, 0.5))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LINES.error("settlement broke", exc_info=error)
