"""Schema filling: what is made is what the schema accepts."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.simulator import regex_fill, schema_fill
from infra.simulator.answer import Turn
from infra.simulator.wording import Wording

Json = dict[str, Any]
_NAMES = st.sampled_from(["title", "name", "age", "score", "items", "body", "url", "city", "x", "sections"])


def _fill(schema: Json, text: str = "Tell me about harbour seals", seed: int = 3) -> Any:
    turns = (Turn("user", text),)
    return schema_fill.fill(schema, Wording(turns, seed), seed)


@st.composite
def _strings(draw: st.DrawFn) -> Json:
    least = draw(st.integers(0, 40))
    schema: Json = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = least
    if draw(st.booleans()):
        schema["maxLength"] = least + draw(st.integers(0, 60))
    return schema


@st.composite
def _numbers(draw: st.DrawFn) -> Json:
    low = draw(st.integers(-100, 100))
    schema: Json = {"type": draw(st.sampled_from(["integer", "number"]))}
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + draw(st.integers(3, 50))
    if draw(st.booleans()):
        schema["multipleOf"] = 1
    return schema


def _leaves() -> st.SearchStrategy[Json]:
    fixed = st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"const": 7}, {"enum": ["a", 2, None]}])
    formats = st.sampled_from(["email", "date", "date-time", "uri", "uuid", "ipv4"])
    patterns = st.sampled_from([r"^[A-Z]{3}-\d{2,4}$", r"^(red|green)$", r"^\w+@\w+\.org$", r"\d"])
    return st.one_of(
        _strings(),
        _numbers(),
        fixed,
        st.builds(lambda form: {"type": "string", "format": form}, formats),
        st.builds(lambda pattern: {"type": "string", "pattern": pattern}, patterns),
    )


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    properties = draw(st.dictionaries(_NAMES, inner, max_size=4))
    schema: Json = {"type": "object", "properties": properties}
    if properties:
        schema["required"] = sorted(draw(st.sets(st.sampled_from(sorted(properties)))))
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.sampled_from([False, True, {"type": "integer"}]))
    return schema


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    least = draw(st.integers(0, 3))
    schema: Json = {"type": "array", "items": draw(inner)}
    if draw(st.booleans()):
        schema["minItems"] = least
    if draw(st.booleans()):
        schema["maxItems"] = least + draw(st.integers(0, 3))
    if draw(st.booleans()):
        schema["prefixItems"] = [draw(inner)]
    return schema


def _nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        _objects(inner),
        _arrays(inner),
        st.builds(lambda options: {"anyOf": options}, several),
        st.builds(lambda one: {"anyOf": [one, {"type": "null"}]}, inner),
        st.builds(lambda one: {"allOf": [one]}, inner),
    )


_SCHEMAS = st.recursive(_leaves(), _nested, max_leaves=12)


@given(schema=_SCHEMAS, seed=st.integers(0, 1_000))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_made_is_accepted(schema: Json, seed: int) -> None:
    """For every schema of the kinds that clients send, the value validates and is the same for the same seed."""
    value = _fill(schema, seed=seed)
    assert jsonschema_rs.validator_for(schema).is_valid(value)
    assert _fill(schema, seed=seed) == value


_HARD: list[Json] = [
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
    {
        "type": "object",
        "minProperties": 3,
        "patternProperties": {"^k\\d$": {"type": "integer"}},
        "additionalProperties": False,
    },
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True},
    {"type": "array", "contains": {"const": 5}, "minContains": 2},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"minimum": 3}}},
            {"required": ["a"], "properties": {"a": {"type": "integer"}}},
        ]
    },
    {
        "oneOf": [
            {"type": "object", "properties": {"k": {"const": "x"}}, "required": ["k"]},
            {"type": "string"},
        ]
    },
    {"type": "string", "not": {"maxLength": 60}},
    {"type": ["string", "null"]},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "multipleOf": 0.25, "minimum": 1.1, "maximum": 1.4},
    {"type": "string", "minLength": 300, "maxLength": 301},
    {"type": "object", "propertyNames": {"pattern": "^[a-z]{4}$"}, "minProperties": 2},
    {"if": {"type": "string"}, "then": {"minLength": 5}, "type": "string"},
    {},
]


@pytest.mark.parametrize("schema", _HARD, ids=str)
def test_hard_cases_are_met(schema: Json) -> None:
    """Rules that need search or padding are kept too."""
    assert jsonschema_rs.validator_for(schema).is_valid(_fill(schema))


def test_recursion_ends() -> None:
    """A schema that refers to itself gives a finite value."""
    schema = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["name", "children", "next"],
            }
        },
        "$ref": "#/$defs/node",
    }
    assert jsonschema_rs.validator_for(schema).is_valid(_fill(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 5, "maxLength": 2},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
        {"type": "integer", "minimum": 5, "maximum": 2},
        {"type": "array", "items": {"enum": [1]}, "minItems": 2, "uniqueItems": True},
        {"not": {}},
        {"$ref": "#/$defs/none"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ],
    ids=str,
)
def test_the_impossible_is_said(schema: Json) -> None:
    """A schema that nothing satisfies, or only something absurdly large, raises soon."""
    with pytest.raises(schema_fill.Unfillable):
        _fill(schema)


def test_a_broken_schema_is_named() -> None:
    """What is no schema is told from what is one."""
    assert schema_fill.check({"type": "strange"}) is not None
    assert schema_fill.check({"type": "object"}) is None


def test_values_come_from_the_conversation() -> None:
    """Names, numbers, places, quoted words and enum values are taken from the message where it holds them."""
    person = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    assert _fill(person, "Extract: Jason Liu is 25 years old") == {"name": "Jason Liu", "age": 25}
    trip = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["kelvin", "celsius"]},
            "email": {"type": "string"},
        },
    }
    found = _fill(trip, "How warm is Lagos in celsius? Write to ada@example.net")
    assert found == {"city": "Lagos", "unit": "celsius", "email": "ada@example.net"}


def test_an_article_as_json_reads_as_one() -> None:
    """A schema of a document gets a title on the subject and sections of prose, no field like the next."""
    section = {"type": "object", "properties": {"heading": {"type": "string"}, "body": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "sections": {"type": "array", "items": section}},
    }
    found = _fill(schema, "Write an article about harbour seals")
    assert "Harbour Seals" in found["title"]
    assert len({part["body"] for part in found["sections"]}) == len(found["sections"]) >= 3
    assert all(len(part["body"].split()) > 30 for part in found["sections"])


@given(seed=st.integers(0, 500))
@settings(deadline=None)
def test_patterns_are_matched(seed: int) -> None:
    """A sampled string matches its pattern."""
    import random
    import re

    for pattern in (r"^\d{3}-[a-f]+$", r"(a|bc)*d?", r"[^abc]{2}", r"\s\S\w\W\D", r"^v(?:0|[1-9]\d*)\.\d+$"):
        made = regex_fill.sample(pattern, random.Random(seed))
        assert made is not None
        assert re.search(pattern, made)
