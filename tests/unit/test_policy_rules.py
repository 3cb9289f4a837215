"""A policy's rules as JSON, and who may loosen them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.faults import BadRequest, UnreadablePolicy
from shared.core.rules import DATA_CLASSES, EVERYTHING, NO_RULES, REDACTABLE, OutputRules, Rules
from shared.core.rules_json import PARTS, as_json, read, stored, with_parts
from shared.guard.redact.engine import ALL
from shared.tenancy.loosening import loosened

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).map(
    str.strip
)
_NAMES = st.none() | st.frozensets(_WORDS.filter(bool), min_size=1, max_size=4)
_TYPES = st.just(EVERYTHING) | st.frozensets(st.sampled_from(sorted(REDACTABLE)))
RULES = st.builds(
    Rules,
    version=st.integers(1, 10**9),
    providers=_NAMES,
    regions=_NAMES,
    models=_NAMES,
    redact=_TYPES,
    cache=st.sampled_from(["off", "exact", "near"]),
    cache_seconds=st.integers(1, 31_536_000),
    bodies=st.booleans(),
    when_refused=_WORDS,
    when_over_budget=_WORDS,
    output=st.builds(
        OutputRules,
        st.lists(_WORDS.filter(bool), unique=True, max_size=4).map(tuple),
        _TYPES,
        st.sampled_from(["refuse", "mask"]),
    ),
    retention=st.dictionaries(st.sampled_from(sorted(DATA_CLASSES)), st.integers(1, 36_500)),
    legal_hold=st.booleans(),
)


@given(RULES)
def test_what_is_stored_is_read_again(rules: Rules) -> None:
    """Every field, to the version; and what the API shows can be put back."""
    again = read(rules.version, stored(rules))
    assert again == rules
    assert again.digest == rules.digest
    shown = orjson.loads(orjson.dumps(as_json(rules)))
    assert with_parts(Rules(version=rules.version), shown) == rules


def test_each_part_is_shown_and_taken() -> None:
    """Under the same names."""
    assert set(as_json(NO_RULES)) == set(PARTS)
    assert with_parts(NO_RULES, as_json(NO_RULES)) == NO_RULES


def test_the_types_are_those_that_the_engine_finds() -> None:
    """A policy can't ask for one that nobody looks for."""
    assert REDACTABLE == ALL


@pytest.mark.parametrize(
    ("given_", "field", "value"),
    [
        ({"redact": "*"}, "redact", EVERYTHING),
        ({"redact": ["EMAIL", "*"]}, "redact", EVERYTHING),
        ({"redact": []}, "redact", frozenset()),
        ({"models": {"providers": ["llama"]}}, "providers", frozenset({"llama"})),
        ({"models": {}}, "providers", None),
        ({"cache": {"tier": "off"}}, "cache", "off"),
        ({"cache": {}}, "cache_seconds", 86_400),
        ({"output": {"phrases": [" a ", "a", "b"]}}, "output", OutputRules(("a", "b"))),
        ({"retention": {}}, "retention", {}),
    ],
)
def test_a_part_is_replaced_as_a_whole(given_: dict[str, Any], field: str, value: object) -> None:
    """What it leaves out is the default again; other parts stay."""
    before = Rules(4, frozenset({"openai"}), cache_seconds=5, legal_hold=True, retention={"bodies": 3})
    after = with_parts(before, given_)
    assert getattr(after, field) == value
    assert after.legal_hold
    assert after.version == 4


BAD: list[tuple[dict[str, Any], str]] = [
    ({"moods": 1}, "moods"),
    ({"models": []}, "models"),
    ({"models": {"planets": []}}, "models.planets"),
    ({"models": {"providers": "openai"}}, "models.providers"),
    ({"models": {"providers": []}}, "models.providers"),
    ({"models": {"models": [""]}}, "models.models"),
    ({"models": {"regions": [5]}}, "models.regions"),
    ({"models": {"regions": ["x" * 101]}}, "models.regions"),
    ({"redact": None}, "redact"),
    ({"redact": ["EMAILS"]}, "redact"),
    ({"redact": "EMAIL"}, "redact"),
    ({"cache": {"tier": "far"}}, "cache.tier"),
    ({"cache": {"tier": ["off"]}}, "cache.tier"),
    ({"cache": {"seconds": 0}}, "cache.seconds"),
    ({"cache": {"seconds": True}}, "cache.seconds"),
    ({"cache": {"seconds": 1.5}}, "cache.seconds"),
    ({"cache": {"seconds": 10**12}}, "cache.seconds"),
    ({"log": {"bodies": "no"}}, "log.bodies"),
    ({"log": True}, "log"),
    ({"fallback": {"when_refused": None}}, "fallback.when_refused"),
    ({"fallback": {"when_bored": ""}}, "fallback.when_bored"),
    ({"fallback": {"when_over_budget": "x" * 4_001}}, "fallback.when_over_budget"),
    ({"fallback": {"when_refused": "a\x00b"}}, "fallback.when_refused"),
    ({"fallback": {"when_refused": "\ud800"}}, "fallback.when_refused"),
    ({"output": {"phrases": ["  "]}}, "output.phrases"),
    ({"output": {"phrases": ["x" * 201]}}, "output.phrases"),
    ({"output": {"phrases": ["x"] * 501}}, "output.phrases"),
    ({"output": {"phrases": "x"}}, "output.phrases"),
    ({"output": {"types": ["SOUL"]}}, "output.types"),
    ({"output": {"then": "shout"}}, "output.then"),
    ({"retention": {"dreams": 5}}, "retention.dreams"),
    ({"retention": {"bodies": 0}}, "retention.bodies"),
    ({"retention": {"bodies": None}}, "retention.bodies"),
    ({"retention": {"bodies": 10**6}}, "retention.bodies"),
    ({"legal_hold": "yes"}, "legal_hold"),
    ({"legal_hold": None}, "legal_hold"),
]


