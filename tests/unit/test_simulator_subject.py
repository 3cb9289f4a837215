"""What the simulator takes from a request: its subject, its product, its plain questions."""

import re

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.simulator import product, prose, schema_fill, topic
from infra.simulator.answer import Turn
from infra.simulator.wording import Wording
from shared.pipelines.product_description import Copy, Facts


def _write(asked: str, *more: Turn) -> str:
    return prose.write((Turn("user", asked), *more), 11)


def _filled(kind: type[Facts] | type[Copy], system: str, asked: str) -> Facts | Copy:
    turns = (Turn("system", system), Turn("user", asked))
    return kind.model_validate_json(
        orjson.dumps(schema_fill.fill(kind.model_json_schema(), Wording(turns, 3), 3))
    )


def _page(notes: str) -> tuple[Facts, Copy]:
    facts = _filled(
        Facts,
        "You extract product facts.",
        f"Extract the facts of this product; invent nothing.\n\nBrief: {notes}",
    )
    assert isinstance(facts, Facts)
    copy = _filled(
        Copy,
        "You write product copy. Only the given facts.",
        f"Write the product page for {facts.name} ({facts.category}).\nAudience: online shoppers\nTone: warm\n"
        f"Features: {'; '.join(facts.features)}\nBenefits: {'; '.join(facts.benefits)}",
    )
    assert isinstance(copy, Copy)
    return facts, copy


@pytest.mark.parametrize(
    ("notes", "name", "category", "features"),
    [
        (
            "A titanium camping mug, 450 ml, 62 g, folding handle",
            "Titanium Camping Mug",
            "Drinkware",
            ("450 ml", "62 g", "Folding handle"),
        ),
        ("a teapot of cast iron", "Teapot of Cast Iron", "Teaware", ("Made of cast iron",)),
        ("A red mug", "Red Mug", "Drinkware", ("Red finish",)),
        ("茶壺 鋳鉄 0.8L", "茶壺 鋳鉄", "Teaware", ("0.8L",)),
        ("Eine Teekanne aus Gusseisen", "Teekanne aus Gusseisen", "Teaware", ("Made of cast iron",)),
        (
            "A mug that keeps coffee hot for six hours",
            "Mug",
            "Drinkware",
            ("Keeps coffee hot for six hours",),
        ),
    ],
)
def test_a_page_is_made_of_its_notes(notes: str, name: str, category: str, features: tuple[str, ...]) -> None:
    """Articles and labels stay out, measures stay whole, and no field of the page repeats another."""
    facts, copy = _page(notes)
    assert (facts.name, facts.category, facts.features) == (name, category, features)
    assert set(features) <= set(copy.bullets)
    assert len({bullet.casefold() for bullet in copy.bullets}) == len(copy.bullets) >= 3
    assert name in copy.headline
    assert copy.meta_description not in copy.description
    assert len(copy.meta_description) <= 160
    assert not re.search(r"(?i)\b(?:the|a) (?:an?|eine?) |brief:", copy.model_dump_json())


@given(notes=st.text(min_size=3, max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_notes_make_a_product(notes: str) -> None:
    """Whatever the notes, there is a name and a feature, and features are distinct."""
    found = product.read(f"Extract the facts of this product; invent nothing.\n\nBrief: {notes}")
    assert found.name
    assert found.category
    keys = [feature.casefold() for feature in found.features]
    assert len(set(keys)) == len(keys) >= 1


@pytest.mark.parametrize(
    ("subject", "noun", "aspect", "statement"),
    [
        ("why does tea cool", "tea", "cooling", "why tea cools"),
        (
            "how ocean tides make electricity",
            "ocean tides",
            "electricity",
            "how ocean tides make electricity",
        ),
        ("why is the sky blue", "the sky", "the blue sky", "why the sky is blue"),
        ("how do I bake bread", "bread", "baking", "how to bake bread"),
        ("the history of lighthouses", "lighthouses", "the history", "the history of lighthouses"),
    ],
)
def test_a_subject_has_a_noun_and_an_aspect(subject: str, noun: str, aspect: str, statement: str) -> None:
    """Questions are put as statements, and what they are about is told from what they ask of it."""
    assert topic.read(subject) == topic.Topic(noun, aspect, statement)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("Write an article about why tea cools", "tea|cool"),
        ("Write an article of 600 words: why do bridges hum?", "bridges|hum"),
        ("Why does tea cool?", "tea|cool"),
        ("Tell me about harbour seals", "harbour seals"),
    ],
)
def test_paragraphs_and_headings_name_the_subject(asked: str, words: str) -> None:
    """Nearly every paragraph and every heading speaks of the subject."""
    parts = [part for part in _write(asked).split("\n\n") if len(part) > 20]
    named = [part for part in parts if re.search(words, part, re.I)]
    assert len(named) >= 0.9 * len(parts)
    assert all(re.search(words, part, re.I) for part in parts if part.startswith("#"))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("Capital of the UK? One word.", "London"),
        ("What's Japan's capital?", "The capital of Japan is Tokyo."),
        ("Translate good morning to French", "Bonjour"),
        ("How do you say thank you in German?", "Danke"),
        ("Thanks!", "You're welcome!"),
    ],
)
def test_plain_questions_have_their_answers(asked: str, answer: str) -> None:
    """What is known here is answered as asked."""
    assert _write(asked) == answer


@pytest.mark.parametrize(
    "asked",
    [
        "What is the capital of Atlantis?",
        "Translate 'the cat sat' into German",
        "What's the weather in Paris?",
        "How do I learn to juggle?",
    ],
)
def test_what_is_not_known_is_said_to_be_simulated(asked: str) -> None:
    """The first sentence of any other answer says what wrote it."""
    assert "simulated" in re.split(r"[.!?]", _write(asked))[0]


def test_a_piece_about_a_capital_is_no_lookup() -> None:
    """Only a question for the city itself is answered with its name."""
    assert len(_write("Write an article about the capital of France").split()) > 100


def test_a_poem_has_three_lines_on_its_subject() -> None:
    """A haiku is three lines that name the subject."""
    found = _write("Write a haiku about the sea")
    assert len(found.splitlines()) == 3
    assert "the sea" in found


def test_a_tool_result_is_what_the_answer_says() -> None:
    """After a tool the answer carries the tool's own words."""
    found = _write("What's the weather in Paris?", Turn("tool", "12 degrees, rain", name="get_weather"))
    assert "12 degrees, rain" in found
    assert "question" not in found
