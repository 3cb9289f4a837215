"""What every `ports.ledger.Ledger` promises of rates: GCRA, all or nothing, beside the money."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget, TooFast
from shared.core.ids import TenantId
from shared.core.limit import Charge, Rate
from shared.core.money import Micros
from shared.fakes.clock import FakeClock
from shared.fakes.ledger import MemoryLedger
from shared.ports.ledger import Ledger
from tests.contract.samples import month, run
from tests.stores import Stores

REQUESTS = Rate("tenant", "t", "requests", per_minute=60, burst=5)
TOKENS = Rate("key", "key_1", "tokens", per_minute=6_000, burst=1_000)


async def nothing(*_: object) -> Micros:
    """A truth in which nobody has spent anything."""
    return Micros(0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(backed: Stores | None, clock: FakeClock) -> Ledger:
    if backed is None:
        return MemoryLedger(clock)
    return RedisLedger(backed.redis, clock, nothing, own_time=True)


async def left(ledger: Ledger, tenant: TenantId, *rates: Rate) -> list[int]:
    """What rates let through at once: asked by taking nothing."""
    return [one.remaining for one in await ledger.take(tenant, [Charge(rate, 0) for rate in rates])]


async def test_a_burst_passes_and_then_one_at_a_time(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """What is left and when it is whole again is told each time; a refusal says when to come back."""
    for gone in range(1, 6):
        (found,) = await ledger.take(tenant, [Charge(REQUESTS, 1)])
        assert (found.rate, found.remaining) == (REQUESTS, 5 - gone)
        assert found.reset_seconds == pytest.approx(gone)
    with pytest.raises(TooFast, match="60 requests a minute of this tenant") as refused:
        await ledger.take(tenant, [Charge(REQUESTS, 1)])
    assert refused.value.retry_after == pytest.approx(1)
    assert [one.remaining for one in refused.value.remaining] == [0]
    clock.pass_(0.9)
    with pytest.raises(TooFast) as refused:
        await ledger.take(tenant, [Charge(REQUESTS, 1)])
    assert refused.value.retry_after == pytest.approx(0.1)
    clock.pass_(0.1)
    await ledger.take(tenant, [Charge(REQUESTS, 1)])
    clock.pass_(100)
    assert await left(ledger, tenant, REQUESTS) == [5]


async def test_no_minute_sees_more_than_the_rate_and_a_burst(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """Whoever asks as often as can be gets exactly so much."""
    passed = 0
    for _ in range(240):
        try:
            await ledger.take(tenant, [Charge(REQUESTS, 1)])
            passed += 1
        except TooFast:
            pass
        clock.pass_(0.25)
    assert passed == 60 + 5 - 1


async def test_one_refusal_takes_from_no_rate(ledger: Ledger, tenant: TenantId) -> None:
    """The one that takes longest is named; the others keep what they had."""
    await ledger.take(tenant, [Charge(TOKENS, 900)])
    with pytest.raises(TooFast, match=r"6000 tokens a minute of this key.* takes 200 tokens"):
        await ledger.take(tenant, [Charge(REQUESTS, 1), Charge(TOKENS, 200)])
    assert await left(ledger, tenant, REQUESTS, TOKENS) == [5, 100]


async def test_money_and_rates_are_taken_together_or_not_at_all(ledger: Ledger, tenant: TenantId) -> None:
    """Whichever refuses, nothing is held and nothing is taken."""
    both = [Charge(REQUESTS, 5), Charge(TOKENS, 100)]
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(1), Micros(101), month(tenant, 100), both)
    assert await left(ledger, tenant, REQUESTS, TOKENS) == [5, 1000]
    found = await ledger.hold(tenant, run(1), Micros(60), month(tenant, 100), both)
    assert [(one.rate, one.remaining) for one in found] == [(REQUESTS, 0), (TOKENS, 900)]
    with pytest.raises(TooFast):
        await ledger.hold(tenant, run(2), Micros(10), month(tenant, 100), [Charge(REQUESTS, 1)])
    (balance,) = await ledger.balance(tenant, month(tenant, 100))
    assert (balance.spent, balance.held) == (0, 60)


async def test_a_settlement_takes_what_the_estimate_fell_short_of(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """Also beyond the burst: nothing refuses it, and it is waited for before the next one passes."""
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100), [Charge(TOKENS, 400)])
    assert await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, 1_600)])
    with pytest.raises(TooFast) as refused:
        await ledger.take(tenant, [Charge(TOKENS, 1)])
    assert refused.value.retry_after == pytest.approx(10.01)  # 1,000 beyond the burst, at 100 a second
    clock.pass_(10.01)
    await ledger.take(tenant, [Charge(TOKENS, 1)])


async def test_a_settlement_gives_back_what_the_estimate_was_too_high(
    ledger: Ledger, tenant: TenantId
) -> None:
    """Never more than was there at rest: nobody saves up beyond a burst."""
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100), [Charge(TOKENS, 400)])
    assert await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, -300)])
    assert await left(ledger, tenant, TOKENS) == [900]
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100), [Charge(TOKENS, 1)])
    assert await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, -5_000)])
    assert await left(ledger, tenant, TOKENS) == [1_000]


async def test_a_hold_that_ended_takes_nothing_more(ledger: Ledger, tenant: TenantId) -> None:
    """A settlement that comes twice, or for a run that held nothing, charges nothing."""
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100))
    assert await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, 100)])
    assert not await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, 100)])
    assert not await ledger.settle(tenant, run(2), Micros(0), [Charge(TOKENS, 100)])
    assert await left(ledger, tenant, TOKENS) == [900]


async def test_what_is_larger_than_a_burst_passes_when_the_rate_is_whole(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """It is paid back after; a limit that could never let it through would be a defect and no limit."""
    await ledger.take(tenant, [Charge(TOKENS, 3_000)])
    with pytest.raises(TooFast) as refused:
        await ledger.take(tenant, [Charge(TOKENS, 3_000)])
    assert refused.value.retry_after == pytest.approx(30)
    clock.pass_(29)
    with pytest.raises(TooFast):
        await ledger.take(tenant, [Charge(TOKENS, 3_000)])
    clock.pass_(1)
    await ledger.take(tenant, [Charge(TOKENS, 3_000)])


async def test_nobody_waits_for_more_than_an_hour_of_debt(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """Whatever a settlement took."""
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100))
    await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, 10**9)])
    clock.pass_(3_600)
    with pytest.raises(TooFast):
        await ledger.take(tenant, [Charge(TOKENS, 1)])
    clock.pass_(0.01)
    await ledger.take(tenant, [Charge(TOKENS, 1)])


async def test_rates_of_subjects_and_tenants_are_their_own(
    ledger: Ledger, tenant: TenantId, other_tenant: TenantId
) -> None:
    """The same numbers for another key or tenant are another bucket; no charge asks nothing."""
    await ledger.take(tenant, [Charge(TOKENS, 1_000)])
    twin = Rate("key", "key_2", "tokens", TOKENS.per_minute, TOKENS.burst)
    assert await left(ledger, tenant, TOKENS, twin) == [0, 1_000]
    assert await left(ledger, other_tenant, TOKENS) == [1_000]
    assert await ledger.take(tenant, []) == ()


async def test_a_limit_that_changes_holds_from_then_on(
    ledger: Ledger, tenant: TenantId, clock: FakeClock
) -> None:
    """A raised one lets more through at once; what was taken under the old one is soon forgotten."""
    await ledger.take(tenant, [Charge(REQUESTS, 5)])
    raised = Rate("tenant", "t", "requests", per_minute=6_000, burst=3_000)
    clock.pass_(5)
    assert await left(ledger, tenant, raised) == [3_000]


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_clock_that_is_wrong_gains_nothing(stores: Stores, tenant: TenantId, hours: int) -> None:
    """Containers whose clocks are hours apart share one bucket, and neither ends the other's holds."""
    wrong = FakeClock(SystemClock().now() + timedelta(hours=hours))
    away, here = RedisLedger(stores.redis, wrong, nothing), RedisLedger(stores.redis, SystemClock(), nothing)
    slow = Rate("tenant", "t", "requests", per_minute=1, burst=2)
    await here.take(tenant, [Charge(slow, 1)])
    await away.take(tenant, [Charge(slow, 1)])
    for one in (here, away):
        with pytest.raises(TooFast) as refused:
            await one.take(tenant, [Charge(slow, 1)])
        assert 0 < (refused.value.retry_after or 0) <= 60
    await here.hold(tenant, run(), Micros(10), month(tenant, 100))
    await away.extend(tenant, run(2))
    assert await here.settle(tenant, run(), Micros(10))


