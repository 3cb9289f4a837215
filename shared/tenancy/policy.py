"""A tenant's policy: what it may spend, how fast it may go, and its rules: shown, changed and remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from shared.core.faults import BadRequest, Conflict, Forbidden
from shared.core.limit import Cap
from shared.core.model_spec import ModelSpec
from shared.core.rules import Rules
from shared.core.rules_json import with_parts
from shared.core.tenant import Limits, Principal
from shared.guard.limits import caps_of, of_tenant
from shared.ports.clock import Clock
from shared.ports.keys import Keys
from shared.ports.ledger import Balance, Ledger
from shared.ports.rules import Edition
from shared.tenancy.loosening import loosened

MOST_MICROS = 10**15
"""A billion dollars: what any sum of holds stays exact below."""
MOST_PER_MINUTE = 10**9
_TRIES = 5
"""How often a change is made again on top of another one that came first."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits in force for a caller's tenant, those of its own, the caller's key's, where they stand now, and the
    tenant's rules."""

    limits: Limits
    own: Limits
    key: Limits
    balances: Sequence[Balance]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Policies:
    """The verbs on a tenant's policy. `house` is what binds a tenant without limits of its own; `models` are those that
    there are, and `regions` the names of regions that a policy may have whether or not a model is there."""

    keys: Keys
    ledger: Ledger
    clock: Clock
    house: Limits
    models: Sequence[ModelSpec]
    regions: frozenset[str]

    async def of(self, principal: Principal) -> Policy:
        """The caller's policy as it is stored now. Raises Unavailable where the ledger is away."""
        own, key = await self.keys.limits(principal.tenant, principal.key)
        rules = await self.keys.book.current(principal.tenant)
        now = Principal(principal.tenant, principal.actor, principal.key, principal.scopes, key, own)
        return Policy(
            of_tenant(own, self.house),
            own,
            key,
            await self.ledger.balance(now.tenant, _shown(now, self.house)),
            rules,
        )

    async def change(self, principal: Principal, limits: Limits | None, parts: Mapping[str, Any]) -> Policy:
        """Give the tenant these limits of its own, where None in one is the house's, and these parts of its rules as
        `core.rules_json` says them; what is not given stays. All is checked before anything is changed. Raises
        BadRequest for what can't be; Forbidden for a key with limits of its own, and for what takes an operator: a
        limit wider than the house's, a rule looser than the one in force."""
        operator = "operator" in principal.scopes
        if not operator:
            unbound(principal, "change the policy")
        if limits is not None:
            check(limits)
            if not operator:
                self._within(limits)
        if parts:
            await self._change_rules(principal, parts)
        if limits is not None:
            await self.keys.limit_tenant(principal.tenant, limits)
        return await self.of(principal)

    async def history(self, principal: Principal, before: int | None, limit: int) -> Sequence[Edition]:
        """The versions of the tenant's rules below `before`, newest first."""
        return await self.keys.book.history(principal.tenant, before, limit)

    async def _change_rules(self, principal: Principal, parts: Mapping[str, Any]) -> None:
        book = self.keys.book
        for tries_left in reversed(range(_TRIES)):
            old = await book.current(principal.tenant)
            new = with_parts(old, parts)
            if new == old:
                return
            self._known(old, new)
            if "operator" not in principal.scopes and (what := loosened(old, new)):
                raise Forbidden(
                    f"'{what}' would be looser than in version {old.version} of the policy, or takes an operator.",
                    param=what,
                )
            edition = Edition(replace(new, version=old.version + 1), self.clock.now(), principal.actor)
            try:
                await book.add(principal.tenant, edition)
            except Conflict:
                if not tries_left:
                    raise
            else:
                return

    def _within(self, limits: Limits) -> None:
        for field in fields(Limits):
            asked, most = getattr(limits, field.name), getattr(self.house, field.name)
            if asked is not None and most is not None and asked > most:
                raise Forbidden(f"'{field.name}' may be at most {most} here; an operator can raise it.")

    def _known(self, old: Rules, new: Rules) -> None:
        """Raises BadRequest for a name that is not known here. What stood there before may stay: the model has gone
        since."""
        known = {
            "providers": {spec.provider for spec in self.models},
            "regions": self.regions.union(*(spec.regions for spec in self.models)),
            "models": {spec.name for spec in self.models},
        }
        for name, there in known.items():
            for one in sorted((getattr(new, name) or set()) - there - (getattr(old, name) or set())):
                raise BadRequest(
                    f"'models.{name}' holds '{one}', which is unknown here; there are: {', '.join(sorted(there))}.",
                    param=f"models.{name}",
                )


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
