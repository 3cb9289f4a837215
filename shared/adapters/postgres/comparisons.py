"""What was measured while tenants move, in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from shared.adapters.postgres.database import Database, Record, text_of
from shared.adapters.postgres.queries import load
from shared.core.ids import TenantId, TraceId
from shared.core.money import Micros
from shared.ports.comparisons import Comparison, Count, Side

_SQL = load("comparisons")


class PostgresComparisons:
    """`ports.comparisons.Comparisons`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: TenantId, rows: Sequence[Comparison], counts: Sequence[Count]) -> None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            if rows:
                await connection.executemany(_SQL["add"], [_values(tenant, row) for row in rows])
            # In one order in every process, so that no two wait for each other.
            found = sorted(((tenant, one.hour, one.way, one.n) for one in counts), key=lambda one: one[1:3])
            if found:
                await connection.executemany(_SQL["count"], found)

    async def since(self, tenant: TenantId, since: datetime, limit: int) -> Sequence[Comparison]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["since"], tenant, since, limit)
        return tuple(_comparison(row) for row in rows)

    async def counts(self, tenant: TenantId, since: datetime) -> Mapping[str, int]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["counts"], tenant, since)
        return {row["way"]: row["n"] for row in rows}

    async def sweep(self, before: datetime, limit: int) -> int:
        """See the port."""
        return int((await self._database.call(_SQL["sweep"], before, limit))[0]["gone"])


def _values(tenant: TenantId, row: Comparison) -> tuple[object, ...]:
    about = (tenant, row.at, row.trace, row.path, row.model, row.first)
    sample = None if row.sample is None else text_of(dict(row.sample))
    return (*about, *_side(row.ours), *_side(row.theirs), row.agrees, row.why, row.similarity, sample)


def _side(side: Side) -> tuple[object, ...]:
    return (
        side.model,
        side.status,
        side.fault,
        side.first_ms,
        side.total_ms,
        side.cost,
        side.finish,
        side.size,
        side.digest,
    )


def _comparison(row: Record) -> Comparison:
    return Comparison(
        tenant=TenantId(str(row["tenant_id"])),
        trace=TraceId(row["trace_id"]),
        at=row["at"],
        path=row["path"],
        model=row["model"],
        first=row["first"],
        ours=_read(row, "our"),
        theirs=_read(row, "their"),
        agrees=row["agrees"],
        why=row["why"],
        similarity=row["similarity"],
        sample=None if row["sample"] is None else orjson.loads(row["sample"]),
    )


def _read(row: Record, whose: str) -> Side:
    cost = row[f"{whose}_cost_micros"]
    return Side(
        model=row[f"{whose}_model"],
        status=row[f"{whose}_status"],
        fault=row[f"{whose}_fault"],
        first_ms=row[f"{whose}_first_ms"],
        total_ms=row[f"{whose}_total_ms"],
        cost=None if cost is None else Micros(cost),
        finish=row[f"{whose}_finish"],
        size=row[f"{whose}_size"],
        digest=row[f"{whose}_digest"],
    )
