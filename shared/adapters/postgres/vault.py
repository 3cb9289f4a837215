"""The vault in Postgres, sealed."""

from collections.abc import Mapping
from datetime import datetime

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.core.ids import RunId, TenantId
from shared.ports.sealer import Sealer

_SQL = load("vault")


class PostgresVault:
    """`ports.vault.Vault`. Each value is sealed for its tenant, its run and its placeholder."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def keep(
        self, tenant: TenantId, run: RunId, marks: Mapping[str, str], until: datetime | None
    ) -> None:
        """See the port. Raises OurFault too, where no key to seal with is set."""
        if not marks:
            return
        # In one order in every process, so that no two wait for each other.
        names = sorted(marks)
        sealed = [self._sealer.seal(tenant, _name(run, mark), marks[mark]) for mark in names]
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["keep"], tenant, run, names, sealed, until)

    async def marks(self, tenant: TenantId, run: RunId) -> Mapping[str, str]:
        """See the port. Raises Unavailable, and OurFault for a value that was changed or sealed with another key."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["marks"], tenant, run)
        return {
            row["mark"]: self._sealer.unseal(tenant, _name(run, row["mark"]), row["value_sealed"])
            for row in rows
        }

    async def forget(self, tenant: TenantId, run: RunId) -> bool:
        """See the port. Raises Unavailable."""
        async with self._database.tenant(tenant) as connection:
            done: str = await connection.execute(_SQL["forget"], tenant, run)
        return done != "DELETE 0"


def _name(run: RunId, mark: str) -> str:
    return f"vault\x1f{run}\x1f{mark}"
