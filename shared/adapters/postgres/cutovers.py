"""Tenants' moves in Postgres."""

import orjson

from shared.adapters.postgres.database import Database, text_of
from shared.adapters.postgres.queries import load
from shared.core.ids import TenantId
from shared.ports.cutovers import Cutover

_SQL = load("cutovers")


class PostgresCutovers:
    """`ports.cutovers.Cutovers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: TenantId) -> Cutover | None:
        """See the port. One round trip."""
        rows = await self._database.call(_SQL["get"], tenant)
        if not rows:
            return None
        row = rows[0]
        return Cutover(
            tenant=TenantId(str(row["tenant_id"])),
            base_url=row["base_url"],
            sealed_key=row["key_sealed"],
            key_hint=row["key_hint"],
            serve_percent=row["serve_percent"],
            mirror_percent=row["mirror_percent"],
            shadow_percent=row["shadow_percent"],
            models=orjson.loads(row["models"]),
            keep_samples=row["keep_samples"],
            changed=row["changed_at"],
            changed_by=row["changed_by"],
        )

    async def put(self, cutover: Cutover) -> None:
        """See the port."""
        async with self._database.tenant(cutover.tenant) as connection:
            await connection.execute(
                _SQL["put"],
                cutover.tenant,
                cutover.base_url,
                cutover.sealed_key,
                cutover.key_hint,
                cutover.serve_percent,
                cutover.mirror_percent,
                cutover.shadow_percent,
                text_of(dict(cutover.models)),
                cutover.keep_samples,
                cutover.changed,
                cutover.changed_by,
            )

    async def remove(self, tenant: TenantId) -> bool:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["remove"], tenant)
        return done == "DELETE 1"
