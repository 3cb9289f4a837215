"""Laws of money: no call costs more than what was held for it, and whole prices add up to the micro-dollar."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.core.model_spec import ModelSpec
from shared.core.usage import Usage
from shared.models.catalogue import MODELS

DAYS = st.integers(0, 200).map(lambda days: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days))
MODEL = st.sampled_from(MODELS)

PART_6: dict[str, tuple[int | str, int | str, int | str]] = {
    "gpt-6.1-sol": (2, 10, "0.10"),
    "gpt-6.1-terra": (1, 5, "0.05"),
    "gpt-6-luna": ("0.10", "0.50", "0.01"),
    "claude-opus-5-5": (4, 20, "0.20"),
    "claude-sonnet-5-5": (2, 10, "0.10"),
    "claude-haiku-5-5": ("0.10", "0.50", "0.01"),
    "gemini-4-argon": (2, 10, "0.10"),
    "gemini-3.8-flash": ("0.75", "3.75", "0.075"),
    "gemini-3.5-flash-lite": ("0.30", "2.50", "0.03"),
    "sonar-pro": (3, 15, 3),
    "sonar": (1, 1, 1),
}
"""Input, output and cached input in dollars a million tokens on 2026-11-21: the research's line-up."""


@given(spec=MODEL, at=DAYS, read=st.integers(0, 400_000), wrote=st.integers(0, 60_000), data=st.data())
def test_no_call_costs_more_than_its_worst_case(
    spec: ModelSpec, at: datetime, read: int, wrote: int, data: st.DataObject
) -> None:
    """Whatever of it was cached, stored or thought, on either side of a cliff, on any day."""
    used = data.draw(st.integers(0, read))
    cached = data.draw(st.integers(0, used))
    stored = data.draw(st.integers(0, used - cached))
    output = data.draw(st.integers(0, wrote))
    usage = Usage(input=used, cache_read=cached, cache_write=stored, output=output)
    assert spec.cost(usage, at) <= spec.worst_case(read, wrote, at)


@given(spec=MODEL, at=DAYS, read=st.integers(0, 400_000), wrote=st.integers(0, 60_000))
def test_more_tokens_never_cost_less(spec: ModelSpec, at: datetime, read: int, wrote: int) -> None:
    """A worst case for more covers less."""
    assert spec.worst_case(read, wrote, at) <= spec.worst_case(read + 1, wrote + 1, at)


def test_base_rates_are_those_of_the_line_up() -> None:
    """An independent table, by hand: a slip in the catalogue shows."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    for spec in MODELS:
        if spec.name in PART_6:
            price = spec.price(at)
            wanted = tuple(Decimal(value) for value in PART_6[spec.name])
            assert (price.input, price.output, price.cache_read) == wanted, spec.name
    assert len(MODELS) == 12
    assert len({spec.provider for spec in MODELS}) == 5
