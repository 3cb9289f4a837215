"""What every `ports.ledger.Ledger` promises."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.clock import RandomIds
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget
from shared.core.ids import TenantId
from shared.core.limit import Cap
from shared.core.money import Micros
from shared.fakes.clock import FakeClock
from shared.fakes.ledger import MemoryLedger
from shared.ports.ledger import Ledger
from tests.contract.samples import month, run
from tests.stores import Stores

CAP = 1_000
LIFETIME = 15 * 60


class Truth:
    """What Postgres would say was spent."""

    def __init__(self) -> None:
        self.spent = Micros(0)
        self.of_keys: dict[str, Micros] = {}
        self.asked: list[tuple[datetime, datetime]] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What happens once, after the sum is taken and before it is told."""

    async def __call__(self, _tenant: TenantId, since: datetime, until: datetime, key: str | None) -> Micros:
        self.asked.append((since, until))
        spent = self.spent if key is None else self.of_keys.get(key, Micros(0))
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return spent


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def ledger(backed: Stores | None, clock: FakeClock, truth: Truth) -> Ledger:
    if backed is None:
        return MemoryLedger(clock, truth)
    return RedisLedger(backed.redis, clock, truth, own_time=True)


async def figures(ledger: Ledger, tenant: TenantId) -> tuple[int, int]:
    """What is spent and held of the tenant's month."""
    (found,) = await ledger.balance(tenant, month(tenant, CAP))
    return found.spent, found.held


async def test_a_hold_is_set_aside_and_settled(ledger: Ledger, tenant: TenantId) -> None:
    """What it cost is spent, the rest is free again."""
    assert await figures(ledger, tenant) == (0, 0)
    await ledger.hold(tenant, run(), Micros(600), month(tenant, CAP))
    assert await figures(ledger, tenant) == (0, 600)
    assert await ledger.settle(tenant, run(), Micros(250))
    assert await figures(ledger, tenant) == (250, 0)


async def test_the_cap_is_never_passed(ledger: Ledger, tenant: TenantId) -> None:
    """To the micro-dollar, and a refused hold holds nothing."""
    await ledger.hold(tenant, run(1), Micros(400), month(tenant, CAP))
    await ledger.settle(tenant, run(1), Micros(400))
    await ledger.hold(tenant, run(2), Micros(500), month(tenant, CAP))
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(3), Micros(101), month(tenant, CAP))
    assert await figures(ledger, tenant) == (400, 500)
    await ledger.hold(tenant, run(3), Micros(100), month(tenant, CAP))
    assert await figures(ledger, tenant) == (400, 600)


async def test_a_hold_ends_once(ledger: Ledger, tenant: TenantId, truth: Truth) -> None:
    """A second settlement books nothing, nor does one of a run that held nothing."""
    await ledger.hold(tenant, run(), Micros(10), month(tenant, CAP))
    truth.spent = Micros(5)
    assert await ledger.settle(tenant, run(), Micros(5))
    assert not await ledger.settle(tenant, run(), Micros(5))
    assert await figures(ledger, tenant) == (5, 0)
    assert not await ledger.settle(tenant, run(2), Micros(5))
    assert await figures(ledger, tenant) == (5, 0)


async def test_a_run_without_its_hold_counts_by_the_truth(
    ledger: Ledger, tenant: TenantId, truth: Truth, clock: FakeClock
) -> None:
    """What it spent is in the figure that the next hold sees; the other holds stay as they are."""
    await ledger.hold(tenant, run(1), Micros(500), month(tenant, CAP))
    clock.pass_(LIFETIME)
    await ledger.hold(tenant, run(2), Micros(300), month(tenant, CAP))
    truth.spent = Micros(450)
    assert not await ledger.settle(tenant, run(1), Micros(450))
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(3), Micros(251), month(tenant, CAP))
    await ledger.hold(tenant, run(3), Micros(250), month(tenant, CAP))
    assert await figures(ledger, tenant) == (450, 550)
    asked = len(truth.asked)
    assert await ledger.settle(tenant, run(2), Micros(100))
    assert await figures(ledger, tenant) == (550, 250)
    assert len(truth.asked) == asked


async def test_a_hold_that_ends_while_the_figure_is_gone_is_not_all_that_was_spent(
    ledger: Ledger, tenant: TenantId, truth: Truth
) -> None:
    """Its cost is not added to nothing: the figure is the truth's, which has that run and the one without a hold."""
    await ledger.hold(tenant, run(2), Micros(300), month(tenant, CAP))
    truth.spent = Micros(450)
    assert not await ledger.settle(tenant, run(1), Micros(450))
    truth.spent = Micros(550)
    assert await ledger.settle(tenant, run(2), Micros(100))
    assert await figures(ledger, tenant) == (550, 0)


