"""Answers that stop in the middle on purpose, and how the simulated providers let them be taken up, seen from the
wire."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from infra.simulator import Fault
from tests.contract.simulated import MODELS, WIRES, Bench, bench, events, streamed_text, text_of

_QUESTION = "Explain how clocks keep time"
_FILTERED = {
    "openai": '"finish_reason":"content_filter"',
    "responses": '"reason":"content_filter"',
    "anthropic": '"stop_reason":"refusal"',
    "gemini": '"finishReason": "SAFETY"',
    "perplexity": '"finish_reason":"stop"',
    "llama": '"finish_reason":"stop"',
}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "points": {"type": "array", "items": {"type": "string"}}},
    "required": ["title", "points"],
    "additionalProperties": False,
}


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


@pytest.mark.parametrize("wire", WIRES)
async def test_a_filter_may_end_an_answer_in_the_middle(running: Bench, wire: str) -> None:
    """What came stands, the end says why in the provider's own word, where it has one."""
    whole = streamed_text(wire, events((await running.send(wire, _QUESTION, stream=True)).text))
    running.simulator.plan(Fault("refuse_midway", after_chunks=3))
    body = (await running.send(wire, _QUESTION, stream=True)).text
    said = streamed_text(wire, events(body))
    assert said
    assert whole.startswith(said)
    assert len(said) < len(whole)
    assert _FILTERED[wire] in body


def _tokens(found: list[Any]) -> list[tuple[int, str]]:
    """Where continuation tokens stand among a stream's events."""
    named = [(at, event["candidates"][0].get("continuationToken", "")) for at, event in enumerate(found)]
    return [(at, token) for at, token in named if token]


async def test_gemini_goes_on_after_each_of_its_tokens(running: Bench) -> None:
    """The same request with a token gives what stood after it, streamed and whole; usage is that request's own."""
    running.simulator.plan(Fault("pace", checkpoints=2))
    found = events((await running.send("gemini", _QUESTION, stream=True)).text)
    whole = streamed_text("gemini", found)
    tokens = _tokens(found)
    assert len(tokens) > 3
    for at, token in tokens:
        before = streamed_text("gemini", found[: at + 1])
        rest = events((await running.send("gemini", _QUESTION, stream=True, continuationToken=token)).text)
        assert before + streamed_text("gemini", rest) == whole
        spent, first = rest[-1]["usageMetadata"], found[-1]["usageMetadata"]
        assert spent["promptTokenCount"] == first["promptTokenCount"]
        assert spent.get("candidatesTokenCount", 0) < first["candidatesTokenCount"]
        assert "thoughtsTokenCount" not in spent
        body = (await running.send("gemini", _QUESTION, continuationToken=token)).json()
        assert before + text_of("gemini", body) == whole


async def test_gemini_stops_with_continuation_and_a_token(running: Bench) -> None:
    """Its own limit is no end: the last event has a finish reason that says so, and the token to go on with."""
    running.simulator.plan(Fault("continuation", after_chunks=4))
    found = events((await running.send("gemini", _QUESTION, stream=True)).text)
    last = found[-1]["candidates"][0]
    assert last["finishReason"] == "CONTINUATION"
    assert last["continuationToken"]


@pytest.mark.parametrize("token", ["", "!", "c2ltdWxhdGVk", "WyJzaW11bGF0ZWQiLCIxIiwxXQ=="])
async def test_a_token_of_another_request_is_refused(running: Bench, token: str) -> None:
    """400, and nothing is written; an empty one is none."""
    answer = await running.send("gemini", _QUESTION, stream=True, continuationToken=token)
    assert answer.status_code == (400 if token else 200)


async def test_what_is_forgotten_meets_only_who_comes_back(running: Bench) -> None:
    """The rule waits for a request that takes something up: Gemini answers 400, Responses 404."""
    running.simulator.plan(Fault("forget"), times=None)
    running.simulator.plan(Fault("pace", checkpoints=1))
    first = await running.send("gemini", _QUESTION, stream=True)
    assert first.status_code == 200
    token = _tokens(events(first.text))[0][1]
    assert (await running.send("gemini", _QUESTION, stream=True, continuationToken=token)).status_code == 400
    kept = (await running.send("responses", _QUESTION, background=True)).json()
    url = f"{running.simulator.url('openai')}/responses/{kept['id']}"
    key = {"Authorization": "Bearer k"}
    gone = await running.client.get(f"{url}?stream=true&starting_after=3", headers=key)
    assert gone.status_code == 404
    assert (await running.client.get(url, headers=key)).status_code == 200


async def test_a_background_response_is_kept_streamed_again_and_cancelled(running: Bench) -> None:
    """It has to be stored; its events come again after any number, and faults strike that stream too."""
    refused = await running.send("responses", _QUESTION, background=True, store=False)
    assert refused.status_code == 400
    body = (await running.send("responses", _QUESTION, stream=True, background=True)).text
    found = events(body)
    assert found[0]["response"]["background"] is True
    url = f"{running.simulator.url('openai')}/responses/{found[0]['response']['id']}"
    key = {"Authorization": "Bearer k"}
    again = await running.client.get(f"{url}?stream=true&starting_after=9", headers=key)
    assert events(again.text) == found[10:]
    running.simulator.plan(Fault("close", after_bytes=500), "openai", model=MODELS["openai"])
    cut = await running.client.get(f"{url}?stream=true&starting_after=9", headers=key)
    assert again.content.startswith(cut.content)
    assert len(cut.content) == 500
    assert (await running.client.post(f"{url}/cancel", headers=key)).status_code == 200


@pytest.mark.parametrize("wire", ["openai", "llama", "perplexity"])
async def test_half_a_structured_answer_is_gone_on_with(running: Bench, wire: str) -> None:
    """Asked in words, without its schema, for the rest: exactly the rest; under a grammar it comes whole again."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": _SCHEMA}}
    answer = await running.send("openai", _QUESTION, response_format=form)
    whole = answer.json()["choices"][0]["message"]["content"]
    assert orjson.loads(whole)["title"]
    for at in range(1, len(whole), 13):
        turns = [
            {"role": "user", "content": _QUESTION},
            {"role": "assistant", "content": whole[:at]},
            {"role": "user", "content": "Your answer was cut off. Continue exactly where it stops."},
        ]
        rest = (await running.send(wire, "", messages=turns)).json()["choices"][0]["message"]["content"]
        assert whole[:at] + rest == whole, at
        anew = await running.send(wire, "", messages=turns, response_format=form)
        assert anew.json()["choices"][0]["message"]["content"] == whole
