"""What a token of the pool costs."""

import math
from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu.cost import (
    NotMeasured,
    Seconds,
    Throughput,
    bill,
    break_even,
    cold_request,
    per_million,
    rate,
    shares,
)
from gpu.kinds import KINDS
from gpu.metrics import PoolMetrics
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.models.catalogue import LLAMA_GPU

L4 = KINDS["L4"]
PACE = Throughput(D(4000), D(400))


def test_the_published_anchors_come_out() -> None:
    """An L4 at 1,400 tokens a second: 0.159 dollars a million for the card when it never rests, 0.19 with the machine
    around it, ten times that at a tenth; against a hosted model at 0.20 it pays from 95% busy."""
    assert round(per_million(L4, D(1400)), 2) == D("0.19")
    assert round(L4.usd_per_second / 1400 * 10**6, 3) == D("0.159")
    assert round(per_million(L4, D(1400), D("0.1")), 1) == D("1.9")
    assert D("0.94") < break_even(L4, D(1400), D("0.20")) < D("0.96")


def test_loading_and_resting_are_paid_like_work() -> None:
    """Ten seconds of work after a minute of loading and before five of rest cost 370 seconds."""
    a_second = 222 + 2 * D("13.1") + 8 * D("2.22")
    assert bill(L4, Seconds(D(60), D(10), D(300))) == math.ceil(370 * a_second) == 98_406
    assert cold_request(L4, D(60), 300, D(10)) == 98_406
    assert Seconds(D(60), D(10), D(300)).share == D(10) / D(370)


def test_a_pair_of_cards_costs_twice() -> None:
    """A replica's price is that of all of its cards, and of the machine that they need."""
    one, two = KINDS["H100"], KINDS["H100:2"]
    assert two.replica_usd_per_second > 2 * one.usd_per_second
    assert two.replica_usd_per_second < 2 * one.replica_usd_per_second


def test_the_catalogue_prices_a_whole_replica() -> None:
    """An hour of the estimate is an hour of an L40S with all that stands beside the card."""
    hour = KINDS["L40S"].replica_usd_per_second * 3600
    assert abs(LLAMA_GPU.dollars_per_hour - hour) < D("0.0001")


def test_the_rate_is_what_the_catalogue_prices_by() -> None:
    """Tokens at the rate's price cost what the seconds cost in which they were made."""
    seconds = Seconds(D(0), D(3600), D(3600))
    price = rate(L4, PACE, seconds).price()
    made = Usage(input=4000 * 1800, output=400 * 1800)
    assert price.dollars(made) == pytest.approx(D(bill(L4, seconds)) / 10**6, rel=D("0.001"))


def test_pace_is_read_from_the_metrics() -> None:
    """Cached prompt tokens are not read; busy seconds divide as prefill and decode do."""
    before = PoolMetrics(
        prompt_tokens=100, prefix_hits=50, generation_tokens=10, prefill_seconds=1, decode_seconds=1
    )
    after = PoolMetrics(
        prompt_tokens=5100, prefix_hits=1050, generation_tokens=2010, prefill_seconds=21, decode_seconds=81
    )
    assert Throughput.measured(before, after, D(50)) == Throughput(D(400), D(50))


@pytest.mark.parametrize(
    "missing", ["prompt_tokens", "generation_tokens", "prefill_seconds", "decode_seconds"]
)
def test_what_was_not_measured_has_no_price(missing: str) -> None:
    """A while in which nothing was read or written gives no pace, and never one of 0 dollars."""
    after = PoolMetrics(prompt_tokens=10, generation_tokens=10, prefill_seconds=1, decode_seconds=1)
    with pytest.raises(NotMeasured):
        Throughput.measured(PoolMetrics(), replace(after, **{missing: 0}), D(1))
    with pytest.raises(NotMeasured):
        rate(L4, PACE, Seconds(D(60), D(0), D(0)))
    with pytest.raises(NotMeasured):
        _ = Seconds(D(0), D(0), D(0)).share


@given(
    total=st.integers(0, 10**9),
    requests=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 5_000)), min_size=1, max_size=30),
)
def test_a_divided_bill_adds_up(total: int, requests: list[tuple[int, int]]) -> None:
    """To the micro-dollar, nobody's share negative; more tokens never cost less."""
    if not any(map(any, requests)):
        with pytest.raises(NotMeasured):
            shares(Micros(total), PACE, tuple(requests))
        return
    parts = shares(Micros(total), PACE, tuple(requests))
    assert sum(parts) == total
    assert min(parts) >= 0
    most = max(range(len(requests)), key=lambda at: requests[at][0] / 4000 + requests[at][1] / 400)
    assert parts[most] >= max(parts) - len(parts)
