"""Time and identity: the two things a pure core must be handed."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Wall time for the log, monotonic time for durations."""

    def now(self) -> datetime:
        """The time, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...


class Ids(Protocol):
    """Fresh identifiers."""

    def uuid(self) -> UUID:
        """A new version 7 UUID: later ones sort later."""
        ...

    def secret(self) -> str:
        """32 random bytes in URL-safe text: the body of an API key."""
        ...
