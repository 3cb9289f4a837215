"""The call log in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import orjson

from shared.adapters.postgres.database import Connection, Database, Record, text_of
from shared.adapters.postgres.group import Groups
from shared.adapters.postgres.queries import load
from shared.core.entry import Entry
from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.ports.retention import removed

_SQL = load("log")
_PLAIN = (
    "step", "key", "occurrence", "attempt", "leg", "model", "provider", "finish", "fault", "actor",
)  # fmt: skip
"""Columns that are left out where they are empty or 0: that is their default."""
_USED = (
    ("input_tokens", "input"),
    ("cache_read_tokens", "cache_read"),
    ("cache_write_tokens", "cache_write"),
    ("output_tokens", "output"),
    ("reasoning_tokens", "reasoning"),
    ("searches", "searches"),
    ("reported_cost_micros", "reported_cost_micros"),
    ("provenance", "provenance"),
)
"""Columns, and where a Usage has them."""


class Packed(NamedTuple):
    """Rows on their way: objects of a JSON array, and beside them, row by row, what JSON can't carry unchanged."""

    facts: str
    bodies: list[str]
    requests: list[bytes]
    responses: list[bytes]


class PostgresLog:
    """`ports.log.Log`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._groups: Groups[Packed] = Groups(self._write)

    async def append(self, entries: Sequence[Entry]) -> None:
        """See the port. The very same entries a second time (a retry after a lost answer) are taken as written."""
        if not entries:
            return
        tenant = one_tenant(entries)
        try:
            await self._groups.append(tenant, packed(entries))
        except asyncpg.UniqueViolationError:
            await self.check_written(entries)

    async def _write(self, tenant: TenantId, group: Sequence[Packed]) -> None:
        """One statement, and so one transaction. Sent again where the connection is lost: positions are taken once."""
        await self._database.call(
            _SQL["append"],
            tenant,
            f"[{','.join([rows.facts for rows in group])}]",
            [body for rows in group for body in rows.bodies],
            [request for rows in group for request in rows.requests],
            [response for rows in group for response in rows.responses],
        )

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["tape"], tenant, run)
            if not all(row["words"] for row in rows):
                removal = await connection.fetchrow(_SQL["removal"], tenant, run)
                raise removed(run, *(removal or ("", None)))
        return tuple(_entry(row) for row in rows)

    async def check_written(self, entries: Sequence[Entry]) -> None:
        """Raises OurFault unless the log holds exactly these entries already."""
        for run in {entry.run for entry in entries}:
            stored = {entry.position: _whole(entry) for entry in await self.tape(entries[0].tenant, run)}
            for entry in entries:
                if entry.run == run and stored.get(entry.position) != _whole(entry):
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

    async def busy(self, tenant: TenantId, now: datetime, but: RunId) -> bool:
        """Whether another run that began in the last hour has not ended: what a ledger that lost its holds has to
        know. False for a tenant of whom there was nothing two seconds ago."""
        since, known, before = now - timedelta(hours=1), now - timedelta(days=70), now - timedelta(seconds=2)
        async with self._database.tenant(tenant) as connection:
            return bool(await connection.fetchval(_SQL["busy"], tenant, since, but, known, before))

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
    if entries:
        rows = packed(entries)
        await connection.execute(_SQL["insert"], one_tenant(entries), f"[{rows.facts}]", *rows[1:])


def packed(entries: Sequence[Entry]) -> Packed:
    """Entries as `app.append` takes them. Raises OurFault for what JSON can't hold."""
    return Packed(
        text_of([_facts(entry) for entry in entries])[1:-1],
        [text_of(entry.body) for entry in entries],
        [entry.request for entry in entries],
        [entry.response for entry in entries],
    )


def _facts(entry: Entry) -> dict[str, Any]:
    """The columns that are not at their default."""
    facts: dict[str, Any] = {
        "run_id": entry.run,
        "position": entry.position,
        "at": entry.at,
        "trace_id": entry.trace,
        "kind": entry.kind,
    }
    for name in _PLAIN:
        if value := getattr(entry, name):
            facts[name] = value
    if entry.cost is not None:
        facts["cost_micros"] = entry.cost
    if entry.first_token_ms is not None:
        facts["first_token_ms"] = entry.first_token_ms
    if entry.total_ms is not None:
        facts["total_ms"] = entry.total_ms
    used = entry.usage
    if used is not None:
        facts |= {column: getattr(used, name) for column, name in _USED if getattr(used, name) is not None}
    return facts


def _whole(entry: Entry) -> tuple[Any, ...]:
    """All of an entry, its body as it is stored."""
    return entry.tenant, text_of(_facts(entry)), text_of(entry.body), entry.request, entry.response


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
