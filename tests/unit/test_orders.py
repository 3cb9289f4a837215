"""Orders for documents and chats: read whole, refused by name, before anything is held or sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chat.order import ChatOrder
from shared.chat.orders import DEFAULT_OUTPUT, bounded, fitting
from shared.core.faults import BadRequest
from shared.core.prompt import Image, Message, Prompt, Tool, ask
from shared.documents.orders import read_order
from shared.documents.tape import entries_from_json, entries_to_json
from shared.models.catalogue import GPT_LUNA, LLAMA, Catalogue
from shared.pipelines import PIPELINES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_fields_stand_in_the_brief_or_beside_it() -> None:
    """A text is the brief; an object, or fields beside it, are the pipeline's own fields."""
    plain = read_order(PIPELINES, {"pipeline": "article", "brief": "Tea"})
    inside = read_order(PIPELINES, {"pipeline": "article", "brief": {"brief": "Tea", "words": 300}})
    beside = read_order(PIPELINES, {"pipeline": "article", "brief": "Tea", "words": 300, "budget_micros": 5})
    assert plain.given.model_dump()["brief"] == "Tea"
    assert inside.given == beside.given
    assert (plain.budget, beside.budget) == (None, 5)


@given(st.dictionaries(st.sampled_from(["pipeline", "brief", "words", "stream", "budget_micros", "x"]), JSON))
def test_any_body_is_an_order_or_a_named_fault(body: dict[str, Any]) -> None:
    """No JSON object is more than that: never another exception, and a refusal names its field."""
    try:
        order = read_order(PIPELINES, body)
        said = order.pipeline.name
    except BadRequest as fault:
        said = fault.param or ""
    assert said


@pytest.mark.parametrize("text", ["NUL \x00 inside", "half \ud800 a pair"])
@pytest.mark.parametrize("place", ["brief", "audience", "keywords", "name"])
def test_text_that_no_store_takes_is_refused(text: str, place: str) -> None:
    """NUL and lone surrogates, at any depth, in values and in names."""
    body: dict[str, Any] = {"pipeline": "article", "brief": "Tea"}
    body |= {"keywords": [text]} if place == "keywords" else {text: 1} if place == "name" else {place: text}
    with pytest.raises(BadRequest):
        read_order(PIPELINES, body)


def test_a_model_that_cannot_is_named_with_what_it_cannot() -> None:
    """By name: an error that says what is lacking. By choice: another rung."""
    catalogue = Catalogue()
    tools = Prompt((Message("user", "hi"),), tools=(Tool("f"),))
    picture = Prompt((Message("user", "hi", images=(Image("data:image/png;base64,AA=="),)),))
    with pytest.raises(BadRequest, match="call tools"):
        fitting(catalogue, ChatOrder("sonar", tools))
    with pytest.raises(BadRequest, match="read images"):
        fitting(catalogue, ChatOrder(LLAMA.name, picture))
    assert LLAMA not in fitting(catalogue, ChatOrder("auto:cheap", picture))
    with pytest.raises(BadRequest, match="context window") as caught:
        fitting(catalogue, ChatOrder(LLAMA.name, ask("x" * 600_000)))
    assert caught.value.provider_code == "context_length_exceeded"


def test_every_answer_is_bounded() -> None:
    """Without a limit of the caller's there is ours, so that what is held is bounded."""
    assert bounded(ask("hi"), (GPT_LUNA,)).max_output == DEFAULT_OUTPUT
    assert bounded(ask("hi", max_output=5), (GPT_LUNA,)).max_output == 5
    assert bounded(ask("hi", max_output=10**6), (LLAMA, GPT_LUNA)).max_output == LLAMA.max_output


@pytest.mark.parametrize("rows", [[{}], [{"tenant": 1}], [1], ["x"]])
def test_what_is_no_tape_is_refused(rows: list[Any]) -> None:
    """A file that was edited or is of another kind gets an error, not a stack trace."""
    with pytest.raises(BadRequest):
        entries_from_json(rows)


def test_an_empty_tape_is_a_tape() -> None:
    """Nothing in, nothing out."""
    assert entries_to_json(entries_from_json([])) == []
