"""What is known of near hits, in memory."""

from collections.abc import Callable
from datetime import datetime

from shared.core.ids import TenantId


class FakeNearRecord:
    """`ports.near.NearRecord`. `off` decides from (wrong, checked) whether near hits stop."""

    def __init__(self, off: Callable[[int, int], bool] = lambda wrong, checked: False) -> None:
        self._off = off
        self._pairs: dict[tuple[TenantId, bytes], bool] = {}
        self._checks: dict[TenantId, tuple[int, int]] = {}

    async def admitted(self, tenant: TenantId, pair: bytes) -> bool | None:
        """See the port."""
        return self._pairs.get((tenant, pair))

    async def admit(self, tenant: TenantId, pair: bytes, verdict: bool, at: datetime) -> None:
        """See the port."""
        self._pairs.setdefault((tenant, pair), verdict)

    async def checked(self, tenant: TenantId, wrong: bool, at: datetime) -> None:
        """See the port."""
        before = self._checks.get(tenant, (0, 0))
        self._checks[tenant] = (before[0] + wrong, before[1] + 1)

    async def is_open(self, tenant: TenantId) -> bool:
        """See the port."""
        return not self._off(*self._checks.get(tenant, (0, 0)))

    async def reopen(self, tenant: TenantId, at: datetime) -> None:
        """See the port."""
        self._checks.pop(tenant, None)
