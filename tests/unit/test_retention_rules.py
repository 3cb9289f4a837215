"""How long each class of data is kept: the house's days, a tenant's own, and what follows from both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.rules import NO_RULES, Rules
from shared.retention.rules import BOUNDS, in_force

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUSE: dict[str, int | None] = {
    "bodies": 90,
    "vault": 30,
    "cache": 1,
    "embeddings": 1,
    "uploads": 365,
    "streams": 1,
    "documents": None,
}


def days(**own: int) -> dict[str, int | None]:
    retention: Any = own
    return {kind: rule.days for kind, rule in in_force(Rules(retention=retention, version=3)).items()}


def test_a_tenant_without_rules_has_the_houses() -> None:
    """All of them."""
    assert days() == HOUSE
    assert {rule.own for rule in in_force(NO_RULES).values()} == {False}


@pytest.mark.parametrize(
    ("own", "changed"),
    [
        ({"bodies": 30}, {"bodies": 30}),
        ({"bodies": 0}, {"bodies": 1}),
        ({"bodies": 99_999}, {"bodies": 3650}),
        ({"documents": 10}, {"documents": 10}),
        ({"documents": 10, "bodies": 20}, {"documents": 10, "bodies": 20, "vault": 20}),
        ({"documents": 20, "bodies": 10}, {"documents": 20, "bodies": 10, "vault": 20}),
        ({"bodies": 5}, {"bodies": 5}),
        ({"cache": 9}, {"cache": 9}),
        ({"cache": 9, "bodies": 3}, {"cache": 3, "bodies": 3}),
        ({"cache": 0}, {"cache": 0, "embeddings": 0}),
        ({"embeddings": 30}, {}),
        ({"streams": 9}, {}),
        ({"vault": 400}, {"vault": 400}),
    ],
)
def test_a_tenants_days_hold_within_bounds(own: dict[str, int], changed: dict[str, int]) -> None:
    """And a copy is never kept longer than what it is a copy of."""
    assert days(**own) == HOUSE | changed


def test_a_rule_says_whose_it_is() -> None:
    """The words stand on every tombstone."""
    found = in_force(Rules(retention={"bodies": 1}, version=3))
    assert str(found["bodies"]) == "bodies: 1 day, policy version 3"
    assert str(found["vault"]) == "vault: 30 days, house rule"
    assert str(found["documents"]) == "documents: kept until deleted, house rule"
    assert found["bodies"].before(AT) == AT - timedelta(days=1)
    assert found["documents"].before(AT) is None


@given(st.dictionaries(st.sampled_from(sorted(BOUNDS)), st.integers(0, 36_500)))
def test_no_copy_outlives_the_words(own: dict[str, int]) -> None:
    """Whatever a tenant says: nothing is kept past its bounds, nor longer than what it was made from."""
    found = days(**own)
    for kind, kept in found.items():
        assert kept is None or kept <= BOUNDS[kind][1]  # type: ignore[index]  # a class by its name
    forever = 10**9
    bodies, documents = found["bodies"] or 0, found["documents"] or forever
    assert (found["embeddings"] or 0) <= (found["cache"] or 0) <= bodies
    assert (found["streams"] or 0) <= bodies
    assert (found["vault"] or 0) <= max(bodies, documents)
