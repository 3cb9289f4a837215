"""The real clock and real identifiers."""

import os
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_RANDOM = (1 << 62) - 1
_SUBTICKS = 4096
"""Parts of a millisecond that an id can tell apart."""


class SystemClock:
    """`ports.clock.Clock` on this machine's clocks."""

    def now(self) -> datetime:
        """UTC, microseconds."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since boot or so."""
        return time.monotonic()


class RandomIds:
    """`ports.clock.Ids` on the system's randomness, asked anew for every id: processes that are restored from one
    snapshot of memory begin with the same state of whatever generator stood in it, and would mint the same ids."""

    def __init__(self) -> None:
        self._last = 0

    def uuid(self) -> UUID:
        """A version 7 UUID (RFC 9562, method 3: twelve bits below the millisecond). Later ones of this process sort
        later, also where the wall clock stands still or steps back."""
        milliseconds, rest = divmod(time.time_ns(), 1_000_000)
        tick = milliseconds * _SUBTICKS + rest * _SUBTICKS // 1_000_000
        self._last = tick = max(tick, self._last + 1)
        random = int.from_bytes(os.urandom(8)) & _RANDOM
        return UUID(int=(tick >> 12) << 80 | _VERSION | (tick & 0xFFF) << 64 | _VARIANT | random)

    def secret(self) -> str:
        """43 URL-safe characters."""
        return secrets.token_urlsafe(32)