@pytest.mark.parametrize("held", [True, False])
async def test_a_figure_that_grew_old_while_it_was_asked_is_not_kept(
    ledger: Ledger, tenant: TenantId, truth: Truth, held: bool
) -> None:
    """A run that ends between the sum and its arrival, with its hold or without, is in the figure."""
    if held:
        await ledger.hold(tenant, run(1), Micros(300), month(tenant, CAP))
        await ledger.settle(tenant, run(2), Micros(1))

    async def ends() -> None:
        truth.spent = Micros(300)
        assert await ledger.settle(tenant, run(1), Micros(300)) is held

    truth.meanwhile = ends
    assert await figures(ledger, tenant) == (300, 0)


async def test_a_second_hold_replaces_the_first(ledger: Ledger, tenant: TenantId) -> None:
    """It may be larger or smaller; one that does not fit leaves the first."""
    for amount in (400, 900, 300):
        await ledger.hold(tenant, run(), Micros(amount), month(tenant, CAP))
        assert await figures(ledger, tenant) == (0, amount)
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(), Micros(1_001), month(tenant, CAP))
    assert await figures(ledger, tenant) == (0, 300)


async def test_an_abandoned_hold_lapses(ledger: Ledger, tenant: TenantId, clock: FakeClock) -> None:
    """Its money is free again, and it can't be settled any more."""
    await ledger.hold(tenant, run(1), Micros(CAP), month(tenant, CAP))
    clock.pass_(LIFETIME - 1)
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(2), Micros(1), month(tenant, CAP))
    clock.pass_(1)
    await ledger.hold(tenant, run(2), Micros(CAP), month(tenant, CAP))
    assert not await ledger.settle(tenant, run(1), Micros(5))
    assert await figures(ledger, tenant) == (0, CAP)


async def test_what_a_lapsed_run_cost_counts_by_the_truth(
    ledger: Ledger, tenant: TenantId, truth: Truth, clock: FakeClock
) -> None:
    """A process that was killed after its run had ended settles nothing: its cost is in the log, and in no figure."""
    await ledger.hold(tenant, run(1), Micros(600), month(tenant, CAP))
    truth.spent = Micros(600)
    clock.pass_(LIFETIME)
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(2), Micros(401), month(tenant, CAP))
    assert await figures(ledger, tenant) == (600, 0)


async def test_a_run_that_goes_on_keeps_its_hold(ledger: Ledger, tenant: TenantId, clock: FakeClock) -> None:
    """By saying so; where there is no hold, saying so makes none."""
    await ledger.hold(tenant, run(), Micros(10), month(tenant, CAP))
    for _ in range(3):
        clock.pass_(LIFETIME - 1)
        await ledger.extend(tenant, run())
    await ledger.extend(tenant, run(2))
    assert await figures(ledger, tenant) == (0, 10)
    assert await ledger.settle(tenant, run(), Micros(10))


async def test_tenants_have_their_own_money(ledger: Ledger, tenant: TenantId, other_tenant: TenantId) -> None:
    """The same run id under two tenants is two holds."""
    await ledger.hold(tenant, run(), Micros(10), month(tenant, CAP))
    assert not await ledger.settle(other_tenant, run(), Micros(5))
    assert await figures(ledger, other_tenant) == (0, 0)
    assert await figures(ledger, tenant) == (0, 10)


async def test_a_new_month_starts_afresh(ledger: Ledger, tenant: TenantId, clock: FakeClock) -> None:
    """A hold that crosses midnight is booked in the month in which it was made."""
    clock.pass_((datetime(2026, 11, 30, 23, 59, tzinfo=clock.now().tzinfo) - clock.now()).total_seconds())
    await ledger.hold(tenant, run(1), Micros(300), month(tenant, CAP))
    await ledger.hold(tenant, run(2), Micros(200), month(tenant, CAP))
    await ledger.settle(tenant, run(1), Micros(300))
    clock.pass_(120)
    assert await figures(ledger, tenant) == (0, 200)
    assert await ledger.settle(tenant, run(2), Micros(150))
    assert await figures(ledger, tenant) == (0, 0)


