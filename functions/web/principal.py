"""Who asks: an API key or a Supabase token, verified; never the request's own words."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.types import Scope

from functions.web.body import header
from shared.core.faults import NoKey
from shared.core.ids import KeyId, TenantId
from shared.core.rules import Rules
from shared.core.tenant import Limits, Principal
from shared.ports.clock import Clock
from shared.ports.keys import Keys
from shared.tenancy.keys import digest, plausible

if TYPE_CHECKING:
    from functions.web.supabase_token import SupabaseTokens

REMEMBERED_SECONDS = 2.0
"""How long a looked-up key is taken for granted, its limits and its tenant's limits and rules too: a key revoked in
another process works at most so much longer, and a policy changed there binds so much later."""
_REMEMBERED = 10_000


class Principals:
    """Turns `Authorization` headers into principals. One look-up at a time for a key, however many requests wait."""

    def __init__(self, keys: Keys, clock: Clock, tokens: "SupabaseTokens | None" = None) -> None:
        self._keys = keys
        self._clock = clock
        self._tokens = tokens
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._tenants: OrderedDict[TenantId, tuple[Limits, Rules, float]] = OrderedDict()
        self._changes = 0
        """How often something was forgotten: what was asked for before that is not remembered after it."""
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
        self._changed()

    def forget_tenant(self, tenant: TenantId) -> None:
        """Drop what is remembered of a tenant whose policy this process has just changed."""
        for found in [d for d, (principal, _) in self._known.items() if principal.tenant == tenant]:
            del self._known[found]
        self._tenants.pop(tenant, None)
        self._changed()

    def _changed(self) -> None:
        # Look-ups under way may have read what was there before; whoever comes now asks anew.
        self._changes += 1
        self._asking.clear()

    async def _limited(self, person: Principal) -> Principal:
        """A person with the tenant's limits and rules: a token holds none."""
        now = self._clock.monotonic()
        known = self._tenants.get(person.tenant)
        if known is None or known[2] <= now:
            changes = self._changes
            limits, _ = await self._keys.limits(person.tenant)
            known = (limits, await self._keys.rules(person.tenant), now + REMEMBERED_SECONDS)
            self._tenants.pop(person.tenant, None)
            if changes == self._changes:
                self._tenants[person.tenant] = known
            if len(self._tenants) > _REMEMBERED:
                self._tenants.popitem(last=False)
        return replace(person, tenant_limits=known[0], rules=known[1])

    async def _of_key(self, secret: str) -> Principal:
        name = digest(secret)
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is not None and known[1] > now:
            return known[0]
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(lambda done: self._answered(name, done))
        # Shielded: one client that leaves must not fail the others that wait for the same look-up.
        principal = await asyncio.shield(asking)
        if principal is None:
            raise NoKey(f"Incorrect API key provided: {_hint(secret)}. It is unknown, expired or revoked.")
        return principal

    async def _ask(self, name: bytes) -> Principal | None:
        # The time is taken first: a revocation while we wait for the store must not be remembered away.
        asked, changes = self._clock.monotonic(), self._changes
        principal = await self._keys.principal(name, self._clock.now())
        self._known.pop(name, None)
        if principal is not None and changes == self._changes:
            self._known[name] = (principal, asked + REMEMBERED_SECONDS)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return principal

    def _answered(self, name: bytes, asking: "asyncio.Task[Principal | None]") -> None:
        if self._asking.get(name) is asking:
            del self._asking[name]


def _hint(secret: str) -> str:
    """Enough of a credential to recognise it by, too little to use it."""
    return f"{secret[:3]}…{secret[-4:]}" if len(secret) > 12 else "…"
