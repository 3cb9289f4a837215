"""What every `ports.comparisons.Comparisons` promises."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.postgres.comparisons import PostgresComparisons
from shared.core.ids import TenantId, TraceId
from shared.core.money import Micros
from shared.fakes.comparisons import MemoryComparisons
from shared.ports.comparisons import Comparison, Comparisons, Count, Side
from tests.contract.samples import AT
from tests.stores import Stores

HOUR = AT.replace(minute=0, second=0, microsecond=0)
LONG_AGO = datetime(2001, 1, 1, 12, tzinfo=AT.tzinfo)
"""Sweeps go through all tenants: only these tests have rows so old."""


@pytest.fixture(params=["postgres", "memory"])
def comparisons(request: pytest.FixtureRequest) -> Comparisons:
    if request.param == "memory":
        return MemoryComparisons()
    stores: Stores = request.getfixturevalue("stores")
    return PostgresComparisons(stores.database)


def comparison(tenant: TenantId, number: int = 1, **changes: Any) -> Comparison:
    """Every field set; a later number is newer."""
    fields: dict[str, Any] = {
        "tenant": tenant,
        "trace": TraceId(f"{number:032x}"),
        "at": AT + timedelta(seconds=number),
        "path": "/v1/responses",
        "model": "gpt-4o",
        "first": "old",
        "ours": Side("auto", 200, "cut", 12, 3400, Micros(123456), "stop", 70, "ab" * 16),
        "theirs": Side("gpt-4o-x", 503, "503 overloaded", None, 9, None, "", 0, ""),
        "agrees": True,
        "why": "ended with léngth",
        "similarity": 0.123,
        "sample": {"theirs": "b", "ours": "ä ✓"},
    }
    return Comparison(**(fields | changes))


async def test_rows_come_back_newest_first(
    comparisons: Comparisons, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Every field, from the instant asked for on, no more than asked for, one's own alone."""
    rows = [comparison(tenant, number) for number in (2, 1, 3)]
    plain = comparison(tenant, 4, sample=None, ours=Side(), theirs=Side(), first="chatsmart")
    await comparisons.add(tenant, rows, ())
    await comparisons.add(tenant, [plain], ())
    await comparisons.add(other_tenant, [comparison(other_tenant, 9)], ())
    assert await comparisons.since(tenant, AT, 9) == (plain, rows[2], rows[0], rows[1])
    assert await comparisons.since(tenant, AT + timedelta(seconds=3), 9) == (plain, rows[2])
    assert await comparisons.since(tenant, AT, 1) == (plain,)


async def test_counts_add_up(comparisons: Comparisons, tenant: TenantId, other_tenant: TenantId) -> None:
    """Over writers and hours, from the hour of the instant asked for on."""
    before = Count(tenant, HOUR - timedelta(hours=1), "old", 100)
    await comparisons.add(
        tenant, (), [Count(tenant, HOUR, "old", 2), Count(tenant, HOUR, "chatsmart", 1), before]
    )
    await comparisons.add(tenant, (), [Count(tenant, HOUR, "old", 3)])
    await comparisons.add(other_tenant, (), [Count(other_tenant, HOUR, "old", 7)])
    assert await comparisons.counts(tenant, AT) == {"old": 5, "chatsmart": 1}
    assert await comparisons.counts(tenant, AT - timedelta(hours=1)) == {"old": 105, "chatsmart": 1}


async def test_a_sweep_forgets_what_is_old(
    comparisons: Comparisons, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Of all tenants, the oldest first, some at a time; what is younger stays."""
    for one in (tenant, other_tenant):
        old = [comparison(one, number, at=LONG_AGO + timedelta(seconds=number)) for number in (1, 2)]
        hours = [Count(one, LONG_AGO, "old", 1), Count(one, HOUR, "old", 1)]
        await comparisons.add(one, [*old, comparison(one)], hours)
    before = LONG_AGO + timedelta(days=1)
    assert await comparisons.sweep(before, 3) == 3
    assert await comparisons.sweep(before, 3) == 1
    assert await comparisons.sweep(before, 3) == 0
    for one in (tenant, other_tenant):
        assert await comparisons.since(one, LONG_AGO, 9) == (comparison(one),)
        assert await comparisons.counts(one, LONG_AGO) == {"old": 1}
