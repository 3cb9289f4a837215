"""From what was asked to what is answered: tools, structured output or prose, within the limits of the
request."""

import random

import orjson

from infra.simulator import prose, regex_fill, schema_fill, seam, tokens, tooling
from infra.simulator.answer import Answer, Ask
from infra.simulator.failure import WireError
from infra.simulator.wording import Wording

_FREE_OBJECT = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "summary": {"type": "string"}, "points": {"type": "array"}},
    "required": ["title", "summary", "points"],
}


def answers(ask: Ask, *, seam_style: str = "exact") -> tuple[Answer, ...]:
    """One answer per choice asked for, each fixed by model, conversation and position."""
    return tuple(_answer(ask, variant, seam_style) for variant in range(ask.n))


def refused(ask: Ask) -> tuple[Answer, ...]:
    """A content refusal for each choice."""
    return tuple(Answer(refusal=prose.refusal(), finish="refusal") for _ in range(ask.n))


def empty(ask: Ask) -> tuple[Answer, ...]:
    """An answer that says nothing and ends normally."""
    return tuple(Answer() for _ in range(ask.n))


def filtered(ask: Ask, size: int) -> tuple[Answer, ...]:
    """Answers that a content filter ends after `size` tokens."""
    made = (_answer(ask, variant, "exact") for variant in range(ask.n))
    return tuple(
        Answer("".join(one.pieces[:size]), one.reasoning, one.reasoning_tokens, finish="filtered")
        for one in made
    )


def _answer(ask: Ask, variant: int, seam_style: str) -> Answer:
    seed = ask.seed(variant)
    try:
        called = tooling.calls(ask, seed)
        text = "" if called else _text(ask, seed, seam_style)
    except schema_fill.Unfillable as unfillable:
        raise WireError(400, f"Invalid schema: {unfillable}", code="invalid_schema") from unfillable
    reasoning, reasoning_tokens = _reasoning(ask, seed)
    if called:
        answer = Answer(
            reasoning=reasoning, reasoning_tokens=reasoning_tokens, calls=called, finish="tool_calls"
        )
        if ask.max_tokens is not None and answer.output_tokens > ask.max_tokens:
            return Answer(reasoning=reasoning, reasoning_tokens=reasoning_tokens, finish="length")
        return answer
    return _limited(ask, text, reasoning, reasoning_tokens)


def _text(ask: Ask, seed: int, seam_style: str) -> str:
    if ask.options:
        return str(Wording(ask.turns, seed).choice(list(ask.options)))
    if ask.regex is not None:
        made = regex_fill.sample(ask.regex, random.Random(seed))
        if made is None:
            raise WireError(400, f"Invalid regex: {ask.regex!r}", param="response_format")
        return made
    if ask.schema is not None or ask.any_json:
        return _object(ask, seed)
    going_on = seam.asked(ask)
    if going_on is not None:
        return seam.go_on(ask, *going_on, seam_style)
    return prose.write(ask.turns, seed)


def _object(ask: Ask, seed: int) -> str:
    """JSON that a grammar enforces: it is whole each time, also where half of it was said before."""
    going_on = seam.asked(ask)
    if going_on is not None and (known := seam.written(going_on[1])) is not None:
        return known
    schema = ask.schema if ask.schema is not None else _FREE_OBJECT
    text = orjson.dumps(schema_fill.fill(schema, Wording(ask.turns, seed), seed)).decode()
    seam.remember(text)
    return text


def _reasoning(ask: Ask, seed: int) -> tuple[str, int]:
    if not ask.model.thinks or not ask.thinking:
        return "", 0
    thought = prose.thought(ask.turns, seed)
    count = tokens.written(thought) + seed % 48
    if ask.max_tokens is not None:
        count = min(count, ask.max_tokens // 4)
    return (thought, count) if count else ("", 0)


def _limited(ask: Ask, text: str, reasoning: str, reasoning_tokens: int) -> Answer:
    """The text up to the first stop sequence and to the token limit, whichever comes first."""
    stopped_by = None
    found = [(text.find(stop), stop) for stop in ask.stop if stop and stop in text]
    if found:
        at, stopped_by = min(found)
        text = text[:at]
    parts = tokens.pieces(text)
    room = None if ask.max_tokens is None else max(0, ask.max_tokens - reasoning_tokens)
    if room is not None and len(parts) > room:
        return Answer("".join(parts[:room]), reasoning, reasoning_tokens, finish="length")
    return Answer(text, reasoning, reasoning_tokens, stopped_by=stopped_by)
