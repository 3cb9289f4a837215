"""Money is set aside before the first call and settled after the last one, however a run ends."""

import structlog

from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.ports.ledger import Ledger
from shared.runtime.journal import surely

_LINES = structlog.get_logger("chatsmart")


async def settle(ledger: Ledger, tenant: TenantId, run: RunId, spent: Micros) -> None:
    """End a run's hold and book what it cost, also where the store is away for a moment. Never raises Unavailable:
    what could not be booked is in the log, and counts again when the month is next rebuilt from it."""
    try:
        await surely(lambda: ledger.settle(tenant, run, spent))
    except Unavailable:
        _LINES.error("hold left to expire", run=run, spent_micros=spent)
