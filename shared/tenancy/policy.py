"""What a tenant may spend and how fast it may go: shown, and changed within the house's limits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from shared.core.faults import BadRequest, Forbidden
from shared.core.limit import Cap
from shared.core.tenant import Limits, Principal
from shared.guard.limits import caps_of, of_tenant
from shared.ports.keys import Keys
from shared.ports.ledger import Balance, Ledger

MOST_MICROS = 10**15
"""A billion dollars: what any sum of holds stays exact below."""
MOST_PER_MINUTE = 10**9


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits in force for a caller's tenant, those of its own, the caller's key's, and where they stand now."""

    limits: Limits
    own: Limits
    key: Limits
    balances: Sequence[Balance]


@dataclass(frozen=True, slots=True)
class Policies:
    """The verbs on a tenant's policy. `house` is what binds a tenant without limits of its own."""

    keys: Keys
    ledger: Ledger
    house: Limits

    async def of(self, principal: Principal) -> Policy:
        """The caller's policy as it is stored now. Raises Unavailable where the ledger is away."""
        own, key = await self.keys.limits(principal.tenant, principal.key)
        now = Principal(principal.tenant, principal.actor, principal.key, principal.scopes, key, own)
        return Policy(
            of_tenant(own, self.house),
            own,
            key,
            await self.ledger.balance(now.tenant, _shown(now, self.house)),
        )

    async def change(self, principal: Principal, limits: Limits) -> Policy:
        """Give the tenant these limits of its own; None is the house's. Raises Forbidden for a key with limits of its
        own, and where one would be wider than the house's, which takes an operator; BadRequest for a figure that
        can't be."""
        check(limits)
        if "operator" not in principal.scopes:
            unbound(principal, "change the policy")
            for field in fields(Limits):
                asked, most = getattr(limits, field.name), getattr(self.house, field.name)
                if asked is not None and most is not None and asked > most:
                    raise Forbidden(f"'{field.name}' may be at most {most} here; an operator can raise it.")
        await self.keys.limit_tenant(principal.tenant, limits)
        return await self.of(principal)


def check(limits: Limits) -> None:
    """Raises BadRequest for a figure out of range."""
    for field in fields(Limits):
        value = getattr(limits, field.name)
        money = field.name.endswith("_micros")
        least, most = (0, MOST_MICROS) if money else (1, MOST_PER_MINUTE)
        if value is not None and not least <= value <= most:
            raise BadRequest(f"'{field.name}' must be between {least} and {most}.", param=field.name)


def unbound(principal: Principal, act: str) -> None:
    """Raises Forbidden for a key with limits of its own: it could lift them."""
    if principal.key_limits != Limits():
        raise Forbidden(f"A key with limits of its own can't {act}: it could lift them.")


def _shown(principal: Principal, house: Limits) -> tuple[Cap, ...]:
    """The tenant's periods always, the key's where it has a limit for one."""
    return tuple(cap for cap in caps_of(principal, house) if cap.scope == "tenant" or cap.micros is not None)
