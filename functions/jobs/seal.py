"""Seals what has been logged since the last time: the batches of the hash chain."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services

_TENANTS = 200


async def run(services: "Services") -> int:
    """Seal every tenant's unsealed rows. The number of rows sealed."""
    sealed = 0
    for tenant in await services.seals.due(_TENANTS):
        sealed += await services.seals.seal(tenant, services.clock.now())
    return sealed
