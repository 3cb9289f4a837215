"""Forgets what is kept for a while only: comparisons of a move from another path."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services

EVERY_SECONDS = 3600.0


async def run(services: "Services") -> int:
    """The number of comparisons forgotten."""
    return await services.cutover.sweep()
