"""`chatsmart keys create`: limits as people write them."""

import pytest

from infra.cli.keys import limits
from infra.cli.trouble import Trouble


def test_caps_are_read_as_dollars() -> None:
    """To the millionth; what is left out is no limit."""
    assert limits("25", "0.5", "$0.000001", 7, None) == {
        "month_micros": 25_000_000,
        "day_micros": 500_000,
        "run_micros": 1,
        "requests_per_minute": 7,
    }
    assert limits(None, None, None, None, None) == {}


@pytest.mark.parametrize("text", ["", "much", "-1", "0.0000001", "nan", "inf", "1e999999", "1000000001"])
def test_a_cap_that_is_no_sum_is_refused(text: str) -> None:
    """As wrong usage, naming the option."""
    with pytest.raises(Trouble, match="--day-cap") as refused:
        limits(None, text, None, None, None)
    assert refused.value.code == 2
