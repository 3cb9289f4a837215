"""What a run tells its readers while it goes: the events behind every SSE stream.

An event's position counts from 1 within its run and is the SSE `id`; a reader that comes back names the last
position it saw. The bytes of an event are fixed here, because a replay must give the same ones (law 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from shared.core.frozen import quick

EventName = Literal[
    "started", "step", "token", "spliced", "step_done", "critique", "merged", "usage", "finished", "failed"
]
LAST: frozenset[str] = frozenset({"finished", "failed"})
"""The events after which a stream has no more."""


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run. `data` is JSON and always carries `trace`; a `token` carries `step` and `text` too."""

    position: int
    name: EventName
    data: Mapping[str, Any]

    @property
    def final(self) -> bool:
        """Whether the stream ends with this event."""
        return self.name in LAST

    def wire(self) -> bytes:
        """The event as server-sent-event bytes. Keys keep their order; JSON holds no raw line break."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (
            self.position,
            self.name.encode(),
            orjson.dumps(self.data),
        )
