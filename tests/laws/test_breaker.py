"""Laws of breakers, over generated histories and any number of containers."""

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.clock import RandomIds
from shared.adapters.redis.health import RedisHealth
from shared.core.model_spec import ModelSpec
from shared.fakes.clock import FakeClock
from shared.fakes.health import MemoryHealth, MemoryHealthStore
from shared.models.breaker import RULES, scatter
from shared.ports.health import Health, Report, Standing
from tests.contract.llm.specs import LLAMA, LUNA, SOL
from tests.stores import Stores

SPECS = (LUNA, SOL, LLAMA)
LONGEST = max(RULES.longest * 1.2, RULES.longest_wait, RULES.probe) / 1000
OUTCOMES = st.sampled_from(
    [
        ("", None, False),
        ("", None, False),
        ("provider_overloaded", None, False),
        ("provider_overloaded", None, True),
        ("provider_timeout", None, False),
        ("provider_cut", None, False),
        ("provider_throttled", None, False),
        ("provider_throttled", 3.5, False),
        ("provider_throttled", 900.0, False),
        ("provider_unauthorised", None, False),
        ("content_refused", None, False),
        ("caller_left", None, False),
    ]
)
WHERE, WHICH = st.integers(0, 1), st.sampled_from([0, 0, 1, 2])
ACT = st.one_of(
    st.tuples(st.just("report"), WHERE, WHICH, OUTCOMES),
    st.tuples(st.just("break"), WHERE, WHICH, st.none()),
    st.tuples(st.sampled_from(["busy", "draining", "sick"]), WHERE, WHICH, st.none()),
    st.tuples(st.just("probe"), WHERE, WHICH, st.none()),
    st.tuples(st.just("due"), st.just(0), WHICH, st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1, 6, 31, 76]), st.integers(0, 999), st.none()),
)
PROBED = (
    st.tuples(  # histories that chance alone would seldom write: broken, probed, sometimes twice, and told of
        st.tuples(st.just("break"), WHERE, WHICH, st.none()),
        st.tuples(st.just("due"), st.just(0), st.just(0), st.none()),
        st.tuples(st.just("probe"), st.just(0), st.just(0), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0, 76]), st.integers(0, 999), st.none()),
        st.tuples(st.just("probe"), st.just(1), st.just(0), st.none()),
        st.tuples(st.just("report"), WHERE, st.just(0), OUTCOMES),
        st.tuples(st.just("probe"), WHERE, st.just(0), st.none()),
    )
)
ACTS = st.lists(ACT.map(lambda act: (act,)) | PROBED, max_size=16).map(
    lambda parts: [act for part in parts for act in part]
)
Act = tuple[str, int, int, tuple[str, float | None, bool] | None]


async def play(containers: Sequence[Health], clock: FakeClock, acts: Sequence[Act]) -> list[object]:
    """Do all that; what could be seen after each act."""
    answers: list[object] = []
    for act, first, second, outcome in acts:
        spec = SPECS[second % 3]
        if act == "wait":
            clock.pass_(first + second / 1000)
        elif act == "probe":
            answers.append(await containers[first].probe(spec))
        elif act == "due":
            until = containers[0].standing(spec).until
            clock.pass_(max((until - clock.now()).total_seconds(), 0) if until else 0)
        elif act == "busy":
            containers[first].report(Report(spec.name, spec.provider, pool=act))
        elif act in ("draining", "sick"):
            containers[first].report(Report(spec.name, spec.provider, "provider_overloaded", pool=act))
        elif act == "break":
            for _ in range(RULES.in_a_row):
                containers[first].report(Report(spec.name, spec.provider, "provider_overloaded"))
        elif outcome is not None:
            fault, retry_after, unreachable = outcome
            made = Report(spec.name, spec.provider, fault, retry_after, 100 * second, unreachable=unreachable)
            containers[first].report(made)
        for container in (*containers, *containers):  # tell, then see
            if isinstance(container, RedisHealth):
                assert await container.exchange()
        answers.append([stands(container) for container in containers])
    answers.append(await containers[0].table())
    return answers


def stands(health: Health) -> list[tuple[object, ...]]:
    """What matters now; the figures of a picture may be five seconds old."""
    found = [health.standing(spec) for spec in SPECS]
    return [(standing.state, standing.until, standing.why) for standing in found]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
