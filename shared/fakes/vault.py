"""The vault in memory."""

from collections.abc import Mapping
from datetime import datetime

from shared.core.ids import RunId, TenantId
from shared.ports.clock import Clock


class FakeVault:
    """`ports.vault.Vault`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[TenantId, RunId], dict[str, tuple[str, datetime | None]]] = {}

    async def keep(
        self, tenant: TenantId, run: RunId, marks: Mapping[str, str], until: datetime | None
    ) -> None:
        """See the port."""
        if not marks:
            return
        there = await self.marks(tenant, run)
        own = self._kept.setdefault((tenant, run), {})
        own |= {mark: (value, until) for mark, value in marks.items() if mark not in there}

    async def marks(self, tenant: TenantId, run: RunId) -> Mapping[str, str]:
        """See the port."""
        now = self._clock.now()
        own = self._kept.get((tenant, run), {})
        return {mark: value for mark, (value, until) in sorted(own.items()) if until is None or until > now}

    async def forget(self, tenant: TenantId, run: RunId) -> bool:
        """See the port."""
        return self._kept.pop((tenant, run), None) is not None
