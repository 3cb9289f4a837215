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
        self.made: dict[tuple[TenantId, RunId, str], tuple[datetime, datetime | None]] = {}
        """When each was kept, and its end: what retention looks at."""

    async def keep(
        self, tenant: TenantId, run: RunId, marks: Mapping[str, str], until: datetime | None
    ) -> None:
        """See the port."""
        if not marks:
            return
        there = await self.marks(tenant, run)
        own = self._kept.setdefault((tenant, run), {})
        fresh = {mark: (value, until) for mark, value in marks.items() if mark not in there}
        own |= fresh
        self.made |= {(tenant, run, mark): (self._clock.now(), until) for mark in fresh}

    async def marks(self, tenant: TenantId, run: RunId) -> Mapping[str, str]:
        """See the port."""
        now = self._clock.now()
        own = self._kept.get((tenant, run), {})
        return {mark: value for mark, (value, until) in sorted(own.items()) if until is None or until > now}

    async def forget(self, tenant: TenantId, run: RunId) -> bool:
        """See the port."""
        own = self._kept.get((tenant, run), {})
        return sum(self.drop(tenant, run, mark) for mark in list(own)) > 0

    def drop(self, tenant: TenantId, run: RunId, mark: str) -> bool:
        """Forget one placeholder. False where it is not there."""
        self.made.pop((tenant, run, mark), None)
        return self._kept.get((tenant, run), {}).pop(mark, None) is not None