@pytest.mark.parametrize(("part", "param"), BAD)
def test_what_cannot_be_is_refused_by_name(part: dict[str, Any], param: str) -> None:
    """From a caller as a bad request; from the store as a policy that can't be obeyed."""
    with pytest.raises(BadRequest) as refused:
        with_parts(NO_RULES, part)
    assert refused.value.param == param
    assert f"'{param.partition('.')[0]}" in refused.value.message
    try:
        text = orjson.dumps(part)
    except TypeError:
        return  # half of a surrogate pair can't come out of a store
    with pytest.raises(UnreadablePolicy):
        read(3, text)


def test_an_unknown_name_is_told_those_that_there_are() -> None:
    """Types and classes of data."""
    with pytest.raises(BadRequest, match=r"'EMAILS', which is no type; there are: \*, CARD, .*EMAIL"):
        with_parts(NO_RULES, {"redact": ["EMAILS"]})
    with pytest.raises(BadRequest, match=r"'retention.dreams' is unknown; there are: bodies, .*vault"):
        with_parts(NO_RULES, {"retention": {"dreams": 1}})


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "5", '"x"', "null"])
def test_what_is_no_policy_is_not_read(text: str) -> None:
    """As no policy at all it would allow everything."""
    with pytest.raises(UnreadablePolicy):
        read(1, text)


STRICT = Rules(
    providers=frozenset({"openai", "llama"}),
    redact=frozenset({"EMAIL"}),
    output=OutputRules(("a",), frozenset({"SECRET"})),
    retention={"bodies": 30},
    legal_hold=True,
)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"models": {}}, "models.providers"),
        ({"models": {"providers": ["gemini"]}}, "models.providers"),
        ({"models": {"providers": ["openai", "llama", "gemini"]}}, "models.providers"),
        ({"models": {"providers": ["openai"]}}, ""),
        ({"models": {"providers": ["openai"], "regions": ["own"], "models": ["gpt-6-luna"]}}, ""),
        ({"redact": []}, "redact"),
        ({"redact": ["CARD"]}, "redact"),
        ({"redact": ["EMAIL", "CARD"]}, ""),
        ({"redact": "*"}, ""),
        ({"output": {"phrases": ["a"]}}, "output.types"),
        ({"output": {"phrases": ["b"], "types": "*"}}, "output.phrases"),
        ({"output": {"phrases": ["b", "a"], "types": "*"}}, ""),
        ({"output": {"phrases": ["a"], "types": ["SECRET"], "then": "mask"}}, "output.then"),
        ({"log": {"bodies": False}}, "log.bodies"),
        ({"retention": {"bodies": 29}}, "retention"),
        ({"retention": {"bodies": 31}}, "retention"),
        ({"retention": {}}, "retention"),
        ({"legal_hold": False}, "legal_hold"),
        ({"cache": {"tier": "off"}}, ""),
        ({"cache": {"tier": "near", "seconds": 9}}, ""),
        ({"fallback": {"when_refused": "Say why."}}, ""),
    ],
)
def test_what_loosens_a_policy_is_named(part: dict[str, Any], what: str) -> None:
    """And what makes it stricter, or protects nobody, is anybody's."""
    assert loosened(STRICT, with_parts(STRICT, part)) == what


def test_all_types_are_more_than_each_of_them() -> None:
    """A later release finds more: who asked for all asked for those too."""
    each, every = Rules(redact=REDACTABLE), NO_RULES
    assert loosened(every, each) == "redact"
    assert loosened(each, every) == ""


@given(RULES)
def test_nothing_is_looser_than_itself(rules: Rules) -> None:
    """Putting back what was read is anybody's."""
    assert loosened(rules, rules) == ""


def test_a_mask_may_become_a_refusal_and_an_empty_rule_anything() -> None:
    """Refusing is stricter; where nothing is looked for it does not matter."""
    masks = Rules(output=OutputRules(("a",), then="mask"))
    assert loosened(masks, Rules(output=OutputRules(("a",)))) == ""
    assert loosened(NO_RULES, masks) == ""
