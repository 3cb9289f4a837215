"""Live events of a run, from the process that runs it to the processes that serve its readers."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from shared.core.event import Event
from shared.core.ids import RunId, TenantId


class Bus(Protocol):
    """A stream per run, kept for a while after its end; the log can rebuild it for ever."""

    async def publish(self, tenant: TenantId, run: RunId, events: Sequence[Event]) -> None:
        """Add events in the order of their positions; a position that is already there is left as it is."""
        ...

    def follow(self, tenant: TenantId, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        """Events past position `after`, live, until the final one. Ends at once where the stream is not (any longer)
        there: then rebuild it from the log."""
        ...

    async def so_far(self, tenant: TenantId, run: RunId) -> Sequence[Event]:
        """All events that the stream holds now, without waiting for more; empty where there is none."""
        ...
