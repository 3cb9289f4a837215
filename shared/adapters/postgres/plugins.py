"""Tenants' plugins, their secrets and their calls in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from shared.adapters.postgres.database import Database, Record, text_of
from shared.adapters.postgres.queries import load
from shared.core.faults import Conflict
from shared.core.ids import RunId, TenantId, TraceId
from shared.ports.plugins import Called, Grants, Kind, Manifest, Plugin, Remote, Version

_SQL = load("plugins")


class PostgresPlugins:
    """`ports.plugins.Plugins`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, version: Version, *, activate: bool) -> Plugin:
        """See the port."""
        async with self._database.tenant(version.tenant) as connection:
            kind = version.manifest.kind
            row = await connection.fetchrow(
                _SQL["add"], version.tenant, version.name, kind, version.made, activate
            )
            if row is None:
                raise Conflict(
                    f"The plugin '{version.name}' is of another kind; remove it, or take another name."
                )
            await connection.execute(
                _SQL["add_version"],
                version.tenant,
                version.name,
                row["latest"],
                version.source,
                version.sha256,
                text_of(asdict(version.manifest)),
                version.made,
                version.made_by,
            )
        return _plugin(row)

    async def get(self, tenant: TenantId, name: str) -> Plugin | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            row = await connection.fetchrow(_SQL["get"], tenant, name)
        return None if row is None else _plugin(row)

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Plugin]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["listed"], tenant, after, limit)
        return tuple(_plugin(row) for row in rows)

    async def change(
        self,
        tenant: TenantId,
        name: str,
        at: datetime,
        *,
        active: int | None = None,
        enabled: bool | None = None,
    ) -> Plugin | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            row = await connection.fetchrow(_SQL["change"], tenant, name, at, active, enabled)
        return None if row is None else _plugin(row)

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["remove"], tenant, name)
        return done == "DELETE 1"


class PostgresPluginVersions:
    """`ports.plugins.PluginVersions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: TenantId, name: str, number: int | None = None) -> Version | None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            row = await connection.fetchrow(_SQL["version"], tenant, name, number)
        return None if row is None else _version(row)

    async def listed(self, tenant: TenantId, name: str, before: int | None, limit: int) -> Sequence[Version]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["versions"], tenant, name, before, limit)
        return tuple(_version(row) for row in rows)

    async def enabled(self, tenant: TenantId, kinds: Sequence[Kind]) -> Sequence[Version]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["enabled"], tenant, list(kinds))
        return tuple(_version(row) for row in rows)


class PostgresPluginSecrets:
    """`ports.plugins.PluginSecrets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant: TenantId, name: str, sealed: bytes, at: datetime) -> None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["put_secret"], tenant, name, sealed, at)

    async def names(self, tenant: TenantId) -> Sequence[tuple[str, datetime]]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["secret_names"], tenant)
        return tuple((row["name"], row["changed_at"]) for row in rows)

    async def sealed(self, tenant: TenantId, names: Sequence[str]) -> Mapping[str, bytes]:
        """See the port. No round trip for no names."""
        if not names:
            return {}
        rows = await self._database.call(_SQL["secrets"], tenant, list(names))
        return {row["name"]: row["sealed"] for row in rows}

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["remove_secret"], tenant, name)
        return done == "DELETE 1"


class PostgresPluginCalls:
    """`ports.plugins.PluginCalls`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, called: Called) -> None:
        """See the port."""
        async with self._database.tenant(called.tenant) as connection:
            await connection.execute(
                _SQL["note"],
                called.tenant,
                called.id,
                called.plugin,
                called.version,
                called.sha256,
                called.purpose,
                called.actor,
                called.trace,
                called.run,
                called.at,
                called.input_sha256,
                called.outcome,
                called.message,
                called.ms,
                list(called.hosts),
                called.fetches,
                called.size,
                called.attempt,
            )

    async def listed(self, tenant: TenantId, plugin: str, before: str | None, limit: int) -> Sequence[Called]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["calls"], tenant, plugin, before, limit)
        return tuple(_called(row) for row in rows)


def _plugin(row: Record) -> Plugin:
    return Plugin(
        tenant=TenantId(str(row["tenant_id"])),
        name=row["name"],
        kind=row["kind"],
        active=row["active"],
        latest=row["latest"],
        enabled=row["enabled"],
        created=row["created_at"],
        changed=row["changed_at"],
    )


def _version(row: Record) -> Version:
    return Version(
        tenant=TenantId(str(row["tenant_id"])),
        name=row["name"],
        number=row["number"],
        source=row["source"],
        sha256=row["sha256"],
        manifest=_manifest(orjson.loads(row["manifest"])),
        made=row["made_at"],
        made_by=row["made_by"],
    )


def _manifest(stored: Mapping[str, Any]) -> Manifest:
    """A manifest as `asdict` stored it: lists are tuples again."""
    grants, remote = stored["grants"], stored["remote"]
    return Manifest(
        kind=stored["kind"],
        grants=Grants(**grants | {"hosts": tuple(grants["hosts"]), "secrets": tuple(grants["secrets"])}),
        events=tuple(stored["events"]),
        remote=None if remote is None else Remote(**remote | {"tools": tuple(remote["tools"])}),
        input_schema=stored["input_schema"],
        output_schema=stored["output_schema"],
    )


def _called(row: Record) -> Called:
    return Called(
        id=row["id"],
        tenant=TenantId(str(row["tenant_id"])),
        plugin=row["plugin"],
        version=row["version"],
        sha256=row["sha256"],
        purpose=row["purpose"],
        actor=row["actor"],
        trace=None if row["trace_id"] is None else TraceId(row["trace_id"]),
        run=None if row["run_id"] is None else RunId(row["run_id"]),
        at=row["at"],
        input_sha256=row["input_sha256"],
        outcome=row["outcome"],
        message=row["message"],
        ms=row["ms"],
        hosts=tuple(row["hosts"]),
        fetches=row["fetches"],
        size=row["size"],
        attempt=row["attempt"],
    )
