"""What every `ports.ledger.Ledger` promises."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.clock import RandomIds
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget
from shared.core.ids import TenantId
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
        self.asked: list[tuple[datetime, datetime]] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What happens once, after the sum is taken and before it is told."""

    async def __call__(self, _tenant: TenantId, since: datetime, until: datetime, _key: str | None) -> Micros:
        self.asked.append((since, until))
        spent, meanwhile, self.meanwhile = self.spent, self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return spent


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture(params=["redis", "memory"])
def ledger(request: pytest.FixtureRequest, clock: FakeClock, truth: Truth) -> Ledger:
    if request.param == "memory":
        return MemoryLedger(clock, truth)
    stores: Stores = request.getfixturevalue("stores")
    return RedisLedger(stores.redis, clock, truth, own_time=True)


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
    assert len(truth.asked) == 2
    assert await ledger.settle(tenant, run(2), Micros(100))
    assert await figures(ledger, tenant) == (550, 250)
    assert len(truth.asked) == 2


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
