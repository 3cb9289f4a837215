"""The simulator's bodies beside recorded ones: no key that the providers do not send, none missing that all send."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
import pytest

from tests.contract.llm import recordings
from tests.contract.simulated import Bench, bench, events

_FILES = {
    "openai": "openai-chat",
    "responses": "openai-responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
}
# Sent by the simulator though no recording has it: its label, and what November 2026's clients know but June's
# recordings did not show yet.
_NEW = {
    "openai": {".usage.prompt_tokens_details.cache_write_tokens"},
    "responses": {".system_fingerprint"},
    "anthropic": {".stop_details.type", ".stop_details.category", ".stop_details.explanation"},
    "gemini": {".usageMetadata.cacheTokensDetails[].modality"},
}
# The caller's own JSON, not the provider's.
_OPAQUE = ("arguments", "args", "input", "parameters", "schema", "metadata", "tools", "tool_choice")
_QUESTION = "Explain how kites fly"


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


def _paths(value: Any, at: str = "") -> Iterable[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{at}.{key}"
            if key not in _OPAQUE:
                yield from _paths(item, f"{at}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{at}[]")


def _recorded(wire: str) -> list[set[str]]:
    """The key paths of each recorded JSON answer that succeeded."""
    found = []
    for row in recordings.exchanges(_FILES[wire]):
        answer = row["response"]
        whole = answer["status"] == 200 and "json" in answer["headers"].get("content-type", "")
        if (
            whole
            and row["request"]["method"] == "POST"
            and not row["request"]["url"].endswith(("compact", "tokens"))
        ):
            found.append(set(_paths(orjson.loads(answer["body"]))))
    return found


@recordings.needed
@pytest.mark.parametrize("wire", sorted(_FILES))
async def test_a_whole_answer_has_the_recorded_keys(running: Bench, wire: str) -> None:
    """Every key was recorded at least once, and every key that all recordings have is there."""
    tools = {
        "openai": {"tools": [{"type": "function", "function": _TOOL}]},
        "responses": {"tools": [{"type": "function", **_TOOL}]},
        "anthropic": {"tools": [{"name": "get_tide", "input_schema": _TOOL["parameters"]}]},
        "gemini": {"tools": [{"functionDeclarations": [_TOOL]}]},
    }
    answers = [
        (await running.send(wire, _QUESTION)).json(),
        (await running.send(wire, "Call get_tide for Brest", **tools[wire])).json(),
    ]
    known = _recorded(wire)
    assert len(known) > 50
    everywhere = set.intersection(*known)
    ever = set.union(*known) | _NEW[wire]
    for answer in answers:
        ours = set(_paths(answer))
        assert ours <= ever
        assert everywhere <= ours


_TOOL: Any = {
    "name": "get_tide",
    "description": "Get the tide.",
    "parameters": {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]},
}


@recordings.needed
@pytest.mark.parametrize("wire", sorted(_FILES))
async def test_a_stream_has_the_recorded_frames(running: Bench, wire: str) -> None:
    """Event names, line ends and the keys of each kind of event are those of recorded streams."""
    more = {"stream_options": {"include_usage": True}} if wire == "openai" else {}
    ours = (await running.send(wire, _QUESTION, stream=True, **more)).text
    known: dict[str, set[str]] = {}
    ends = set()
    for row in recordings.exchanges(_FILES[wire]):
        if "event-stream" not in row["response"]["headers"].get("content-type", ""):
            continue
        body = row["response"]["body"]
        ends.add("\r\n" if "\r\n" in body else "\n")
        for event in events(body):
            known.setdefault(str(event.get("type")), set()).update(_paths(event))
    assert ends == {"\r\n" if "\r\n" in ours else "\n"}
    extra = {".usage.prompt_tokens_details.cache_write_tokens", ".response.system_fingerprint"}
    later = {
        ".usage.output_tokens_details",
        ".usage.output_tokens_details.thinking_tokens",
        ".usageMetadata.serviceTier",
    }
    # The recorded Responses streams are older than the recorded whole answers, which have these.
    later |= {".response.billing", ".response.billing.payer"}
    later |= {".response.usage.input_tokens_details.cache_write_tokens"}
    later |= {".item.summary", ".response.output[].summary"}
    for event in events(ours):
        kind = str(event.get("type"))
        assert kind in known
        assert set(_paths(event)) <= known[kind] | extra | later


@recordings.needed
@pytest.mark.parametrize("wire", ["openai", "responses", "anthropic"])
async def test_an_error_has_the_recorded_keys(running: Bench, wire: str) -> None:
    """A refused request has exactly the keys that recorded refusals have."""
    known = [
        set(_paths(orjson.loads(row["response"]["body"])))
        for row in recordings.exchanges(_FILES[wire])
        if row["response"]["status"] >= 400
    ]
    refused = await running.send(wire, "hi", temperature=0.1)
    assert refused.status_code == 400
    assert set(_paths(refused.json())) in known


def _frame_kinds(text: str) -> list[str]:
    found: list[str] = []
    for event in events(text):
        if not found or found[-1] != event["type"]:
            found.append(event["type"])
    return found


async def test_anthropic_thinks_before_it_speaks(running: Bench) -> None:
    """A signed thinking block comes first, usage is cumulative, and the events keep their order."""
    found = await running.send("anthropic", _QUESTION, stream=True)
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert _frame_kinds(found.text) == [
        "message_start",
        "content_block_start",
        "ping",
        *block[1:],
        *block,
        "message_delta",
        "message_stop",
    ]
    whole = (await running.send("anthropic", _QUESTION)).json()
    thinking, text = whole["content"]
    assert (thinking["type"], text["type"]) == ("thinking", "text")
    assert len(thinking["signature"]) > 100
    usage = whole["usage"]
    assert 0 < usage["output_tokens_details"]["thinking_tokens"] < usage["output_tokens"]
    delta = next(event for event in events(found.text) if event["type"] == "message_delta")
    assert delta["usage"]["output_tokens"] == usage["output_tokens"]
    assert found.headers["request-id"].startswith("req_sim")
    assert int(found.headers["anthropic-ratelimit-tokens-remaining"]) > 0


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "A"}]},
            400,
            "prefill",
        ),
        ({"temperature": 0.3}, 400, "temperature"),
        ({"top_k": 5}, 400, "top_k"),
        ({"max_tokens": None}, 400, "max_tokens: Field required"),
        ({"max_tokens": 999_999}, 400, "maximum allowed"),
        ({"model": "claude-0"}, 404, "model: claude-0"),
        ({"messages": []}, 400, "at least one message"),
        (
            {"tools": [{"name": "t", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}},
            400,
            "tool_choice",
        ),
        ({"headers": {"anthropic-version": ""}}, 200, ""),
    ],
)
async def test_anthropic_refuses_as_its_models_do(running: Bench, more: Any, status: int, said: str) -> None:
    """Prefill, sampling and forced tools are refused by Sonnet 5.5, wrong fields by path."""
    found = await running.send("anthropic", "hi", **more)
    assert found.status_code == status
    assert said in found.text


async def test_anthropic_reports_what_it_cached(running: Bench) -> None:
    """A marked long prefix is written once and read the next time; an unmarked one is neither."""
    long = "The house rules are these. " * 400
    marked = [{"type": "text", "text": long, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    first = (await running.send("anthropic", "one", system=marked)).json()["usage"]
    second = (await running.send("anthropic", "two", system=marked)).json()["usage"]
    plain = (await running.send("anthropic", "two", system=long)).json()["usage"]
    assert (
        first["cache_creation_input_tokens"] == first["cache_creation"]["ephemeral_1h_input_tokens"] > 1_024
    )
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert second["cache_creation_input_tokens"] == 0
    assert plain["cache_read_input_tokens"] == plain["cache_creation_input_tokens"] == 0
    total = sum(
        second[name] for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    assert total == plain["input_tokens"]


async def test_openai_and_gemini_cache_long_prefixes_by_themselves(running: Bench) -> None:
    """A repeated prefix of over 1,024 tokens counts as cached under the same key and not under another."""
    long = "The house rules are these. " * 400
    said = [{"role": "system", "content": long}, {"role": "user", "content": "one"}]
    first = (await running.send("openai", "", messages=said)).json()["usage"]["prompt_tokens_details"]
    second = (await running.send("openai", "", messages=said)).json()["usage"]["prompt_tokens_details"]
    other = (await running.send("openai", "", messages=said, key="j")).json()["usage"][
        "prompt_tokens_details"
    ]
    assert (first["cached_tokens"], other["cached_tokens"]) == (0, 0)
    assert first["cache_write_tokens"] == second["cached_tokens"] > 1_024
    told = {"systemInstruction": {"parts": [{"text": long}]}}
    await running.send("gemini", "one", **told)
    again = (await running.send("gemini", "two", **told)).json()["usageMetadata"]
    assert again["promptTokenCount"] > again["cachedContentTokenCount"] > 1_024


async def test_gemini_answers_in_its_own_shape(running: Bench) -> None:
    """Schemas in Gemini's dialect, function calls, lists without `alt=sse`, and refusals of sampling."""
    shape = {
        "type": "OBJECT",
        "properties": {"port": {"type": "STRING", "nullable": True}},
        "required": ["port"],
    }
    asked = {"responseMimeType": "application/json", "responseSchema": shape}
    found = (await running.send("gemini", "A port please", generationConfig=asked)).json()
    text = "".join(part["text"] for part in found["candidates"][0]["content"]["parts"])
    assert set(orjson.loads(text)) == {"port"}
    usage = found["usageMetadata"]
    assert usage["totalTokenCount"] == sum(
        usage[name] for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )
    request = running.request("gemini", _QUESTION, stream=True)
    listed = await running.client.post(
        str(request.url).replace("?alt=sse", ""), headers={"x-goog-api-key": "k"}, content=request.content
    )
    assert listed.json()[-1]["candidates"][0]["finishReason"] == "STOP"
    hot = await running.send("gemini", "hi", generationConfig={"temperature": 0.1})
    assert (hot.status_code, hot.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    forced = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_tide"]}}
    called = await running.send(
        "gemini", "Brest", toolConfig=forced, tools=[{"functionDeclarations": [_TOOL]}], stream=True
    )
    part = events(called.text)[0]["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"] == {"port": "Brest"} or part["functionCall"]["args"]["port"]
    listing = await running.client.get(
        running.simulator.url("gemini") + "/models", headers={"x-goog-api-key": "k"}
    )
    assert "models/gemini-3.8-flash" in [model["name"] for model in listing.json()["models"]]


async def test_perplexity_cites_and_costs(running: Bench) -> None:
    """Sources come with every chunk, the request fee only with the last, and the total is the sum."""
    found = events((await running.send("perplexity", "Research tide mills", stream=True)).text)
    first, last = found[0], found[-1]
    assert first["citations"] == [result["url"] for result in first["search_results"]] != []
    assert (first["status"], last["status"], last["type"]) == ("PENDING", "COMPLETED", "end_of_stream")
    assert first["usage"]["cost"] == {"input_tokens_cost": 0, "output_tokens_cost": 0, "total_cost": 0}
    cost = last["usage"]["cost"]
    assert cost["request_cost"] == 0.006
    parts = cost["input_tokens_cost"] + cost["output_tokens_cost"] + cost["request_cost"]
    assert cost["total_cost"] == pytest.approx(parts)
    assert last["choices"][0]["message"]["content"] == "".join(
        e["choices"][0]["delta"]["content"] for e in found
    )
    unknown = await running.send("perplexity", "hi", model="sonar-0")
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (400, "invalid_model")
