"""Where documents stand: the current state of each, for lists and look-ups. The log holds how it came to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import ZERO, Micros

Status = Literal["running", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a document, as its owner sees it."""

    name: str
    model: str
    cost_micros: int
    status: str = "finished"
    input_tokens: int = 0
    output_tokens: int = 0
    total_ms: int = 0
    legs: int = 1
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A document or chat answer. `data` is the schema-checked result; `cost` is what the customer pays, in micros."""

    id: RunId
    tenant: TenantId
    trace: TraceId
    pipeline: str
    status: Status
    created: datetime
    given: Mapping[str, Any]
    actor: str = ""
    text: str = ""
    data: Mapping[str, Any] | None = None
    cost: Micros = ZERO
    budget: Micros | None = None
    steps: tuple[StepLine, ...] = ()
    finished: datetime | None = None
    fault: Mapping[str, Any] | None = None
    """`code`, `message`, `advice` where it failed."""
    simulated: bool = False
    version: str = ""
    parent: RunId | None = None
    """The document that this one is a re-run of."""
    removed: datetime | None = None
    """When its words (what was given, its text and data) were removed; they are empty since. Written by retention
    alone: `put` leaves it as it is."""

    def with_(self, **changes: Any) -> "Document":
        """A copy with some fields changed."""
        return replace(self, **changes)


class Shelf(Protocol):
    """Documents of a tenant; a state is written in the transaction of the entries that explain it (law 3)."""

    async def put(self, document: Document, entries: Sequence[Entry] = ()) -> None:
        """Insert or update a document and append entries, all or none."""
        ...

    async def get(self, tenant: TenantId, run: RunId) -> Document | None:
        """The document; None where the tenant has none of that id."""
        ...

    async def listed(
        self, tenant: TenantId, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        """Newest first, past the document id `after`."""
        ...

    async def beat(self, tenant: TenantId, run: RunId, at: datetime) -> None:
        """Say that a running document is still being worked on."""
        ...

    async def claim_orphans(
        self, before: datetime, at: datetime, limit: int, only: RunId | None = None
    ) -> Sequence[tuple[TenantId, RunId]]:
        """Running documents of all tenants without a beat since `before`: their process died. Taking one is a beat at
        `at`, so that nobody else takes it; with an `at` before `before` they are only looked at. `only`: this one or
        none."""
        ...
