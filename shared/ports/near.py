"""What is known of near hits: pairs that a judge has let in, and how often a near hit was wrong."""

from datetime import datetime
from typing import Protocol

from shared.core.ids import TenantId


class NearRecord(Protocol):
    """A tenant's own record. `pair` is 32 bytes that name two texts in one frame, in either order."""

    async def admitted(self, tenant: TenantId, pair: bytes) -> bool | None:
        """What the judge said of a pair: True, it may be served; False; None: it was not asked yet, or the store is
        away."""
        ...

    async def admit(self, tenant: TenantId, pair: bytes, verdict: bool, at: datetime) -> None:
        """Note what the judge said. The first word stands."""
        ...

    async def checked(self, tenant: TenantId, wrong: bool, at: datetime) -> None:
        """Count a near hit that was asked anew as well."""
        ...

    async def is_open(self, tenant: TenantId) -> bool:
        """Whether near hits may be served: the counts don't say that too many are wrong. False where the store is
        away. May be some seconds old."""
        ...

    async def reopen(self, tenant: TenantId, at: datetime) -> None:
        """Forget the counts: somebody has looked at it."""
        ...
