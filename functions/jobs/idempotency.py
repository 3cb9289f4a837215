"""Forgets idempotency keys whose day is over."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services

_AT_ONCE = 1000


async def run(services: "Services") -> int:
    """The number of keys forgotten."""
    forgotten = 0
    while found := await services.idempotency.expire(services.clock.now(), _AT_ONCE):
        forgotten += found
    return forgotten
