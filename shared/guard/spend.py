"""Money is set aside before the first call and settled after the last one, however a run ends."""

import asyncio

import structlog

from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.ports.ledger import Ledger

_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts while the store is away; after the last one the hold is left to expire."""
_LINES = structlog.get_logger("chatsmart")


async def settle(ledger: Ledger, tenant: TenantId, run: RunId, spent: Micros) -> None:
    """End a run's hold and book what it cost, also where the store is away for a moment. Never raises Unavailable:
    a figure that could not be booked is in the log, from which the ledger is rebuilt."""
    for pause in (*_PAUSES, None):
        try:
            await ledger.settle(tenant, run, spent)
            return
        except Unavailable:
            if pause is None:
                _LINES.error("hold left to expire", run=run, spent_micros=spent)
                return
            await asyncio.sleep(pause)
