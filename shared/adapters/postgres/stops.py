"""What is stopped, in Postgres: what holds, and the record of who did it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.ports.stops import Change, Scope, Stop

_SQL = load("stops")


class PostgresStops:
    """`ports.stops.Stops`, asked every time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self) -> Mapping[Scope, Stop]:
        """See the port."""
        rows = await self._database.call(_SQL["standing"])
        return {
            row["scope"]: Stop(row["scope"], row["reason"], row["by_actor"], row["at"], row["ceiling"])
            for row in rows
        }

    async def stop(self, stop: Stop) -> None:
        """See the port."""
        await self._database.call(_SQL["set"], stop.scope, stop.reason, stop.by, stop.at, stop.ceiling)

    async def resume(self, scope: Scope, by: str, at: datetime) -> None:
        """See the port."""
        await self._database.call(_SQL["set"], scope, "", by, at, None)

    async def history(self, limit: int) -> Sequence[Change]:
        """See the port."""
        rows = await self._database.call(_SQL["history"], limit)
        return tuple(Change(row["scope"], row["reason"], row["by_actor"], row["at"]) for row in rows)