async def test_an_unknown_month_is_asked_of_the_truth(
    ledger: Ledger, tenant: TenantId, truth: Truth, clock: FakeClock
) -> None:
    """Once, for exactly that month, and before anything is held."""
    truth.spent = Micros(900)
    with pytest.raises(OverBudget):
        await ledger.hold(tenant, run(), Micros(101), month(tenant, CAP))
    await ledger.hold(tenant, run(), Micros(100), month(tenant, CAP))
    assert await figures(ledger, tenant) == (900, 100)
    zone = clock.now().tzinfo
    assert truth.asked == [(datetime(2026, 11, 1, tzinfo=zone), datetime(2026, 12, 1, tzinfo=zone))]


async def test_holds_of_many_at_once_stay_under_the_cap(ledger: Ledger, tenant: TenantId) -> None:
    """Exactly as many get through as fit."""

    async def attempt(number: int) -> bool:
        try:
            await ledger.hold(tenant, run(number), Micros(30), month(tenant, CAP))
        except OverBudget:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(number)) for number in range(60)]
    assert sum(task.result() for task in tasks) == 33
    assert await figures(ledger, tenant) == (0, 990)


def caps(tenant: TenantId, month_: int, day: int, key_day: int | None) -> tuple[Cap, ...]:
    """A tenant's two caps and a key's two, of which one is no limit."""
    return (
        *month(tenant, month_),
        Cap("tenant", tenant, "day", Micros(day)),
        Cap("key", "key_1", "month", None),
        Cap("key", "key_1", "day", None if key_day is None else Micros(key_day)),
    )


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ((99, 1000, 1000), "this tenant's cap of $0.000099 a month"),
        ((1000, 99, 1000), "this tenant's cap of $0.000099 a day"),
        ((1000, 1000, 99), "this key's cap of $0.000099 a day"),
        ((90, 95, 99), "this tenant's cap of $0.000090 a month"),
    ],
)
async def test_a_refusal_names_the_cap_that_leaves_least(
    ledger: Ledger, tenant: TenantId, truth: Truth, limits: tuple[int, int, int], named: str
) -> None:
    """And what would fit under it; nothing is held under any of them."""
    await ledger.hold(tenant, run(1), Micros(40), caps(tenant, 1000, 1000, 1000))
    await ledger.settle(tenant, run(1), Micros(30))
    truth.of_keys["key_1"] = Micros(30)
    await ledger.hold(tenant, run(2), Micros(20), caps(tenant, 1000, 1000, 1000))
    with pytest.raises(OverBudget, match=re.escape(named)) as refused:
        await ledger.hold(tenant, run(3), Micros(50), caps(tenant, *limits))
    free = min(limits) - 50
    assert f"${free / 1e6:.6f} of" in refused.value.message
    assert "($0.000030 spent, $0.000020 set aside" in refused.value.message
    found = await ledger.balance(tenant, caps(tenant, *limits))
    assert [(one.spent, one.held) for one in found] == [(30, 20)] * 4
    await ledger.hold(tenant, run(3), Micros(free), caps(tenant, *limits))


async def test_a_hold_counts_in_every_subject_it_names(ledger: Ledger, tenant: TenantId) -> None:
    """One key's money is not another's; the tenant's is everybody's."""
    await ledger.hold(tenant, run(1), Micros(100), caps(tenant, CAP, CAP, 100))
    other = (*month(tenant, CAP), Cap("key", "key_2", "day", Micros(100)))
    await ledger.hold(tenant, run(2), Micros(100), other)
    with pytest.raises(OverBudget, match="key's"):
        await ledger.hold(tenant, run(3), Micros(1), other)
    assert [one.held for one in await ledger.balance(tenant, other)] == [200, 100]
    assert await ledger.settle(tenant, run(1), Micros(60))
    found = await ledger.balance(tenant, caps(tenant, CAP, CAP, 100))
    assert [one.spent for one in found if one.cap.micros is not None] == [60] * 3
    assert [(one.spent, one.held) for one in await ledger.balance(tenant, other)] == [(60, 100), (0, 100)]


async def test_a_cap_that_comes_later_finds_the_money_that_is_out(
    ledger: Ledger, tenant: TenantId, truth: Truth
) -> None:
    """A key without a limit has its holds counted all the same, and what they cost."""
    await ledger.hold(tenant, run(1), Micros(80), caps(tenant, CAP, CAP, None))
    with pytest.raises(OverBudget, match="this key's cap"):
        await ledger.hold(tenant, run(2), Micros(21), caps(tenant, CAP, CAP, 100))
    truth.spent = truth.of_keys["key_1"] = Micros(70)
    assert await ledger.settle(tenant, run(1), Micros(70))
    with pytest.raises(OverBudget, match="this key's cap"):
        await ledger.hold(tenant, run(2), Micros(31), caps(tenant, CAP, CAP, 100))
    await ledger.hold(tenant, run(2), Micros(30), caps(tenant, CAP, CAP, 100))


