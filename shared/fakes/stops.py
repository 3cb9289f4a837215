"""What is stopped, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.ports.stops import Change, Scope, Stop


class MemoryStops:
    """`ports.stops.Stops`."""

    def __init__(self) -> None:
        self._standing: dict[Scope, Stop] = {}
        self._history: list[Change] = []

    async def standing(self) -> Mapping[Scope, Stop]:
        """See the port."""
        return dict(self._standing)

    async def stop(self, stop: Stop) -> None:
        """See the port."""
        self._standing[stop.scope] = stop
        self._history.insert(0, Change(stop.scope, stop.reason, stop.by, stop.at))

    async def resume(self, scope: Scope, by: str, at: datetime) -> None:
        """See the port."""
        if self._standing.pop(scope, None) is not None:
            self._history.insert(0, Change(scope, "", by, at))

    async def history(self, limit: int) -> Sequence[Change]:
        """See the port."""
        return self._history[:limit]
