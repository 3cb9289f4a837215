"""The call log in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from shared.adapters.postgres.database import Connection, Database, Record, text_of
from shared.adapters.postgres.queries import load
from shared.core.entry import Entry
from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import Micros
from shared.core.usage import Usage

_SQL = load("log")


class PostgresLog:
    """`ports.log.Log`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Entry]) -> None:
        """See the port. The very same entries a second time (a retry after a lost answer) are taken as written."""
        if not entries:
            return
        tenant = one_tenant(entries)
        try:
            async with self._database.tenant(tenant) as connection:
                await write(connection, entries)
        except asyncpg.UniqueViolationError:
            await self.check_written(entries)

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["tape"], tenant, run)
        return tuple(_entry(row) for row in rows)

    async def check_written(self, entries: Sequence[Entry]) -> None:
        """Raises OurFault unless the log holds exactly these entries already."""
        for run in {entry.run for entry in entries}:
            stored = {entry.position: _row(entry) for entry in await self.tape(entries[0].tenant, run)}
            for entry in entries:
                if entry.run == run and stored.get(entry.position) != _row(entry):
                    raise OurFault(f"Position {entry.position} of {run} is already written, and otherwise.")

    async def open_runs(self, kind: str, before: datetime, limit: int) -> Sequence[tuple[TenantId, RunId]]:
        """See the port."""
        rows = await self._database.call(_SQL["open_runs"], kind, before, limit)
        return tuple((TenantId(str(row["tenant_id"])), RunId(row["run_id"])) for row in rows)

    async def spent(
        self, tenant: TenantId, since: datetime, until: datetime, actor: str | None = None
    ) -> Micros:
        """What runs of a tenant, documents and chats, that ended in [since, until) cost it, in micro-dollars: the
        truth behind the ledger. With `actor`, those alone that this key or person asked for."""
        async with self._database.tenant(tenant) as connection:
            return Micros(await connection.fetchval(_SQL["spent"], tenant, since, until, actor))

    async def ensure_partitions(self, ahead: int = 3) -> None:
        """Make the log's partitions of this month and `ahead` more. Rows have a place without them; it is for speed
        and retention."""
        await self._database.call(_SQL["ensure_partitions"], ahead)


def one_tenant(entries: Sequence[Entry]) -> TenantId:
    """The tenant of all of them. Raises OurFault where they have several."""
    tenants = {entry.tenant for entry in entries}
    if len(tenants) != 1:
        raise OurFault("Entries of several tenants can't be appended in one transaction.")
    return tenants.pop()


async def write(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append inside a transaction that somebody else ends."""
    if len(entries) == 1:
        await connection.execute(_SQL["append"], *_row(entries[0]))
    elif entries:
        await connection.executemany(_SQL["append"], [_row(entry) for entry in entries])


def _row(entry: Entry) -> tuple[Any, ...]:
    used = entry.usage
    usage: tuple[Any, ...] = (None,) * 8
    if used is not None:
        usage = (
            used.input,
            used.cache_read,
            used.cache_write,
            used.output,
            used.reasoning,
            used.searches,
            used.reported_cost_micros,
            used.provenance,
        )
    return (
        entry.tenant,
        entry.run,
        entry.position,
        entry.at,
        entry.trace,
        entry.kind,
        entry.step,
        entry.key,
        entry.occurrence,
        entry.attempt,
        entry.leg,
        entry.model,
        entry.provider,
        entry.request,
        entry.response,
        text_of(entry.body),
        *usage,
        entry.cost,
        entry.finish,
        entry.fault,
        entry.first_token_ms,
        entry.total_ms,
        entry.actor,
    )


def _entry(row: Record) -> Entry:
    usage = None
    if row["provenance"] is not None:
        usage = Usage(
            input=row["input_tokens"],
            cache_read=row["cache_read_tokens"],
            cache_write=row["cache_write_tokens"],
            output=row["output_tokens"],
            reasoning=row["reasoning_tokens"],
            searches=row["searches"],
            reported_cost_micros=row["reported_cost_micros"],
            provenance=row["provenance"],
        )
    return Entry(
        tenant=TenantId(str(row["tenant_id"])),
        run=RunId(row["run_id"]),
        trace=TraceId(row["trace_id"]),
        position=row["position"],
        kind=row["kind"],
        at=row["at"],
        step=row["step"],
        key=row["key"],
        occurrence=row["occurrence"],
        attempt=row["attempt"],
        leg=row["leg"],
        model=row["model"],
        provider=row["provider"],
        request=row["request"],
        response=row["response"],
        body=orjson.loads(row["body"]),
        usage=usage,
        cost=None if row["cost_micros"] is None else Micros(row["cost_micros"]),
        finish=row["finish"],
        fault=row["fault"],
        first_token_ms=row["first_token_ms"],
        total_ms=row["total_ms"],
        actor=row["actor"],
    )
