"""Time that moves when told to, and identifiers that count."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

START = datetime(2026, 11, 15, 12, tzinfo=UTC)
"""Mid-month, so that an hour more or less stays in it."""


class FakeClock:
    """`ports.clock.Clock` that stands still until `pass_` moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """See the port."""
        return self._now

    def monotonic(self) -> float:
        """See the port."""
        return self._monotonic

    def pass_(self, seconds: float) -> None:
        """Move both hands."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class CountingIds:
    """`ports.clock.Ids` that gives 1, 2, 3 …: equal runs get equal ids, and later ones sort later."""

    def __init__(self) -> None:
        self._last = 0

    def uuid(self) -> UUID:
        """A version 7 UUID whose time part is the count."""
        self._last += 1
        return UUID(int=(self._last << 80) | (0x7 << 76) | (0x8 << 60) | self._last)

    def secret(self) -> str:
        """43 characters, as the real one."""
        self._last += 1
        return f"secret{self._last:037d}"
