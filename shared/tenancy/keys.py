"""API keys: made, listed, revoked. The key itself is shown once and never stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from shared.core.faults import BadRequest, Forbidden, NotYours
from shared.core.ids import KeyId
from shared.core.tenant import NO_LIMITS, Limits, Principal, Scope
from shared.core.text import sound
from shared.ports.clock import Clock, Ids
from shared.ports.keys import ApiKey, Keys
from shared.tenancy.policy import check, unbound

PREFIX = "cs_"
_NAME_LIMIT = 100
_KEY = re.compile(r"cs_[A-Za-z0-9_-]{16,128}")


def digest(secret: str) -> bytes:
    """What is stored and looked up instead of a key. 256 random bits need no slow hash."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def plausible(secret: str) -> bool:
    """Whether a text has the form of a key: others are not looked up."""
    return _KEY.fullmatch(secret) is not None


@dataclass(frozen=True, slots=True)
class Keyring:
    """The verbs on a tenant's keys."""

    keys: Keys
    clock: Clock
    ids: Ids

    async def create(
        self,
        principal: Principal,
        name: str,
        *,
        expires: datetime | None = None,
        scopes: frozenset[Scope] = frozenset({"member"}),
        limits: Limits = NO_LIMITS,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which can't be shown again. Raises BadRequest, or Forbidden for a scope that the
        principal does not have, and for a principal with limits of its own: a new key would get round them."""
        if not 0 < len(sound(name, "name").strip()) <= _NAME_LIMIT:
            raise BadRequest(f"'name' must have 1 to {_NAME_LIMIT} characters.", param="name")
        now = self.clock.now()
        if expires is not None and expires <= now:
            raise BadRequest("'expires' lies in the past.", param="expires")
        if not scopes <= principal.scopes:
            raise Forbidden(f"A key can't have more rights than its maker: {', '.join(sorted(scopes))}.")
        check(limits)
        if "operator" not in principal.scopes:
            unbound(principal, "make keys")
        secret = PREFIX + self.ids.secret()
        key = ApiKey(
            id=KeyId(f"key_{self.ids.uuid().hex}"),
            tenant=principal.tenant,
            name=name.strip(),
            hint=secret[-4:],
            scopes=scopes,
            created=now,
            expires=expires,
            limits=limits,
        )
        await self.keys.create(key, digest(secret))
        return key, secret

    async def listed(self, principal: Principal, after: str | None, limit: int) -> Sequence[ApiKey]:
        """The tenant's keys, newest first."""
        return await self.keys.listed(principal.tenant, after, limit)

    async def revoke(self, principal: Principal, key: KeyId) -> None:
        """End a key at once; again changes nothing. Raises NotYours."""
        if not await self.keys.revoke(principal.tenant, key, self.clock.now()):
            raise NotYours(f"There is no key '{key}'.")