async def test_redis_and_memory_agree(stores: Stores, acts: list[Act]) -> None:
    """The rules in Lua are the rules in Python: any history over two containers looks the same."""
    one, other, ids = FakeClock(), FakeClock(), RandomIds()
    scope = f"health-{ids.uuid()}"
    in_redis = [RedisHealth(stores.redis, one, ids, scope) for _ in range(2)]
    store = MemoryHealthStore()
    in_memory = [MemoryHealth(other, store) for _ in range(2)]
    try:
        assert await play(in_redis, one, acts) == await play(in_memory, other, acts)
    finally:
        for health in in_redis:
            await health.close()
        await in_redis[0].forget()


def _memory(count: int) -> tuple[list[MemoryHealth], FakeClock]:
    clock, store = FakeClock(), MemoryHealthStore()
    return [MemoryHealth(clock, store) for _ in range(count)], clock


@settings(deadline=None)
@given(acts=ACTS)
async def test_nothing_is_open_for_ever(acts: list[Act]) -> None:
    """Whatever happened: after the longest wait anybody may probe, and a success closes it."""
    containers, clock = _memory(3)
    await play(containers, clock, acts)
    for spec in SPECS:
        clock.pass_(LONGEST)
        if containers[1].standing(spec).state != "closed":
            assert await containers[1].probe(spec)
            containers[1].report(Report(spec.name, spec.provider))
        assert [container.standing(spec).state for container in containers] == ["closed"] * 3


@settings(deadline=None)
@given(acts=ACTS, asked=st.lists(st.integers(0, 2), min_size=2, max_size=12))
async def test_one_probe_an_opening(acts: list[Act], asked: list[int]) -> None:
    """However many containers ask, in whatever order, until that one is reported on or has lapsed."""
    containers, clock = _memory(3)
    await play(containers, clock, acts)
    clock.pass_(LONGEST)
    for spec in SPECS:
        if containers[0].standing(spec).state == "closed":
            continue
        given = [await containers[number].probe(spec) for number in asked]
        assert sum(given) == 1
        assert given[0]
        clock.pass_(RULES.probe / 1000 - 1)
        assert not any([await container.probe(spec) for container in containers])
        containers[asked[0]].report(Report(spec.name, spec.provider))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    legs=st.lists(st.tuples(st.sampled_from(SPECS), OUTCOMES, st.integers(0, 9_000)), max_size=40),
    chance=st.randoms(use_true_random=False),
)
async def test_counts_do_not_hang_on_the_order(
    stores: Stores,
    legs: list[tuple[ModelSpec, tuple[str, float | None, bool], int]],
    chance: object,
) -> None:
    """Any interleaving of reports over containers, told in any batches, gives the same figures."""
    reports = [
        Report(spec.name, spec.provider, fault, retry_after, ms, unreachable=unreachable)
        for spec, (fault, retry_after, unreachable), ms in legs
    ]
    shuffled = list(reports)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    clock, ids = FakeClock(), RandomIds()
    scope = f"health-{ids.uuid()}"
    in_redis = [RedisHealth(stores.redis, clock, ids, scope) for _ in range(3)]
    try:
        for number, one in enumerate(shuffled):
            in_redis[number % 3].report(one)
            if number % 7 == 0:
                await in_redis[number % 2].exchange()
        for health in in_redis:
            await health.exchange()
        (memory,), _ = _memory(1)
        for one in reports:
            memory.report(one)
        assert figures(await in_redis[2].table()) == figures(await memory.table())
    finally:
        for health in in_redis:
            await health.close()
        await in_redis[0].forget()


def figures(table: object) -> dict[str, tuple[object, ...]]:
    """The figures alone: which fault came third does hang on the order."""
    assert isinstance(table, dict)
    rows: dict[str, Standing] = table
    return {
        name: (row.first_token_p50_ms, row.first_token_p95_ms, row.calls, row.failures)
        for name, row in rows.items()
    }


@given(now=st.integers(0, 2**45))
def test_scatter_is_a_fifth_at_most(now: int) -> None:
    """And moves on with every millisecond."""
    assert 0.8 <= scatter(now) <= 1.2
    assert scatter(now) != scatter(now + 1)
