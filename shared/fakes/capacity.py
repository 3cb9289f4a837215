"""Containers in memory."""

from collections.abc import Sequence

from shared.core.faults import NotYours, Unavailable
from shared.guard.bounded import agreed
from shared.ports.capacity import Bounds, Room


class MemoryCapacity:
    """`ports.capacity.Capacity` of some parts. `away` makes it refuse."""

    def __init__(self, *rooms: Room) -> None:
        self._rooms = {room.name: room for room in rooms}
        self.away = False

    async def rooms(self) -> Sequence[Room]:
        """See the port."""
        self._reached()
        return sorted(self._rooms.values(), key=lambda room: room.name)

    async def bound(self, name: str, bounds: Bounds) -> Room:
        """See the port."""
        self._reached()
        if name not in self._rooms:
            raise NotYours(f"There is no part '{name}'.")
        room = agreed(self._rooms[name], bounds)
        self._rooms[name] = room
        return room

    def _reached(self) -> None:
        if self.away:
            raise Unavailable("The platform can't be reached.")
