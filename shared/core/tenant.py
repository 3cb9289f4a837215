"""Who asks."""

from dataclasses import dataclass, field
from typing import Literal

from shared.core.ids import KeyId, TenantId
from shared.core.money import Micros
from shared.core.rules import NO_RULES, Rules

Scope = Literal["member", "operator"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant, or one key of it, may spend and how fast it may go. Money is in micro-dollars.

    None: of a tenant, the house's default; of a key, no limit but its tenant's; of the house, none at all.
    """

    run_micros: Micros | None = None
    """The most that one run may set aside."""
    day_micros: Micros | None = None
    month_micros: Micros | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller: the tenant comes from a key or a signed token, never from the request's own words."""

    tenant: TenantId
    actor: str
    """`key_…` for an API key, the subject of the token for a person."""
    key: KeyId | None = None
    scopes: frozenset[Scope] = frozenset({"member"})
    key_limits: Limits = NO_LIMITS
    tenant_limits: Limits = NO_LIMITS
    rules: Rules = field(default=NO_RULES, compare=False)
    """The tenant's policy. No part of who asks: what follows from limits is remembered by caller."""
