"""What operators watch."""

from collections.abc import Sequence
from typing import Protocol

from shared.core.entry import Entry


class Telemetry(Protocol):
    """Fed with every entry that has been written to the log; never fails and never waits."""

    def observe(self, entries: Sequence[Entry]) -> None:
        """Turn entries into spans, metrics and log lines."""
        ...

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        ...

    def close(self) -> None:
        """Send what is buffered."""
        ...
