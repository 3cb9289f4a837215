"""The hash chain over the log: what makes a changed, missing or added row show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.ids import TenantId


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a tenant's chain found. `broken` names the first seal that does not fit, in words."""

    tenant: TenantId
    seals: int
    entries: int
    unsealed: int
    broken: str = ""
    tombstones: int = 0
    """Entries whose words were removed: of those the chain covers the figures and the digests of what stood there."""


class Seals(Protocol):
    """A seal covers a batch of committed rows and the digest of the seal before it (a row per call would cap a tenant
    at some hundred calls a second; a batch does not)."""

    async def seal(self, tenant: TenantId, at: datetime) -> int:
        """Seal what is committed and unsealed; the number of rows sealed."""
        ...

    async def verify(self, tenant: TenantId) -> Verdict:
        """Recompute the chain from the rows."""
        ...

    async def due(self, limit: int) -> Sequence[TenantId]:
        """Tenants with unsealed rows."""
        ...
