"""Budgets compose by laws, and a purse never passes its cap."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.faults import OverBudget
from shared.core.usage import Usage
from shared.fakes.models import says
from shared.models.catalogue import MODELS
from shared.runtime.budget import ANY, ZERO, Budget, Hold, Purse, dearest
from shared.runtime.run import replay, run
from tests.unit.runtime_kit import BOOK, GIVEN, HEADINGS, Home, flaky, script

AMOUNT = st.none() | st.integers(0, 10**9)
# Quarters of a second add exactly; the laws are about budgets, not about rounding.
SECONDS = st.none() | st.integers(0, 10**6).map(lambda n: n / 4)
BUDGET = st.builds(Budget, AMOUNT, AMOUNT, SECONDS)
LANES = st.integers(0, 50)


@given(BUDGET, BUDGET, BUDGET)
def test_sequence_and_parallel_are_commutative_monoids(a: Budget, b: Budget, c: Budget) -> None:
    """Order and grouping don't matter, and nothing added changes nothing."""
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a | b == b | a
    assert (a | b) | c == a | (b | c)
    assert a + ZERO == a == a | ZERO


@given(BUDGET, BUDGET)
def test_side_by_side_never_takes_more(a: Budget, b: Budget) -> None:
    """Two at once need no more than two in sequence, and no less than either."""
    assert a | b <= a + b
    assert a <= a | b


@given(BUDGET, BUDGET, BUDGET)
def test_tightening_is_a_meet(a: Budget, b: Budget, c: Budget) -> None:
    """The tighter of two caps: idempotent, commutative, associative, below both; no limit is its unit."""
    assert a & a == a
    assert a & b == b & a
    assert (a & b) & c == a & (b & c)
    assert a & b <= a
    assert a & ANY == a
    assert (a <= b) == (a & b == a)


@given(BUDGET, BUDGET, LANES, LANES)
def test_lanes_distribute(a: Budget, b: Budget, n: int, m: int) -> None:
    """A fan-out of a sum is the sum of the fan-outs; lanes add up side by side; one lane is the thing itself."""
    assert (a + b) * n == a * n + b * n
    assert (a | b) * n == a * n | b * n
    assert a * (n + m) == a * n | a * m
    assert a * 1 == a
    assert a * 0 == ZERO


@pytest.mark.parametrize("bad", [-1, float("inf"), float("nan")])
def test_a_budget_is_an_amount(bad: float) -> None:
    """Nothing negative, endless or without a value is a budget."""
    with pytest.raises(ValueError, match="from 0 up"):
        Budget(seconds=bad)


@given(st.sampled_from(MODELS), st.integers(0, 2_000_000), st.floats(0, 1), st.floats(0, 1))
def test_no_call_of_so_many_tokens_costs_more(spec: Any, tokens: int, share: float, cached: float) -> None:
    """The dearest use of a number of tokens bounds every other use of them, across price cliffs."""
    read = int(tokens * share)
    usage = Usage(input=read, cache_write=int(read * cached), output=tokens - read)
    fees = max(price.request for price in spec.prices) * 1_000_000
    for price in spec.prices:
        assert price.dollars(usage) * 1_000_000 <= dearest((spec,), tokens) + fees


ACTS = st.lists(
    st.tuples(st.sampled_from("rsx"), st.integers(0, 3), st.integers(0, 400), st.integers(0, 600))
)


@given(ACTS, st.integers(0, 1000), st.integers(0, 1000))
def test_spent_and_held_never_pass_the_cap(
    acts: list[tuple[str, int, int, int]], run_cap: int, step_cap: int
) -> None:
    """Under any order of reservations, settlements (overruns among them) and releases, in every purse."""
    whole = Purse("the run", Budget(micros=run_cap, tokens=700))
    steps = [Purse(f"step {n}", Budget(micros=step_cap), whole) for n in range(4)]
    holds: list[Hold] = []
    for act, which, amount, cost in acts:
        if act == "r":
            before = [(p.spent, p.held) for p in (whole, *steps)]
            try:
                holds.append(steps[which].reserve(amount, amount // 2))
            except OverBudget:
                assert before == [(p.spent, p.held) for p in (whole, *steps)]
        elif holds:
            hold = holds.pop(which % len(holds))
            hold.settle(cost, cost // 2) if act == "s" else hold.release()
            hold.settle(10**6, 10**6)  # a second end changes nothing
        for purse in (whole, *steps):
            assert purse.cap.micros is not None
            assert purse.spent + purse.held <= purse.cap.micros
            assert min(purse.held, purse.held_tokens) >= 0
        assert whole.held == sum(purse.held for purse in steps)


def test_a_refusal_names_the_cap_and_what_would_fit() -> None:
    """The step's own cap, or the run's, whichever refuses."""
    whole = Purse("the run", Budget(micros=900))
    step = Purse("step draft", Budget(micros=2000, tokens=100), whole)
    step.reserve(500, 10)
    with pytest.raises(OverBudget, match=r"up to \$0\.0005, but the run has \$0\.0004 left of its \$0\.0009"):
        step.reserve(500, 10)
    with pytest.raises(OverBudget, match="up to 95 tokens, but step draft has 90 tokens left of its 100"):
        step.reserve(10, 95)


@settings(max_examples=1000, deadline=None)
@given(turns=st.lists(st.integers(0, 4), max_size=12), lag=st.integers(0, 3))
def test_any_schedule_gives_one_output(turns: list[int], lag: int) -> None:
    """Output, cost and what was asked don't depend on who was faster."""

    async def scene() -> None:
        home = Home(turns=turns, lag=lag)
        view = await run(BOOK, GIVEN, home.context())
        assert view.output.parts == ("Polished better",) * len(HEADINGS)
        assert view.output.notes == "Bees dance."
        assert [step.name for step in view.steps] == [
            "research", "outline", "draft[0]", "draft[1]", "draft[2]", "aside"
        ]  # fmt: skip
        assert view.cost == sum(step.cost for step in view.steps) == 2820
        assert sorted(home.models.sent) == sorted(["claude-sonnet-5-5"] * 7 + ["claude-haiku-5-5"])

    asyncio.run(scene())


@settings(max_examples=300, deadline=None)
@given(turns=st.lists(st.integers(0, 4), max_size=8), cap=st.integers(0, 60_000), faults=st.booleans())
def test_no_schedule_passes_the_cap(turns: list[int], cap: int, faults: bool) -> None:
    """However tight the cap and whoever comes first: what was paid stays within it, what did not fit was never sent,
    and the log replays."""

    async def scene() -> None:
        home = Home(rules=flaky() if faults else script(says("draft two", "x " * 40)), turns=turns, cap=cap)
        view = await run(BOOK, GIVEN, home.context())
        assert view.cost <= cap
        assert view.overrun == 0
        assert view.fault is None or isinstance(view.fault, OverBudget)
        assert (await replay(BOOK, await home.tape())).wire() == home.wire

    asyncio.run(scene())
