"""Retention in Postgres: holds, evidence, and the classes of data that lie in tables of ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.adapters.postgres.database import Connection, Database, Record
from shared.adapters.postgres.queries import load
from shared.core.faults import Conflict
from shared.core.ids import RunId, TenantId
from shared.core.rules import DataClass
from shared.ports.retention import Hold, Removal, Tombstone

_SQL = load("retention")
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"


class PostgresRetained:
    """`ports.retention.Retained`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        """See the port."""
        rows = await self._database.call(_SQL["tenants"], after or _BEFORE_ALL, limit)
        return tuple(TenantId(str(row["id"])) for row in rows)

    async def tombstones(
        self, tenant: TenantId, run: RunId | None, limit: int, after: tuple[RunId, int] | None = None
    ) -> Sequence[Tombstone]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["tombstones"], tenant, run, *(after or (None, None)), limit)
        return tuple(_tombstone(row) for row in rows)

    async def hold(self, hold: Hold) -> None:
        """See the port."""
        async with self._database.tenant(hold.tenant) as connection:
            await connection.execute(
                _SQL["hold"], hold.tenant, hold.id, hold.run, hold.reason, hold.by, hold.at
            )

    async def release(self, tenant: TenantId, id: str, by: str, at: datetime) -> Hold | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["release"], tenant, id, at, by)
            row = await connection.fetchrow(_SQL["one_hold"], tenant, id)
        return None if row is None else _hold(row)

    async def holds(self, tenant: TenantId) -> Sequence[Hold]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["holds"], tenant)
        return tuple(_hold(row) for row in rows)


class _Table:
    """What the classes below share: the tenant's transaction, and the look at holds before an erasure."""

    name: DataClass

    def __init__(self, database: Database) -> None:
        self._database = database

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            found: datetime | None = await connection.fetchval(_SQL[f"{self.name}_oldest"], tenant)
        return found

    async def _count(self, tenant: TenantId, statement: str, *arguments: object) -> int:
        async with self._database.tenant(tenant) as connection:
            return int(await connection.fetchval(_SQL[statement], tenant, *arguments))

    async def _unheld(self, tenant: TenantId, run: RunId, statement: str, *arguments: object) -> int:
        """The same for one run. Raises Conflict where it is held."""
        async with self._database.tenant(tenant) as connection:
            await not_held(connection, tenant, run)
            return int(await connection.fetchval(_SQL[statement], tenant, run, *arguments))


class PostgresBodies(_Table):
    """The words of a run's rows in the call log, run by run: a tombstone stays of each row. Due by when the run began;
    a document that is being written is left alone."""

    name: DataClass = "bodies"

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return int((await self._database.call(_SQL["bodies_due"], tenant, before))[0][0])

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port. The number of runs."""
        rows = await self._database.call(
            _SQL["bodies_expire"], tenant, before, removal.rule, removal.by, removal.at, limit
        )
        return int(rows[0]["gone"])

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port. The number of rows."""
        rows = await self._database.call(
            _SQL["bodies_erase"], tenant, run, removal.rule, removal.by, removal.at
        )
        gone = rows[0]["gone"]
        if gone is None:
            raise held(run)
        return int(gone)


class PostgresVaultExpiring(_Table):
    """What placeholders stand for, entry by entry; also those whose own end is past."""

    name: DataClass = "vault"

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return await self._count(tenant, "vault_due", before, now)

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        return await self._count(tenant, "vault_expire", before, removal.at, limit)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        return await self._unheld(tenant, run, "vault_erase")


class PostgresDocuments(_Table):
    """The texts of documents: what was given, what was written. Status and figures stay, and a mark."""

    name: DataClass = "documents"

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return await self._count(tenant, "documents_due", before)

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        return await self._count(tenant, "documents_expire", before, limit, removal.at, removal.rule)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        return await self._unheld(tenant, run, "documents_erase", removal.at, removal.rule)


class PostgresCache(_Table):
    """Stored answers; also those whose own end is past. Copies elsewhere are void once a living one has gone."""

    name: DataClass = "cache"

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return await self._count(tenant, "cache_due", before, now)

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            # The epoch first, then the answers, as those who store do: else the two could wait for each other.
            living: bool = await connection.fetchval(_SQL["cache_living"], tenant, before, removal.at)
            if living:
                await connection.execute(_SQL["cache_epoch"], tenant)
            found = (tenant, before, removal.at, limit, living)
            return int(await connection.fetchval(_SQL["cache_expire"], *found))

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port. What the run is about to store is not stored either."""
        async with self._database.tenant(tenant) as connection:
            await not_held(connection, tenant, run)
            epoch = await connection.fetchval(_SQL["cache_epoch"], tenant)
            await connection.execute(_SQL["cache_purged"], tenant, epoch, run)
            return int(await connection.fetchval(_SQL["cache_erase"], tenant, run))


class PostgresEmbeddings(_Table):
    """Vectors of prompts, where they are to go before the answers that they stand beside."""

    name: DataClass = "embeddings"

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return await self._count(tenant, "embeddings_due", before)

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        return await self._count(tenant, "embeddings_expire", before, limit)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        return await self._unheld(tenant, run, "embeddings_erase")


async def not_held(connection: Connection, tenant: TenantId, run: RunId) -> None:
    """Raises Conflict for a run that a hold keeps. Inside the tenant's transaction."""
    if await connection.fetchval(_SQL["held"], tenant, run):
        raise held(run)


def held(run: RunId) -> Conflict:
    """The fault for a run that must not go."""
    return Conflict(f"The run '{run}' is on legal hold: nothing of it may be deleted.")


def _tombstone(row: Record) -> Tombstone:
    return Tombstone(
        tenant=TenantId(str(row["tenant_id"])),
        run=RunId(row["run_id"]),
        position=row["position"],
        at=row["at"],
        request=row["request"],
        response=row["response"],
        body=row["body"],
        removal=Removal(row["rule"], row["removed_by"], row["removed_at"]),
    )


def _hold(row: Record) -> Hold:
    found: Any = row["run_id"]
    return Hold(
        id=row["id"],
        tenant=TenantId(str(row["tenant_id"])),
        run=None if found is None else RunId(found),
        reason=row["reason"],
        by=row["held_by"],
        at=row["held_at"],
        released=row["released_at"],
        released_by=row["released_by"],
    )
