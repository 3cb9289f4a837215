"""The call log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId


class Log(Protocol):
    """Append-only, tenant by tenant. There is no update and no delete."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Write entries of one tenant, all or none. Raises Unavailable where the store can't be reached."""
        ...

    async def open_runs(self, kind: str, before: datetime, limit: int) -> Sequence[tuple[TenantId, RunId]]:
        """Runs of all tenants whose id begins with `kind`, begun in the day before `before` and not ended since; the
        oldest first."""
        ...

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """All entries of a run in the order of their positions; empty where the tenant has no such run. Raises Gone
        where its words were removed."""
        ...
