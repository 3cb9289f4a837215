"""Trying on for a while, where a store may be restarting."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.adapters.postgres.lost import LOST as GONE
from shared.core.faults import Unavailable

T = TypeVar("T")
STORE_SECONDS = 45.0
"""How long a database may be away in the middle of a deploy: a managed one's restart takes about that long."""
_PAUSE = 0.5
LOST = (*GONE, Unavailable)
"""The database went away or is not there yet: what was asked may be asked again."""


async def patiently(
    act: Callable[[], Awaitable[T]],
    *,
    seconds: float = STORE_SECONDS,
    waiting: Callable[[], None] | None = None,
) -> T:
    """`act`, again where the database is lost, until the time is up; then what it raised last. `act` must bear
    repeating. `waiting` is called once, when the first try was lost."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    told = False
    while True:
        try:
            return await act()
        except LOST:
            if loop.time() + _PAUSE > deadline:
                raise
        if waiting is not None and not told:
            told = True
            waiting()
        await asyncio.sleep(_PAUSE)
