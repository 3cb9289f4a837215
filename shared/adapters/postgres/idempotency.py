"""Idempotency keys in Postgres: Redis may forget, and a forgotten key is a second charge."""

from datetime import datetime

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.core.ids import RunId
from shared.ports.idempotency import KEPT, LEASE, Claim, Keyed

_SQL = load("idempotency")


class PostgresIdempotency:
    """`ports.idempotency.Idempotency`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, asked: Keyed, holder: RunId, at: datetime, instead_of: Claim | None = None
    ) -> Claim:
        """See the port. A fresh key is one statement."""
        was = (None, None) if instead_of is None else (instead_of.holder, instead_of.lease_until)
        name = asked.name
        until = (at + LEASE, at + KEPT)
        while True:
            async with self._database.tenant(asked.tenant) as connection:
                row = await connection.fetchrow(
                    _SQL["claim"], asked.tenant, name, asked.fingerprint, holder, *until, at, *was
                )
                mine = row is not None
                if row is None:
                    row = await connection.fetchrow(_SQL["found"], asked.tenant, name)
            # No row in either: its holder freed the key between the two statements.
            if row is not None:
                return Claim(
                    mine, RunId(row["holder"]), row["fingerprint"], row["lease_until"], row["answer"]
                )

    async def extend(self, asked: Keyed, holder: RunId, at: datetime) -> bool:
        """See the port."""
        return await self._changed("extend", asked, holder, at + LEASE)

    async def keep(self, asked: Keyed, holder: RunId, answer: bytes) -> bool:
        """See the port."""
        return await self._changed("keep", asked, holder, answer)

    async def free(self, asked: Keyed, holder: RunId) -> None:
        """See the port."""
        await self._changed("free", asked, holder)

    async def expire(self, at: datetime, limit: int) -> int:
        """See the port."""
        return int((await self._database.call(_SQL["expire"], at, limit))[0][0])

    async def _changed(self, statement: str, asked: Keyed, holder: RunId, *values: object) -> bool:
        async with self._database.tenant(asked.tenant) as connection:
            done: str = await connection.execute(_SQL[statement], asked.tenant, asked.name, holder, *values)
        return done.endswith(" 1")
