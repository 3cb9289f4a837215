"""Which caps and rates bind a caller."""

import re

import pytest

from shared.core.faults import OverBudget
from shared.core.ids import KeyId, TenantId
from shared.core.limit import Cap, Charge
from shared.core.money import Micros
from shared.core.tenant import NO_LIMITS, Limits, Principal
from shared.guard.limits import caps_of, charges_of, check_run, of_tenant, rates_of, rest_of

TENANT = TenantId("tenant")
HOUSE = Limits(None, Micros(50), Micros(500), 60, 601)


def caller(key: Limits = NO_LIMITS, tenant: Limits = NO_LIMITS) -> Principal:
    return Principal(TENANT, "key_1", KeyId("key_1"), key_limits=key, tenant_limits=tenant)


def test_a_tenants_own_limit_stands_before_the_houses() -> None:
    """Also where it is 0, and also where it is wider."""
    own = Limits(day_micros=Micros(0), month_micros=Micros(9_999))
    assert of_tenant(own, HOUSE) == Limits(None, Micros(0), Micros(9_999), 60, 601)
    assert of_tenant(NO_LIMITS, HOUSE) == HOUSE


def test_a_run_counts_under_its_tenant_and_its_key() -> None:
    """A key without limits is counted without one; the house's defaults are no key's."""
    assert caps_of(caller(Limits(day_micros=Micros(7))), HOUSE) == (
        Cap("tenant", TENANT, "month", Micros(500)),
        Cap("tenant", TENANT, "day", Micros(50)),
        Cap("key", "key_1", "month", None),
        Cap("key", "key_1", "day", Micros(7)),
    )


def test_a_person_counts_under_the_tenant_alone() -> None:
    """There is no key to count under."""
    person = Principal(TENANT, "9f6b", key_limits=Limits(1, 1, 1, 1, 1))  # type: ignore[arg-type]
    assert {cap.scope for cap in caps_of(person, HOUSE)} == {"tenant"}
    assert {rate.scope for rate in rates_of(person, HOUSE)} == {"tenant"}


def test_a_request_is_charged_to_every_rate_that_binds() -> None:
    """One request and the estimated tokens, tenant before key; half a minute's worth is let through at once."""
    who = caller(Limits(requests_per_minute=1, tokens_per_minute=10))
    found = [
        (c.rate.scope, c.rate.unit, c.rate.per_minute, c.rate.burst, c.amount)
        for c in charges_of(who, HOUSE, 8)
    ]
    assert found == [
        ("tenant", "requests", 60, 30, 1),
        ("tenant", "tokens", 601, 301, 8),
        ("key", "requests", 1, 1, 1),
        ("key", "tokens", 10, 5, 8),
    ]
    assert charges_of(who, NO_LIMITS) == (Charge(rates_of(who, NO_LIMITS)[0], 1),)


def test_without_tokens_only_requests_are_charged() -> None:
    """And the other way round, once the run is over: the rest of its tokens, up or down, and nothing where none is."""
    who = caller()
    assert [charge.rate.unit for charge in charges_of(who, HOUSE)] == ["requests"]
    assert [(c.rate.unit, c.amount) for c in rest_of(who, HOUSE, 100, 250)] == [("tokens", 150)]
    assert [(c.rate.unit, c.amount) for c in rest_of(who, HOUSE, 100, 0)] == [("tokens", -100)]
    assert rest_of(who, HOUSE, 100, 100) == ()


@pytest.mark.parametrize(
    ("who", "whose"),
    [
        (caller(key=Limits(run_micros=Micros(99))), "key's cap of a run is $0.000099"),
        (caller(tenant=Limits(run_micros=Micros(99))), "tenant's cap of a run is $0.000099"),
    ],
)
def test_one_run_may_hold_so_much(who: Principal, whose: str) -> None:
    """The refusal says whose cap it is and what fits."""
    check_run(who, HOUSE, 99)
    with pytest.raises(OverBudget, match=re.escape(whose)) as refused:
        check_run(who, HOUSE, 100)
    assert "at most 99 micro-dollars" in refused.value.message
    check_run(caller(), HOUSE, 10**12)
