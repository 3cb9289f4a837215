"""Policies in memory."""

from collections.abc import Container, Sequence
from dataclasses import replace

from shared.core.faults import Conflict, NotYours
from shared.core.ids import TenantId
from shared.core.rules import NO_RULES, Rules
from shared.core.rules_json import read, stored
from shared.ports.rules import Edition


class MemoryRules:
    """`ports.rules.RuleBook`. `tenants` are those that there are; None: all."""

    def __init__(self, tenants: Container[TenantId] | None = None) -> None:
        self._tenants = tenants
        self._editions: dict[TenantId, list[tuple[str, Edition]]] = {}

    async def current(self, tenant: TenantId) -> Rules:
        """See the port."""
        rows = self._editions.get(tenant)
        return NO_RULES if not rows else read(len(rows), rows[-1][0])

    async def add(self, tenant: TenantId, edition: Edition) -> None:
        """See the port."""
        if self._tenants is not None and tenant not in self._tenants:
            raise NotYours("There is no such tenant.")
        rows = self._editions.setdefault(tenant, [])
        if edition.rules.version != len(rows) + 1:
            raise Conflict("The policy was changed meanwhile.")
        rows.append((stored(edition.rules), edition))

    async def history(self, tenant: TenantId, before: int | None, limit: int) -> Sequence[Edition]:
        """See the port."""
        found = [
            replace(edition, rules=read(version, text))
            for version, (text, edition) in enumerate(self._editions.get(tenant, ()), 1)
            if before is None or version < before
        ]
        return tuple(found[::-1][:limit])
