"""API keys and tenants in Postgres."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import datetime

import asyncpg

from shared.adapters.postgres.database import Database, Record
from shared.adapters.postgres.queries import load
from shared.adapters.postgres.rules import PostgresRules
from shared.core.faults import Conflict, NotYours
from shared.core.ids import KeyId, TenantId
from shared.core.rules import Rules
from shared.core.tenant import NO_LIMITS, Limits, Principal
from shared.ports.keys import ApiKey

_SQL = load("keys")


class PostgresKeys:
    """`ports.keys.Keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.book = PostgresRules(database)

    async def principal(self, digest: bytes, at: datetime) -> Principal | None:
        """See the port. One round trip."""
        rows = await self._database.call(_SQL["principal"], digest, at)
        if not rows:
            return None
        row = rows[0]
        key, tenant = KeyId(row["key_id"]), TenantId(str(row["tenant_id"]))
        return Principal(
            tenant,
            str(key),
            key,
            frozenset(row["scopes"]),
            _limits(row),
            _limits(row, "tenant_"),
            self.book.parsed(tenant, row["rules_version"], row["rules"]),
        )

    async def create(self, key: ApiKey, digest: bytes) -> None:
        """See the port. Raises Conflict where the id or the digest is taken."""
        try:
            async with self._database.tenant(key.tenant) as connection:
                await connection.execute(
                    _SQL["create"],
                    key.tenant,
                    key.id,
                    key.name,
                    key.hint,
                    digest,
                    sorted(key.scopes),
                    key.created,
                    key.expires,
                    key.revoked,
                    *astuple(key.limits),
                )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is such a key already.") from None

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[ApiKey]:
        """See the port. A cursor that names no key gives an empty page."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["listed"], tenant, after, limit)
        return tuple(_key(row) for row in rows)

    async def revoke(self, tenant: TenantId, key: KeyId, at: datetime) -> bool:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["revoke"], tenant, key, at)
        return done == "UPDATE 1"

    async def limits(self, tenant: TenantId, key: KeyId | None = None) -> tuple[Limits, Limits]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            own = await connection.fetchrow(_SQL["tenant_limits"], tenant)
            found = None if key is None else await connection.fetchrow(_SQL["key_limits"], tenant, key)
        return (_limits(own) if own else NO_LIMITS, _limits(found) if found else NO_LIMITS)

    async def rules(self, tenant: TenantId) -> Rules:
        """See the port."""
        return await self.book.current(tenant)

    async def limit_tenant(self, tenant: TenantId, limits: Limits) -> None:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["limit_tenant"], tenant, *astuple(limits))
        if done != "UPDATE 1":
            raise NotYours("There is no such tenant.")

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """See the port."""
        await self._database.call(_SQL["ensure_tenant"], tenant, name)


def _key(row: Record) -> ApiKey:
    return ApiKey(
        id=KeyId(row["id"]),
        tenant=TenantId(str(row["tenant_id"])),
        name=row["name"],
        hint=row["hint"],
        scopes=frozenset(row["scopes"]),
        created=row["created_at"],
        expires=row["expires_at"],
        revoked=row["revoked_at"],
        limits=_limits(row),
    )


def _limits(row: Record, prefix: str = "") -> Limits:
    return Limits(*(row[prefix + field.name] for field in fields(Limits)))
