"""Documents in memory."""

from collections.abc import Sequence
from datetime import datetime

from shared.core.entry import Entry
from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId
from shared.fakes.log import MemoryLog, one_tenant, stored_text, through_json
from shared.ports.shelf import Document


class MemoryShelf:
    """`ports.shelf.Shelf`, beside a log that its entries go to."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._documents: dict[tuple[TenantId, RunId], Document] = {}
        self._beats: dict[tuple[TenantId, RunId], datetime] = {}

    async def put(self, document: Document, entries: Sequence[Entry] = ()) -> None:
        """See the port."""
        if entries and one_tenant(entries) != document.tenant:
            raise OurFault("A document can't be put with another tenant's entries.")
        stored_text(document.id, document.text, document.pipeline, document.actor, document.version)
        stored = document.with_(
            given=through_json(document.given),
            data=through_json(document.data),
            fault=through_json(document.fault),
        )
        await self._log.append(entries)
        name = (document.tenant, document.id)
        self._documents[name] = stored
        self._beats.setdefault(name, document.created)

    async def get(self, tenant: TenantId, run: RunId) -> Document | None:
        """See the port."""
        return self._documents.get((tenant, run))

    def all(self) -> Sequence[Document]:
        """Every document of every tenant."""
        return tuple(self._documents.values())

    def remove_text(self, tenant: TenantId, run: RunId, at: datetime) -> bool:
        """What retention does to a document. False for one that is not there, being written, or without its text."""
        found = self._documents.get((tenant, run))
        if found is None or found.status == "running" or found.removed is not None:
            return False
        fault = (
            None if found.fault is None else {"code": found.fault.get("code"), "message": "", "advice": ""}
        )
        self._documents[tenant, run] = found.with_(given={}, text="", data=None, fault=fault, removed=at)
        return True

    async def listed(
        self, tenant: TenantId, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        """See the port. A cursor that names no document gives an empty page."""
        own = [document for (owner, _), document in self._documents.items() if owner == tenant]
        own.sort(key=lambda document: (document.created, document.id), reverse=True)
        if after is not None:
            names = [document.id for document in own]
            own = own[names.index(RunId(after)) + 1 :] if after in names else []
        return tuple(document for document in own if pipeline in (None, document.pipeline))[:limit]

    async def beat(self, tenant: TenantId, run: RunId, at: datetime) -> None:
        """See the port."""
        found = self._documents.get((tenant, run))
        if found is not None and found.status == "running":
            self._beats[tenant, run] = at

    async def claim_orphans(
        self, before: datetime, at: datetime, limit: int, only: RunId | None = None
    ) -> Sequence[tuple[TenantId, RunId]]:
        """See the port; the longest silent first."""
        silent = [
            (beat, name)
            for name, beat in self._beats.items()
            if beat < before and self._documents[name].status == "running" and only in (None, name[1])
        ]
        claimed = tuple(name for _, name in sorted(silent)[:limit])
        self._beats.update(dict.fromkeys(claimed, at))
        return claimed
