"""The versions of every tenant's policy, in Postgres."""

from collections.abc import Sequence

import asyncpg

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.core.faults import Conflict, NotYours
from shared.core.ids import TenantId
from shared.core.rules import NO_RULES, Rules
from shared.core.rules_json import read, stored
from shared.ports.rules import Edition

_SQL = load("rules")
_MOST = 10_000


class PostgresRules:
    """`ports.rules.RuleBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parsed: dict[TenantId, Rules] = {}

    async def current(self, tenant: TenantId) -> Rules:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            row = await connection.fetchrow(_SQL["current"], tenant)
        return NO_RULES if row is None else self.parsed(tenant, row["version"], row["rules"])

    async def add(self, tenant: TenantId, edition: Edition) -> None:
        """See the port."""
        rules = edition.rules
        try:
            async with self._database.tenant(tenant) as connection:
                values = (tenant, rules.version, stored(rules), edition.at, edition.by)
                done: str = await connection.execute(_SQL["add"], *values)
        except asyncpg.UniqueViolationError:
            done = ""
        if done == "INSERT 0 1":
            return
        async with self._database.tenant(tenant) as connection:
            there = await connection.fetchval(_SQL["tenant"], tenant)
        if not there:
            raise NotYours("There is no such tenant.")
        raise Conflict("The policy was changed meanwhile.")

    async def history(self, tenant: TenantId, before: int | None, limit: int) -> Sequence[Edition]:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["history"], tenant, before, limit)
        return tuple(Edition(read(row["version"], row["rules"]), row["at"], row["by"]) for row in rows)

    def parsed(self, tenant: TenantId, version: int | None, text: str) -> Rules:
        """A version that was read from the store; parsed once as long as it is the one in force. Raises
        UnreadablePolicy."""
        if version is None:
            return NO_RULES
        known = self._parsed.get(tenant)
        if known is None or known.version != version:
            known = read(version, text)
            if len(self._parsed) >= _MOST:
                self._parsed.clear()
            self._parsed[tenant] = known
        return known
