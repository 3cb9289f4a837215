"""Models that are out until further notice, in Postgres: what an operator said must not be lost with a Redis."""

from collections.abc import Mapping, Sequence

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load

_SQL = load("quarantine")


class PostgresQuarantine:
    """The account behind `RedisHealth`'s quarantine. `scope` is the deployment's. Everything raises Unavailable."""

    def __init__(self, database: Database, scope: str = "health") -> None:
        self._database, self._scope = database, scope

    async def put(self, models: Sequence[str], why: str | None) -> None:
        """Take models out, or, where `why` is None, put them back. Safe to repeat."""
        await self._database.call(_SQL["put"], self._scope, list(models), why)

    async def all(self) -> Mapping[str, str]:
        """The models that are out, and why."""
        return {row["model"]: row["why"] for row in await self._database.call(_SQL["all"], self._scope)}
