"""Which caps and rates bind a caller: the key's own, the tenant's own, and the house's where the tenant has none."""

from dataclasses import fields
from functools import lru_cache

from shared.core.faults import OverBudget
from shared.core.limit import Cap, Charge, LimitScope, Rate, Unit
from shared.core.money import show
from shared.core.tenant import Limits, Principal

_KEY = "key_"
"""How the actor of a run begins where it is a key and not a person."""


def of_tenant(own: Limits, house: Limits) -> Limits:
    """The limits of a tenant: its own, and the house's where it has none of its own."""
    return Limits(
        *(
            mine if (mine := getattr(own, field.name)) is not None else getattr(house, field.name)
            for field in fields(Limits)
        )
    )


@lru_cache(maxsize=4096)
def caps_of(principal: Principal, house: Limits) -> tuple[Cap, ...]:
    """The caps that a run of this caller counts in. A key's always, also where it has no limit of its own: money that
    is out when one is set counts."""
    tenant = of_tenant(principal.tenant_limits, house)
    caps = (
        Cap("tenant", principal.tenant, "month", tenant.month_micros),
        Cap("tenant", principal.tenant, "day", tenant.day_micros),
    )
    if not principal.actor.startswith(_KEY):
        return caps
    return (
        *caps,
        Cap("key", principal.actor, "month", principal.key_limits.month_micros),
        Cap("key", principal.actor, "day", principal.key_limits.day_micros),
    )


def charges_of(principal: Principal, house: Limits, tokens: int = 0, requests: int = 1) -> tuple[Charge, ...]:
    """What a request takes from the caller's rates: `requests`, and `tokens` by an estimate of its prompt. Rates of
    which nothing is taken are left out."""
    return tuple(
        Charge(rate, requests if rate.unit == "requests" else tokens)
        for rate in rates_of(principal, house)
        if (requests if rate.unit == "requests" else tokens)
    )


def rest_of(principal: Principal, house: Limits, estimated: int, used: int) -> tuple[Charge, ...]:
    """What is left to take once the tokens are known: for `settle`. Gives back where the estimate was too high."""
    return charges_of(principal, house, used - estimated, requests=0)


@lru_cache(maxsize=4096)
def rates_of(principal: Principal, house: Limits) -> tuple[Rate, ...]:
    """The rates that bind a caller: tenant before key, requests before tokens."""
    tenant, key = of_tenant(principal.tenant_limits, house), principal.key_limits
    bound: list[tuple[LimitScope, str, Unit, int | None]] = [
        ("tenant", principal.tenant, "requests", tenant.requests_per_minute),
        ("tenant", principal.tenant, "tokens", tenant.tokens_per_minute),
    ]
    if principal.actor.startswith(_KEY):
        bound += [
            ("key", principal.actor, "requests", key.requests_per_minute),
            ("key", principal.actor, "tokens", key.tokens_per_minute),
        ]
    # Half a minute's worth at once: no minute sees more than one and a half times the limit.
    return tuple(
        Rate(scope, subject, unit, most, -(-most // 2))
        for scope, subject, unit, most in bound
        if most is not None
    )


def check_run(principal: Principal, house: Limits, amount: int) -> None:
    """Raises OverBudget where one run would set aside more than one run may; before anything is held or sent."""
    tenant = of_tenant(principal.tenant_limits, house).run_micros
    for whose, most in (("key", principal.key_limits.run_micros), ("tenant", tenant)):
        if most is not None and amount > most:
            raise OverBudget(
                f"This needs up to {show(amount)}, and this {whose}'s cap of a run is {show(most)}: "
                f"a budget of at most {most} micro-dollars fits."
            )
