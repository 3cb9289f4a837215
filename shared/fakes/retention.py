"""Retention in memory: over the log, the shelf and the vault in memory."""

from collections.abc import Sequence
from datetime import datetime

from shared.core.faults import Conflict
from shared.core.ids import RunId, TenantId
from shared.core.rules import DataClass
from shared.fakes.log import MemoryLog
from shared.fakes.shelf import MemoryShelf
from shared.fakes.vault import FakeVault
from shared.ports.retention import Hold, Removal, Tombstone


class MemoryRetained:
    """`ports.retention.Retained`."""

    def __init__(self, log: MemoryLog, shelf: MemoryShelf, vault: FakeVault) -> None:
        self._log, self._shelf, self._vault = log, shelf, vault
        self._holds: dict[tuple[TenantId, str], Hold] = {}

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        """See the port."""
        found = {tenant for tenant, rows in self._log.rows.items() if rows}
        found |= {document.tenant for document in self._shelf.all()}
        found |= {tenant for tenant, _, _ in self._vault.made}
        return tuple(sorted(tenant for tenant in found if after is None or tenant > after)[:limit])

    async def tombstones(
        self, tenant: TenantId, run: RunId | None, limit: int, after: tuple[RunId, int] | None = None
    ) -> Sequence[Tombstone]:
        """See the port."""
        own = sorted(self._log.tombstones.get(tenant, {}).items())
        fitting = (one for place, one in own if run in (None, one.run) and (after is None or place > after))
        return tuple(fitting)[:limit]

    async def hold(self, hold: Hold) -> None:
        """See the port."""
        self._holds.setdefault((hold.tenant, hold.id), hold)

    async def release(self, tenant: TenantId, id: str, by: str, at: datetime) -> Hold | None:
        """See the port."""
        found = self._holds.get((tenant, id))
        if found is not None and found.released is None:
            kept = (found.id, tenant, found.run, found.reason, found.by, found.at)
            found = self._holds[tenant, id] = Hold(*kept, released=at, released_by=by)
        return found

    async def holds(self, tenant: TenantId) -> Sequence[Hold]:
        """See the port."""
        own = [hold for (owner, _), hold in self._holds.items() if owner == tenant]
        return tuple(sorted(own, key=lambda hold: (hold.at, hold.id), reverse=True))

    def held(self, tenant: TenantId, run: RunId) -> bool:
        """Whether a hold in force keeps a run."""
        return any(hold.covers(run) for (owner, _), hold in self._holds.items() if owner == tenant)

    def check(self, tenant: TenantId, run: RunId) -> None:
        """Raises Conflict for a run that a hold keeps."""
        if self.held(tenant, run):
            raise Conflict(f"The run '{run}' is on legal hold: nothing of it may be deleted.")


class MemoryBodies:
    """`ports.retention.Expiring`: the words of a run's rows in the log."""

    name: DataClass = "bodies"

    def __init__(self, log: MemoryLog, shelf: MemoryShelf, retained: MemoryRetained) -> None:
        self._log, self._shelf, self._retained = log, shelf, retained

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """See the port."""
        return min((at for at, _ in self._whole(tenant)), default=None)

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return len(self._due(tenant, before))

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port. The number of runs."""
        due = self._due(tenant, before)[:limit]
        for run in due:
            self._log.remove_words(tenant, run, removal)
        return len(due)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port. The number of rows."""
        self._retained.check(tenant, run)
        return self._log.remove_words(tenant, run, removal)

    def _whole(self, tenant: TenantId) -> list[tuple[datetime, RunId]]:
        gone = self._log.tombstones.get(tenant, {})
        rows = self._log.rows.get(tenant, [])
        return [
            (row.at, row.run) for row in rows if row.kind == "run" and (row.run, row.position) not in gone
        ]

    def _due(self, tenant: TenantId, before: datetime) -> list[RunId]:
        running = {one.id for one in self._shelf.all() if one.tenant == tenant and one.status == "running"}
        old = [run for at, run in sorted(self._whole(tenant)) if at < before and run not in running]
        return [run for run in old if not self._retained.held(tenant, run)]


class MemoryVaultExpiring:
    """`ports.retention.Expiring`: what placeholders stand for."""

    name: DataClass = "vault"

    def __init__(self, vault: FakeVault, retained: MemoryRetained) -> None:
        self._vault, self._retained = vault, retained

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """See the port."""
        return min((at for (of, _, _), (at, _) in self._vault.made.items() if of == tenant), default=None)

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return len(self._due(tenant, before, now))

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        due = self._due(tenant, before, removal.at)[:limit]
        return sum(self._vault.drop(tenant, run, mark) for run, mark in due)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        self._retained.check(tenant, run)
        own = [mark for of, at, mark in self._vault.made if (of, at) == (tenant, run)]
        return sum(self._vault.drop(tenant, run, mark) for mark in own)

    def _due(self, tenant: TenantId, before: datetime, now: datetime) -> list[tuple[RunId, str]]:
        return [
            (run, mark)
            for (of, run, mark), (at, end) in sorted(self._vault.made.items())
            if of == tenant
            and (at < before or (end is not None and end <= now))
            and not self._retained.held(tenant, run)
        ]


class MemoryDocuments:
    """`ports.retention.Expiring`: the texts of documents."""

    name: DataClass = "documents"

    def __init__(self, shelf: MemoryShelf, retained: MemoryRetained) -> None:
        self._shelf, self._retained = shelf, retained

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """See the port."""
        own = (one.created for one in self._shelf.all() if one.tenant == tenant and one.removed is None)
        return min(own, default=None)

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return len(self._due(tenant, before))

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        due = self._due(tenant, before)[:limit]
        return sum(self._shelf.remove_text(tenant, run, removal.at) for run in due)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        self._retained.check(tenant, run)
        return self._shelf.remove_text(tenant, run, removal.at)

    def _due(self, tenant: TenantId, before: datetime) -> list[RunId]:
        return sorted(
            one.id
            for one in self._shelf.all()
            if one.tenant == tenant
            and one.removed is None
            and one.status != "running"
            and one.created < before
            and not self._retained.held(tenant, one.id)
        )
