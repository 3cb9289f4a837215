"""The models, behind failover: what the runtime calls."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from shared.core.leg import Call, LegEnded, LegItem


class Models(Protocol):
    """Answers calls. `shared/models/failover.py` implements it; bootstrap injects it."""

    def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """The answer as it comes: LegStarted, batches of chunks, LegEnded; more legs where one fails and another goes
        on (`Spliced`) or begins again (`Restarted`).

        Chunks belong to the one leg that is open; where two are (a hedge), none come until one of them has ended. Every
        LegStarted is followed by its LegEnded. Raises the last leg's ProviderFault where no rung answers. A caller that
        leaves calls `aclose()`: connections are closed at once, and `partials()` then tells what the open legs had
        come to, so that they can be logged.
        """
        ...

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """The legs of `call` that were open when its generator was closed, once."""
        ...
