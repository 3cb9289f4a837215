"""API keys and the tenants behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.ids import KeyId, TenantId
from shared.core.rules import Rules
from shared.core.tenant import NO_LIMITS, Limits, Principal, Scope
from shared.ports.rules import RuleBook


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown: never the key itself. `hint` is its last four characters."""

    id: KeyId
    tenant: TenantId
    name: str
    hint: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    limits: Limits = NO_LIMITS


class Keys(Protocol):
    """Keys are stored as SHA-256 digests; a lost key can't be shown again."""

    @property
    def book(self) -> RuleBook:
        """The tenants' policies."""
        ...

    async def principal(self, digest: bytes, at: datetime) -> Principal | None:
        """Whose key this is, with its limits, its tenant's and its tenant's rules; None where there is none, or it is
        expired or revoked. Raises UnreadablePolicy: a key whose rules are not understood opens nothing."""
        ...

    async def create(self, key: ApiKey, digest: bytes) -> None:
        """Store a new key in its tenant."""
        ...

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[ApiKey]:
        """A tenant's keys, newest first, past the key id `after`."""
        ...

    async def revoke(self, tenant: TenantId, key: KeyId, at: datetime) -> bool:
        """End a key at once. False where the tenant has none of that id; a second time changes nothing."""
        ...

    async def limits(self, tenant: TenantId, key: KeyId | None = None) -> tuple[Limits, Limits]:
        """The tenant's own limits and the key's: none where there is no such tenant or key. A key that has ended
        still has its limits."""
        ...

    async def rules(self, tenant: TenantId) -> Rules:
        """The tenant's rules in force, for whoever acts without a key. Raises UnreadablePolicy."""
        ...

    async def limit_tenant(self, tenant: TenantId, limits: Limits) -> None:
        """Give the tenant these limits instead of those it has. Raises NotYours where there is no such tenant."""
        ...

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """Make the tenant where it is not there yet (admin connection: used by seeding and sign-up only)."""
        ...
