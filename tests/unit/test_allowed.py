"""Which models a tenant's policy allows."""

import pytest

from shared.core.faults import Forbidden
from shared.core.rules import NO_RULES, Rules
from shared.guard.allowed import allowed, permitted, why_not
from shared.models.catalogue import FLASH, GPT_LUNA, HAIKU, LLAMA, MODELS, SONAR, Catalogue, placed

FEW = (GPT_LUNA, HAIKU, SONAR, LLAMA)


def names(*values: str) -> frozenset[str]:
    return frozenset(values)


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (NO_RULES, FEW),
        (Rules(providers=names("anthropic", "llama")), (HAIKU, LLAMA)),
        (Rules(models=names("gpt-6-luna", "sonar")), (GPT_LUNA, SONAR)),
        (Rules(regions=names("own")), (LLAMA,)),
        (Rules(regions=names("own", "us")), (SONAR, LLAMA)),
        (Rules(regions=names("own", "us", "eu", "global")), FEW),
        (Rules(providers=names("openai"), models=names("sonar")), ()),
        (Rules(providers=names()), ()),
    ],
)
def test_what_is_left_keeps_its_order(rules: Rules, left: tuple[object, ...]) -> None:
    """Each of the three lists must allow a model; one that is not set allows all."""
    assert allowed(rules, FEW) == left
    assert [not why_not(rules, spec) for spec in FEW] == [spec in left for spec in FEW]


def test_a_region_must_be_allowed_wherever_a_call_may_go() -> None:
    """A provider that may process a call here or there is out where one of both is not allowed."""
    (both,) = placed((GPT_LUNA,), {"openai": names("us", "eu")})
    assert allowed(Rules(regions=names("eu")), (both,)) == ()
    assert allowed(Rules(regions=names("eu", "us")), (both,)) == (both,)
    assert placed((HAIKU,), {"openai": names("eu")}) == (HAIKU,)


def test_every_model_says_where_it_is() -> None:
    """And only the house's own are its own."""
    assert all(spec.regions for spec in MODELS)
    assert {spec.provider for spec in MODELS if "own" in spec.regions} == {"llama"}


def test_the_same_candidates_give_the_same_tuple() -> None:
    """The router keeps what it works out by identity; two policies do not share it."""
    candidates = Catalogue().candidates("auto")
    first = allowed(Rules(1, providers=names("openai")), candidates)
    assert allowed(Rules(2, providers=names("openai")), candidates) is first
    assert allowed(Rules(2, providers=names("anthropic")), candidates) != first
    assert allowed(NO_RULES, candidates) is candidates
    assert allowed(Rules(providers=names("openai", "anthropic", "gemini", "llama")), candidates) is candidates


def test_a_list_is_looked_at_each_time() -> None:
    """It may hold others by then."""
    rules, open_list = Rules(providers=names("openai")), [GPT_LUNA]
    assert allowed(rules, open_list) == (GPT_LUNA,)
    open_list[0] = HAIKU
    assert allowed(rules, open_list) == ()


def test_a_refusal_names_the_policy_and_the_reason() -> None:
    """A model by its name, a choice or a step by what was asked; where nothing was asked for nothing is refused."""
    rules = Rules(7, providers=names("gemini"))
    with pytest.raises(
        Forbidden, match=r"policy \(version 7\) does not allow the model 'gpt-6-luna'.*gemini"
    ) as named:
        permitted(rules, (GPT_LUNA,), "gpt-6-luna")
    assert named.value.param == "model"
    with pytest.raises(
        Forbidden, match=r"allows no model for step 'draft'; of 'gpt-6-luna': its provider"
    ) as step:
        permitted(rules, (GPT_LUNA, HAIKU), "step 'draft'")
    assert step.value.param is None
    with pytest.raises(Forbidden, match="may be processed in us, and the regions allowed are eu"):
        permitted(Rules(regions=names("eu")), (SONAR,), "sonar")
    assert permitted(rules, (GPT_LUNA, FLASH), "auto") == (FLASH,)
    assert permitted(rules, (), "step 'ask'") == ()
