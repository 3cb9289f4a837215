"""Who asks: an API key or a Supabase token, verified; never the request's own words."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.types import Scope

from functions.web.body import header
from shared.core.faults import NoKey
from shared.core.ids import KeyId, TenantId
from shared.core.tenant import Limits, Principal
from shared.ports.clock import Clock
from shared.ports.keys import Keys
from shared.tenancy.keys import digest, plausible

if TYPE_CHECKING:
    from functions.web.supabase_token import SupabaseTokens

REMEMBERED_SECONDS = 2.0
"""How long a looked-up key is taken for granted, its limits and its tenant's too: a key revoked in another process
works at most so much longer, and a limit changed there binds so much later."""
_REMEMBERED = 10_000


class Principals:
    """Turns `Authorization` headers into principals. One look-up at a time for a key, however many requests wait."""

    def __init__(self, keys: Keys, clock: Clock, tokens: "SupabaseTokens | None" = None) -> None:
        self._keys = keys
        self._clock = clock
        self._tokens = tokens
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._limits: OrderedDict[TenantId, tuple[Limits, float]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Principal | None]] = {}

    async def of(self, scope: Scope) -> Principal:
        """The caller. Raises NoKey."""
        words = (header(scope, b"authorization") or b"").decode("latin-1").split()
        if not words:
            raise NoKey("No API key came with the request.")
        if len(words) != 2 or words[0].lower() != "bearer":
            raise NoKey("The Authorization header is not of the form 'Bearer …'.")
        secret = words[1]
        if plausible(secret):
            return await self._of_key(secret)
        if self._tokens is not None and secret.count(".") == 2:
            return await self._limited(await self._tokens.principal(secret))
        raise NoKey(f"Incorrect API key provided: {_hint(secret)}.")

    def forget(self, key: KeyId) -> None:
        """Drop what is remembered of a key that this process has just revoked."""
        for found in [d for d, (principal, _) in self._known.items() if principal.key == key]:
            del self._known[found]

    def forget_tenant(self, tenant: TenantId) -> None:
        """Drop what is remembered of a tenant whose limits this process has just changed."""
        for found in [d for d, (principal, _) in self._known.items() if principal.tenant == tenant]:
            del self._known[found]
        self._limits.pop(tenant, None)

    async def _limited(self, person: Principal) -> Principal:
        """A person with the tenant's limits: a token holds none."""
        now = self._clock.monotonic()
        known = self._limits.get(person.tenant)
        if known is None or known[1] <= now:
            known = ((await self._keys.limits(person.tenant))[0], now + REMEMBERED_SECONDS)
            self._limits.pop(person.tenant, None)
            self._limits[person.tenant] = known
            if len(self._limits) > _REMEMBERED:
                self._limits.popitem(last=False)
        return replace(person, tenant_limits=known[0])

    async def _of_key(self, secret: str) -> Principal:
        name = digest(secret)
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is not None and known[1] > now:
            return known[0]
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        # Shielded: one client that leaves must not fail the others that wait for the same look-up.
        principal = await asyncio.shield(asking)
        if principal is None:
            raise NoKey(f"Incorrect API key provided: {_hint(secret)}. It is unknown, expired or revoked.")
        return principal

    async def _ask(self, name: bytes) -> Principal | None:
        # The time is taken first: a revocation while we wait for the store must not be remembered away.
        asked = self._clock.monotonic()
        principal = await self._keys.principal(name, self._clock.now())
        self._known.pop(name, None)
        if principal is not None:
            self._known[name] = (principal, asked + REMEMBERED_SECONDS)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return principal


def _hint(secret: str) -> str:
    """Enough of a credential to recognise it by, too little to use it."""
    return f"{secret[:3]}…{secret[-4:]}" if len(secret) > 12 else "…"
