"""The versions of every tenant's policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.ids import TenantId
from shared.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a policy as it was put in force. `by` is the actor who did."""

    rules: Rules
    at: datetime
    by: str


class RuleBook(Protocol):
    """Versions are added and never changed; the highest one is in force. All raise UnreadablePolicy where a version
    holds what this code does not know: it must not be taken for one that says less."""

    async def current(self, tenant: TenantId) -> Rules:
        """The rules in force; the defaults, version 0, of a tenant that has set none."""
        ...

    async def add(self, tenant: TenantId, edition: Edition) -> None:
        """Put the next version in force. Raises Conflict where another one of that number came first or its number is
        not the next, and NotYours where there is no such tenant."""
        ...

    async def history(self, tenant: TenantId, before: int | None, limit: int) -> Sequence[Edition]:
        """The versions below `before`, newest first."""
        ...