async def test_a_rate_at_rest_leaves_nothing_behind(stores: Stores, tenant: TenantId) -> None:
    """Its key in Redis goes by itself when it is whole again."""
    ledger = RedisLedger(stores.redis, SystemClock(), nothing)
    await ledger.take(tenant, [Charge(TOKENS, 500)])
    (key,) = await stores.redis.commands.keys(f"cs:{{{tenant}}}:rate:*")
    assert 0 < await stores.redis.commands.pttl(key) <= 5_002
    await ledger.hold(tenant, run(), Micros(1), month(tenant, 100))
    await ledger.settle(tenant, run(), Micros(1), [Charge(TOKENS, -500)])
    assert await stores.redis.commands.pttl(key) <= 2


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["take", "hold", "settle", "wait"]),
        st.integers(1, 3),
        st.integers(0, 8),
        st.integers(-500, 2_500),
    ),
    max_size=25,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
async def test_redis_and_memory_agree(stores: Stores, acts: list[tuple[str, int, int, int]]) -> None:
    """Under any sequence of acts the two let the same through, say the same and hold the same."""
    tenant = TenantId(str(RandomIds().uuid()))
    one, other = FakeClock(), FakeClock()
    in_redis = await _play(RedisLedger(stores.redis, one, nothing, own_time=True), one, tenant, acts)
    in_memory = await _play(MemoryLedger(other), other, tenant, acts)
    assert in_redis == in_memory


async def _play(
    ledger: Ledger, clock: FakeClock, tenant: TenantId, acts: list[tuple[str, int, int, int]]
) -> list[object]:
    said: list[object] = []
    for act, number, requests, tokens in acts:
        charges = [Charge(REQUESTS, requests), Charge(TOKENS, max(tokens, 0))]
        try:
            if act == "take":
                found = await ledger.take(tenant, charges)
                said.append([(one.remaining, round(one.reset_seconds, 3)) for one in found])
            elif act == "hold":
                await ledger.hold(tenant, run(number), Micros(requests), month(tenant, 20), charges)
            elif act == "settle":
                said.append(await ledger.settle(tenant, run(number), Micros(0), [Charge(TOKENS, tokens)]))
            else:
                clock.pass_(abs(tokens) / 100)
        except (OverBudget, TooFast) as fault:
            said.append((type(fault).__name__, round(fault.retry_after or 0, 3)))
        (balance,) = await ledger.balance(tenant, month(tenant, 20))
        said.append((balance.spent, balance.held, await left(ledger, tenant, REQUESTS, TOKENS)))
    return said
