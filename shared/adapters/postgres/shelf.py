"""Documents in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from shared.adapters.postgres.database import Database, Record, text_of
from shared.adapters.postgres.log import PostgresLog, one_tenant, write
from shared.adapters.postgres.queries import load
from shared.core.entry import Entry
from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import Micros
from shared.ports.shelf import Document, StepLine

_SQL = load("shelf")


class PostgresShelf:
    """`ports.shelf.Shelf`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = PostgresLog(database)

    async def put(self, document: Document, entries: Sequence[Entry] = ()) -> None:
        """See the port. The very same entries a second time are taken as written, and so is the document."""
        if entries and one_tenant(entries) != document.tenant:
            raise OurFault("A document can't be put with another tenant's entries.")
        try:
            async with self._database.tenant(document.tenant) as connection:
                await connection.execute(_SQL["put"], *_row(document))
                await write(connection, entries)
        except asyncpg.UniqueViolationError:
            await self._log.check_written(entries)
            async with self._database.tenant(document.tenant) as connection:
                await connection.execute(_SQL["put"], *_row(document))

    async def get(self, tenant: TenantId, run: RunId) -> Document | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            row = await connection.fetchrow(_SQL["get"], tenant, run)
        return None if row is None else _document(row)

    async def listed(
        self, tenant: TenantId, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        """See the port. A cursor that names no document gives an empty page."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["listed"], tenant, after, limit, pipeline)
        return tuple(_document(row) for row in rows)

    async def beat(self, tenant: TenantId, run: RunId, at: datetime) -> None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["beat"], tenant, run, at)

    async def claim_orphans(
        self, before: datetime, at: datetime, limit: int, only: RunId | None = None
    ) -> Sequence[tuple[TenantId, RunId]]:
        """See the port; the longest silent first."""
        rows = await self._database.call(_SQL["claim_orphans"], before, at, limit, only)
        return tuple((TenantId(str(row["tenant_id"])), RunId(row["run_id"])) for row in rows)


def _row(document: Document) -> tuple[Any, ...]:
    return (
        document.tenant,
        document.id,
        document.trace,
        document.pipeline,
        document.status,
        document.created,
        document.finished,
        document.actor,
        text_of(document.given),
        document.text,
        None if document.data is None else text_of(document.data),
        text_of([asdict(step) for step in document.steps]),
        None if document.fault is None else text_of(document.fault),
        document.cost,
        document.budget,
        document.simulated,
        document.version,
        document.parent,
    )


def _document(row: Record) -> Document:
    return Document(
        id=RunId(row["id"]),
        tenant=TenantId(str(row["tenant_id"])),
        trace=TraceId(row["trace_id"]),
        pipeline=row["pipeline"],
        status=row["status"],
        created=row["created_at"],
        given=orjson.loads(row["given"]),
        actor=row["actor"],
        text=row["text"],
        data=None if row["data"] is None else orjson.loads(row["data"]),
        cost=Micros(row["cost_micros"]),
        budget=None if row["budget_micros"] is None else Micros(row["budget_micros"]),
        steps=tuple(StepLine(**step) for step in orjson.loads(row["steps"])),
        finished=row["finished_at"],
        fault=None if row["fault"] is None else orjson.loads(row["fault"]),
        simulated=row["simulated"],
        version=row["version"],
        parent=None if row["parent_id"] is None else RunId(row["parent_id"]),
        removed=row["removed_at"],
    )
