"""Capacity where one process is all there is."""

from collections.abc import Sequence

from shared.core.faults import Conflict, NotYours
from shared.guard.bounded import agreed
from shared.ports.capacity import Bounds, Room

_PROCESS = Room("process", 1, 1, 1, 0, fixed=True)


class OneProcess:
    """`ports.capacity.Capacity` of a laptop: one process, neither more nor less."""

    async def rooms(self) -> Sequence[Room]:
        """See the port."""
        return (_PROCESS,)

    async def bound(self, name: str, bounds: Bounds) -> Room:
        """See the port."""
        if name != _PROCESS.name:
            raise NotYours(f"There is no part '{name}'.")
        if agreed(_PROCESS, bounds) != _PROCESS:
            raise Conflict("This is one process on one machine: there are no containers to bound.")
        return _PROCESS
