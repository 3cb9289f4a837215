"""Makes the log's partitions of the coming months."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def run(services: "Services") -> int:
    """How many months ahead have their partition."""
    ahead = 3
    await services.log.ensure_partitions(ahead)
    return ahead
