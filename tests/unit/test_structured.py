"""Structured answers: what is round them, what is wrong with them, and what shows while they grow."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from shared.core.chunk import Completion
from shared.core.faults import Malformed
from shared.core.prompt import ask
from shared.core.schema import Schema
from shared.core.structured import (
    NOTHING,
    Partial,
    Verdict,
    WhiteSpace,
    answered,
    healed,
    read,
    repair,
    strict,
    verdict,
)

BOOK = Schema(
    "book",
    {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 3},
            "kind": {"enum": ["novel", "essay"]},
            "year": {"type": "integer", "minimum": 1900},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
        "required": ["title", "kind", "year", "tags"],
        "additionalProperties": False,
    },
)
VALUE: dict[str, Any] = {"title": "Tides", "kind": "essay", "year": 1999, "tags": ["sea", "moon"]}
TEXT = json.dumps(VALUE)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n  {TEXT}\n",
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}```",
        f"Here is the book:\n\n```json\n{TEXT}\n```\n\nTell me if you need more {{of them}}.",
        f"Sure! {TEXT}",
        f"{TEXT}\n\nI hope that helps.",
        f"Of the fields [title, kind] I made: {TEXT}.",
        json.dumps(VALUE, indent=4),
    ],
)
def test_words_round_the_json_are_left_out(text: str) -> None:
    """Fences, preambles and farewells are no part of an answer."""
    assert read(text, BOOK) == VALUE


def test_raw_control_characters_are_read() -> None:
    """xgrammar lets them through in strings that have a bound."""
    assert read('{"a": "x\ny\tz"}') == {"a": "x\ny\tz"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("I can't say.", "no JSON"),
        (TEXT[:-5], "no JSON"),
        ('{"a": NaN}', "no JSON"),
        ('{"a": "\\ud83d"}', "half a character"),
        ("[" * 100_000, "no JSON"),
        (TEXT.replace("1999", "1875"), "does not fit its schema: year"),
        (TEXT.replace('"kind": "essay", ', ""), "does not fit its schema"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    """A fault names what to repair."""
    with pytest.raises(Malformed, match=words):
        read(text, BOOK)


def test_a_truncated_answer_is_told_as_such() -> None:
    """Half a JSON at the token limit is not called broken JSON, and its repair asks for less."""
    with pytest.raises(Malformed, match="limit of tokens") as caught:
        answered(Completion(TEXT[:20], finish="length"), BOOK)
    again = repair(ask("A book."), TEXT[:20], caught.value)
    assert [message.role for message in again.messages] == ["user", "assistant", "user"]
    assert again.messages[1].text == TEXT[:20]
    assert "shorter" in again.messages[2].text
    assert answered(Completion(TEXT, finish="length"), BOOK) == VALUE


def test_a_verdict_is_on_what_the_caller_parses() -> None:
    """JSON in a fence is read by us and not by a JSON parser; tools and refusals have no verdict."""
    prompt = replace(ask("A book."), schema=BOOK)
    fenced = f"```json\n{TEXT}\n```"
    assert verdict(prompt, Completion(TEXT, finish="stop")) == Verdict(True)
    for text in (fenced, TEXT[:9], "{}"):
        judged = verdict(prompt, Completion(text, finish="stop"))
        assert judged is not None
        assert not judged.fits
        assert judged.why
    for finish in ("tool_calls", "refusal", "content_filter"):
        assert verdict(prompt, Completion("", finish=finish)) is None
    assert verdict(ask("A book."), Completion("words", finish="stop")) is None
    assert verdict(replace(ask("A book."), json_object=True), Completion("{}", finish="stop")) == Verdict(
        True
    )
    assert healed(fenced, BOOK) == json.dumps(VALUE, separators=(",", ":"))
    assert healed(TEXT, BOOK) == TEXT


def grown(text: str, schema: Schema = BOOK, size: int = 1) -> list[Any]:
    """Every value that shows while a text comes in pieces of this size."""
    partial = Partial(schema)
    values = (partial.feed(text[at : at + size]) for at in range(0, len(text), size))
    return [value for value in values if value is not NOTHING]


def test_values_show_as_they_grow() -> None:
    """The first is empty, each holds the one before, the last is the answer."""
    values = grown(TEXT)
    assert values[0] == {}
    assert values[-1] == VALUE
    assert len(values) > 8
    for before, after in itertools.pairwise(values):
        assert before != after
        assert before.keys() <= after.keys()
        assert after.get("title", "").startswith(before.get("title", ""))


def test_a_growing_number_or_choice_waits() -> None:
    """19 is not what 1999 begins with, and "ess" is no kind of book."""
    values = grown(TEXT)
    assert {value["year"] for value in values if "year" in value} == {1999}
    assert {value["kind"] for value in values if "kind" in value} == {"essay"}


def test_an_answer_that_goes_astray_shows_no_further() -> None:
    """A member that the schema does not have, or of the wrong type, never shows."""
    for wrong in (
        '{"title": "Tides", "author": "me", "year": 1999}',
        '{"title": "Tides", "kind": 7, "year": 1999}',
    ):
        assert grown(wrong)[-1] == {"title": "Tides"}


def test_fences_and_preambles_show_nothing() -> None:
    """The value is found behind them."""
    assert grown(f"Here you are:\n```json\n{TEXT}\n```")[-1] == VALUE
    assert grown("No, I had rather not.") == []


def test_null_is_a_value() -> None:
    """It is told apart from nothing to show."""
    schema = Schema("n", {"type": "array", "items": {"type": ["null", "string"]}})
    assert grown("[null, null]", schema)[-1] == [None, None]


def test_white_space_that_runs_away_is_noticed() -> None:
    """A long run counts over pieces; indentation does not."""
    blank = WhiteSpace()
    assert not any(blank.feed(piece) for piece in ("{\n" + " " * 40, '"a":', " " * 300, "1,", " " * 300))
    assert blank.feed(" " * 300)


def test_strict_schemas_name_and_close_everything() -> None:
    """Every property required, none beside them, no default, at every depth."""
    made = strict(
        {
            "type": "object",
            "properties": {
                "default": {"type": "string", "default": "x"},
                "inner": {"type": "object", "properties": {"b": {"type": "integer"}}},
            },
        }
    )
    assert made["required"] == ["default", "inner"]
    assert made["additionalProperties"] is False
    assert made["properties"]["default"] == {"type": "string"}
    assert made["properties"]["inner"]["required"] == ["b"]
