"""The models, behind failover: what the runtime calls."""

from collections.abc import AsyncGenerator
from typing import Protocol

from shared.core.leg import Call, LegEnded, LegItem


class Models(Protocol):
    """Answers calls. `shared/models/failover.py` implements it; bootstrap injects it."""

    def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """The answer as it comes: LegStarted, chunks, LegEnded; more legs where one fails and the ladder goes on.

        Every LegStarted is followed by its LegEnded before the next leg or the end. Raises the last leg's
        ProviderFault where no rung answers. A caller that leaves calls `aclose()`: the connection is closed at once,
        and `partial()` then tells what the open leg had come to, so that it can be logged.
        """
        ...

    def partial(self, call: Call) -> LegEnded | None:
        """The leg of `call` that was open when its generator was closed, once; None where none was."""
        ...
