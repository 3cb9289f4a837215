"""The real clock and real identifiers."""

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils


class SystemClock:
    """`ports.clock.Clock` on this machine's clocks."""

    def now(self) -> datetime:
        """UTC, microseconds."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since boot or so."""
        return time.monotonic()


class RandomIds:
    """`ports.clock.Ids` on the system's randomness."""

    def uuid(self) -> UUID:
        """A version 7 UUID (RFC 9562); Python's own arrives in 3.14."""
        return UUID(int=uuid_utils.uuid7().int)

    def secret(self) -> str:
        """43 URL-safe characters."""
        return secrets.token_urlsafe(32)
