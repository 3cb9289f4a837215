"""Who belongs to which tenant, in Postgres: the rows that the sign-in service's token hook reads."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.core.faults import Conflict, NotYours
from shared.core.ids import TenantId
from shared.ports.identity import Role

_SQL = load("members")


class PostgresMembers:
    """Rows of `public.members`. A person is the UUID of an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, tenant: TenantId) -> None:
        """Raises NotYours where there is no such tenant."""
        async with self._database.tenant(tenant) as connection:
            if not await connection.fetchval(_SQL["tenant"]):
                raise NotYours("There is no such tenant.")

    async def put(self, tenant: TenantId, person: str, role: Role) -> None:
        """They belong to the tenant, in this role whatever theirs was."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["put"], tenant, UUID(person), role)

    @asynccontextmanager
    async def removed(self, tenant: TenantId, person: str) -> AsyncIterator[bool]:
        """They belong to it no more, if the block ends well; gives whether they belong to none at all then.

        Raises NotYours where they did not, Conflict for the last owner.
        """
        try:
            known = UUID(person)
        except ValueError:
            raise NotYours("There is no such person in this tenant.") from None
        async with self._database.tenant(tenant) as connection:
            owners = {row["user_id"] for row in await connection.fetch(_SQL["owners"], tenant)}
            if owners == {known}:
                raise Conflict("They are the last owner: make another one first.")
            if await connection.fetchval(_SQL["remove"], tenant, known) is None:
                raise NotYours("There is no such person in this tenant.")
            # The rest of the transaction is the app's own: other tenants' rows are not this one's to see.
            await connection.execute(_SQL["alone"])
            elsewhere = await connection.fetchval(_SQL["elsewhere"], known)
            yield not elsewhere

    async def listed(self, tenant: TenantId) -> Sequence[tuple[str, Role]]:
        """Everyone of the tenant, oldest first."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["listed"], tenant)
        return tuple((str(row["user_id"]), cast(Role, row["role"])) for row in rows)
