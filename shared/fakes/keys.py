"""API keys and tenants in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.core.faults import Conflict, NotYours, OurFault
from shared.core.ids import KeyId, TenantId
from shared.core.rules import Rules
from shared.core.tenant import NO_LIMITS, Limits, Principal
from shared.fakes.rules import MemoryRules
from shared.ports.keys import ApiKey


class MemoryKeys:
    """`ports.keys.Keys`."""

    def __init__(self) -> None:
        self._tenants: dict[TenantId, str] = {}
        self._limits: dict[TenantId, Limits] = {}
        self._keys: dict[tuple[TenantId, KeyId], ApiKey] = {}
        self._digests: dict[bytes, tuple[TenantId, KeyId]] = {}
        self.book = MemoryRules(self._tenants)

    async def principal(self, digest: bytes, at: datetime) -> Principal | None:
        """See the port."""
        name = self._digests.get(digest)
        if name is None:
            return None
        key = self._keys[name]
        if any(end is not None and end <= at for end in (key.expires, key.revoked)):
            return None
        limits = self._limits.get(key.tenant, NO_LIMITS)
        rules = await self.book.current(key.tenant)
        return Principal(key.tenant, str(key.id), key.id, key.scopes, key.limits, limits, rules)

    async def create(self, key: ApiKey, digest: bytes) -> None:
        """See the port. Raises Conflict where the id or the digest is taken, OurFault without the tenant."""
        if key.tenant not in self._tenants:
            raise OurFault("There is no such tenant.")
        if (key.tenant, key.id) in self._keys or digest in self._digests:
            raise Conflict("There is such a key already.")
        self._keys[key.tenant, key.id] = key
        self._digests[digest] = (key.tenant, key.id)

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[ApiKey]:
        """See the port. A cursor that names no key gives an empty page."""
        own = [key for (owner, _), key in self._keys.items() if owner == tenant]
        own.sort(key=lambda key: (key.created, key.id), reverse=True)
        if after is not None:
            names = [key.id for key in own]
            own = own[names.index(KeyId(after)) + 1 :] if after in names else []
        return tuple(own[:limit])

    async def revoke(self, tenant: TenantId, key: KeyId, at: datetime) -> bool:
        """See the port."""
        found = self._keys.get((tenant, key))
        if found is None:
            return False
        self._keys[tenant, key] = replace(found, revoked=found.revoked or at)
        return True

    async def limits(self, tenant: TenantId, key: KeyId | None = None) -> tuple[Limits, Limits]:
        """See the port."""
        found = None if key is None else self._keys.get((tenant, key))
        return self._limits.get(tenant, NO_LIMITS), NO_LIMITS if found is None else found.limits

    async def rules(self, tenant: TenantId) -> Rules:
        """See the port."""
        return await self.book.current(tenant)

    async def limit_tenant(self, tenant: TenantId, limits: Limits) -> None:
        """See the port."""
        if tenant not in self._tenants:
            raise NotYours("There is no such tenant.")
        self._limits[tenant] = limits

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """See the port."""
        self._tenants.setdefault(tenant, name)
