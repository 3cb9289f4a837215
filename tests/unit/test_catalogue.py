"""What models cost and when, and who may answer for a name."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.faults import UnknownModel
from shared.core.model_spec import ModelSpec, Price
from shared.core.usage import NO_USAGE, Usage
from shared.models.catalogue import ARGON, FLASH, GPT_SOL, HAIKU, MODELS, SONAR_PRO, Catalogue

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOKENS = st.integers(0, 400_000)


def test_prices_change_on_their_day() -> None:
    """A call is priced at its own moment: the last second of the old price, the first of the new one."""
    used = Usage(input=1_000_000, output=100_000)
    assert ARGON.cost(used, datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)) == 3_000_000
    assert ARGON.cost(used, datetime(2026, 12, 1, tzinfo=UTC)) == 6_000_000
    assert FLASH.cost(used, datetime(2027, 1, 1, tzinfo=UTC)) == 2 * FLASH.cost(used, NOW)


def test_a_long_prompt_falls_off_the_cliff() -> None:
    """Past the threshold every token of the call costs more, not only those beyond it."""
    assert HAIKU.cost(Usage(input=100_000), NOW) == 10_000
    assert HAIKU.cost(Usage(input=100_001), NOW) == 50_001
    assert GPT_SOL.cost(Usage(input=272_001, output=1_000), NOW) == 1_088_004 + 15_000


def test_cached_tokens_have_their_own_prices() -> None:
    """Read from the cache is cheaper than fresh, written to it dearer."""
    assert GPT_SOL.cost(Usage(input=1_000_000), NOW) == 4_000_000
    small = Usage(input=100_000, cache_read=40_000, cache_write=50_000)
    assert GPT_SOL.cost(small, NOW) == 20_000 + 4_000 + 125_000


def test_a_search_model_charges_for_the_request() -> None:
    """The fee comes on top; where the provider says what it charged, that is booked."""
    assert SONAR_PRO.cost(Usage(input=1_000, output=1_000), NOW) == 6_000 + 3_000 + 15_000
    assert SONAR_PRO.cost(Usage(input=1_000, reported_cost_micros=77), NOW) == 77


def test_a_model_without_a_price_cannot_be_written_down() -> None:
    """And one whose prices have run out is unpriced, not free."""
    with pytest.raises(ValueError, match="no price"):
        ModelSpec("free", "openai", "openai-chat", "free", 1, 1, ())
    ended = Price(Decimal(1), Decimal(1), Decimal(1), Decimal(1), until=NOW)
    with pytest.raises(LookupError):
        ModelSpec("old", "openai", "openai-chat", "old", 1, 1, (ended,)).cost(Usage(), NOW)


@given(st.sampled_from(MODELS), TOKENS, TOKENS, st.floats(0, 1), st.floats(0, 1))
def test_nothing_costs_more_than_its_worst_case(
    spec: ModelSpec, read: int, wrote: int, cached: float, stored: float
) -> None:
    """Whatever share of the prompt comes from the cache or goes into it."""
    from_cache = int(read * cached)
    into_cache = int((read - from_cache) * stored)
    used = Usage(input=read, cache_read=from_cache, cache_write=into_cache, output=wrote)
    assert spec.cost(used, NOW) <= spec.worst_case(read, wrote, NOW)


USAGES = st.builds(
    Usage,
    input=TOKENS,
    output=TOKENS,
    cache_read=TOKENS,
    provenance=st.sampled_from(["provider", "estimated", "absent"]),
)


@given(USAGES, USAGES, USAGES)
def test_usage_adds_up(a: Usage, b: Usage, c: Usage) -> None:
    """In any order and grouping, with a zero; one estimate among them makes the sum an estimate."""
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + NO_USAGE == a == NO_USAGE + a
    assert ((a + b).provenance == "provider") == (a.provenance == b.provenance == "provider")


def test_a_choice_has_fallbacks_and_a_name_stands_alone() -> None:
    """`auto` goes to several providers; a model that was asked for by name is that model or an error."""
    catalogue = Catalogue()
    for name in ("auto", "auto:cheap", "auto:best"):
        assert len({spec.provider for spec in catalogue.ladder(name)}) >= 3
    assert [spec.name for spec in catalogue.ladder("gpt-6-luna")] == ["gpt-6-luna"]
    with pytest.raises(UnknownModel):
        catalogue.ladder("gpt-99")


def test_twelve_models_from_five_providers() -> None:
    """The line-up; every name once."""
    assert len({spec.name for spec in MODELS}) == len(MODELS) == 12
    assert len({spec.provider for spec in MODELS}) == 5
