"""Idempotency keys: which request holds one, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from shared.core.ids import RunId, TenantId

KEPT = timedelta(hours=24)
"""How long a key stands for what was done under it; afterwards it may be used for something else."""
LEASE = timedelta(seconds=60)
"""How long a request holds its key without a word. A process that was killed says no more, and a repeat takes over."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request that carries a key. `where` is method and path; `fingerprint` the SHA-256 of its body (32 bytes)."""

    tenant: TenantId
    where: str
    key: str
    fingerprint: bytes

    @property
    def name(self) -> bytes:
        """What the key is kept under, 32 bytes: a path may be longer than an index can hold."""
        return sha256(f"{self.where}\n{self.key}".encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has the key. `mine` where the request that asked has it now; the rest tells of whoever has it."""

    mine: bool
    holder: RunId
    """The run that the work is done under: made for the request, so that what became of it can be looked up."""
    fingerprint: bytes
    lease_until: datetime
    answer: bytes | None = None
    """What was kept as the answer; None where nothing was (yet)."""


class Idempotency(Protocol):
    """Keys are claimed before anything is done. One request holds a key at a time: of any number that claim it at
    once, in any number of processes, exactly one has `mine`. Every verb raises Unavailable where the store is away.

    A holder that outlives its lease in silence may be replaced while it still works; `extend` and `keep` tell it so.
    """

    async def claim(
        self, asked: Keyed, holder: RunId, at: datetime, instead_of: Claim | None = None
    ) -> Claim:
        """Take the key for `holder`, until `at` + LEASE, where nobody has it or its day is over; or where it still
        stands exactly as `instead_of` says and the body is the same. Else who has it."""
        ...

    async def extend(self, asked: Keyed, holder: RunId, at: datetime) -> bool:
        """The holder still works: its lease ends at `at` + LEASE. False where it has been replaced."""
        ...

    async def keep(self, asked: Keyed, holder: RunId, answer: bytes) -> bool:
        """What the holder answered, for repeats. False where it has been replaced."""
        ...

    async def free(self, asked: Keyed, holder: RunId) -> None:
        """The holder did nothing that lasts: the key is as if it had never been used. Not where it was replaced."""
        ...

    async def expire(self, at: datetime, limit: int) -> int:
        """Forget up to `limit` keys of all tenants whose day is over at `at`. The number forgotten."""
        ...
