"""Forgets what is kept for a while only: what the rules of retention say is due, and comparisons of a move from another
path."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def run(services: "Services") -> int:
    """The number of things removed. What time did not suffice for is left to the next turn."""
    compared = await services.cutover.sweep()
    return compared + (await services.retention.sweep(services.clock.now())).total
