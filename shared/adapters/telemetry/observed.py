"""A log that tells telemetry what was written, after it was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId
from shared.ports.log import Log
from shared.ports.shelf import Document, Shelf
from shared.ports.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class ObservedLog:
    """`ports.log.Log` around another."""

    inner: Log
    telemetry: Telemetry

    async def append(self, entries: Sequence[Entry]) -> None:
        """Write, then tell."""
        await self.inner.append(entries)
        self.telemetry.observe(entries)

    async def open_runs(self, kind: str, before: datetime, limit: int) -> Sequence[tuple[TenantId, RunId]]:
        """As the inner log has them."""
        return await self.inner.open_runs(kind, before, limit)

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """As the inner log has it."""
        return await self.inner.tape(tenant, run)


@dataclass(frozen=True, slots=True)
class ObservedShelf:
    """`ports.shelf.Shelf` around another: the entries that it writes beside a document are told too."""

    inner: Shelf
    telemetry: Telemetry

    async def put(self, document: Document, entries: Sequence[Entry] = ()) -> None:
        """Write, then tell."""
        await self.inner.put(document, entries)
        self.telemetry.observe(entries)

    async def get(self, tenant: TenantId, run: RunId) -> Document | None:
        """As the inner shelf has it."""
        return await self.inner.get(tenant, run)

    async def listed(
        self, tenant: TenantId, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        """As the inner shelf has them."""
        return await self.inner.listed(tenant, after, limit, pipeline)

    async def beat(self, tenant: TenantId, run: RunId, at: datetime) -> None:
        """Passed on."""
        await self.inner.beat(tenant, run, at)

    async def claim_orphans(
        self, before: datetime, at: datetime, limit: int, only: RunId | None = None
    ) -> Sequence[tuple[TenantId, RunId]]:
        """As the inner shelf has them."""
        return await self.inner.claim_orphans(before, at, limit, only)