async def test_a_keys_figure_is_the_truths(ledger: Ledger, tenant: TenantId, truth: Truth) -> None:
    """A run that lost its hold counts for its key too, in the day and in the month."""
    await ledger.hold(tenant, run(1), Micros(10), caps(tenant, CAP, CAP, 100))
    truth.spent, truth.of_keys = Micros(900), {"key_1": Micros(95)}
    assert not await ledger.settle(tenant, run(9), Micros(95))
    found = await ledger.balance(tenant, caps(tenant, CAP, CAP, 100))
    assert [(one.spent, one.held) for one in found] == [(900, 10), (900, 10), (95, 10), (95, 10)]


async def test_a_new_day_starts_afresh_within_its_month(
    ledger: Ledger, tenant: TenantId, truth: Truth, clock: FakeClock
) -> None:
    """At midnight UTC; a hold that crosses it counts as held, and is booked on the day on which it was made."""
    limits = caps(tenant, CAP, 100, None)
    clock.pass_((clock.now().replace(hour=23, minute=59) - clock.now()).total_seconds())
    await ledger.hold(tenant, run(1), Micros(60), limits)
    await ledger.hold(tenant, run(2), Micros(40), limits)
    await ledger.settle(tenant, run(1), Micros(60))
    with pytest.raises(OverBudget, match="a day"):
        await ledger.hold(tenant, run(3), Micros(1), limits)
    clock.pass_(120)
    await ledger.hold(tenant, run(3), Micros(60), limits)
    found = await ledger.balance(tenant, limits)
    assert [(one.spent, one.held) for one in found] == [(60, 100), (0, 100), (0, 100), (0, 100)]
    assert await ledger.settle(tenant, run(2), Micros(30))
    assert [one.spent for one in await ledger.balance(tenant, limits)][:2] == [90, 0]
    midnight = clock.now().replace(hour=0, minute=0)
    assert (midnight, midnight + timedelta(days=1)) in truth.asked


async def test_a_redis_that_threw_holds_away_still_serves(
    stores: Stores, tenant: TenantId, clock: FakeClock
) -> None:
    """One that makes room where it must not may lose a hold and keep when it lapses: for a moment nobody holds anew."""
    ledger = RedisLedger(stores.redis, clock, Truth(), own_time=True)
    await ledger.hold(tenant, run(1), Micros(10), month(tenant, CAP))
    await stores.redis.commands.delete(f"cs:{{{tenant}}}:ledger:holds")
    clock.pass_(LIFETIME)
    holding = asyncio.ensure_future(ledger.hold(tenant, run(2), Micros(10), month(tenant, CAP)))
    await asyncio.sleep(0.1)
    assert not holding.done()
    clock.pass_(3)
    await holding
    assert await ledger.settle(tenant, run(2), Micros(10))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "settle", "extend", "wait"]),
        st.integers(1, 4),
        st.integers(0, 700) | st.just(2**52),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_redis_and_memory_agree(stores: Stores, steps: list[tuple[str, int, int]]) -> None:
    """Under any sequence of acts the two give the same answers, never pass the cap and never leave the truth."""
    tenant = TenantId(str(RandomIds().uuid()))
    one, other, log, memory = FakeClock(), FakeClock(), Truth(), Truth()
    in_redis = await _play(RedisLedger(stores.redis, one, log, own_time=True), log, tenant, steps, one.pass_)
    in_memory = await _play(MemoryLedger(other, memory), memory, tenant, steps, other.pass_)
    assert in_redis == in_memory


async def _play(
    ledger: Ledger,
    truth: Truth,
    tenant: TenantId,
    steps: list[tuple[str, int, int]],
    wait: Callable[[float], None],
) -> list[object]:
    answers: list[object] = []
    held: dict[int, int] = {}
    for act, number, amount in steps:
        try:
            if act == "hold":
                await ledger.hold(tenant, run(number), Micros(amount), month(tenant, CAP))
                held[number] = amount
            elif act == "settle":
                cost = min(amount, held.get(number, 0))
                answers.append(await ledger.settle(tenant, run(number), Micros(cost)))
                truth.spent = Micros(truth.spent + cost * bool(answers[-1]))
            elif act == "extend":
                await ledger.extend(tenant, run(number))
            else:
                wait(amount % 1000)
        except OverBudget as error:
            answers.append(type(error).__name__)
        now = spent, held_now = await figures(ledger, tenant)
        assert spent == truth.spent
        assert 0 <= spent + held_now <= CAP
        answers.append(now)
    return answers
