"""The simulator's replies, read by the product's own decoder."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.cli.decode import decode_line
from infra.simulator import Fault
from tests.contract.simulated import WIRES, Bench, bench

_NAMES = {"openai": "openai-chat", "responses": "openai-responses", "llama": "vllm"}
_PARAMETERS: Any = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}
_TOOL: Any = {"name": "get_tide", "description": "Get the tide of a port.", "parameters": _PARAMETERS}
_TOOLS: Any = {
    "openai": [{"type": "function", "function": _TOOL}],
    "responses": [{"type": "function", **_TOOL}],
    "anthropic": [{"name": "get_tide", "input_schema": _PARAMETERS}],
    "gemini": [{"functionDeclarations": [_TOOL]}],
    "llama": [{"type": "function", "function": _TOOL}],
}


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


async def _decoded(running: Bench, wire: str, text: str, *, stream: bool, **more: Any) -> dict[str, Any]:
    if stream and wire in {"openai", "llama"}:
        more["stream_options"] = {"include_usage": True}
    answer = await running.send(wire, text, stream=stream, **more)
    row = {
        "wire": _NAMES.get(wire, wire),
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "body": answer.text,
    }
    found: dict[str, Any] = decode_line(row)
    return found


@pytest.mark.parametrize("wire", WIRES)
async def test_streamed_and_whole_answers_mean_the_same(running: Bench, wire: str) -> None:
    """Text, finish and usage of the stream are those of the whole answer."""
    whole = await _decoded(running, wire, "Explain how sails work", stream=False)
    streamed = await _decoded(running, wire, "Explain how sails work", stream=True)
    for field in ("text", "finish", "usage", "tool_calls", "error"):
        assert whole[field] == streamed[field]
    assert whole["error"] is None
    assert whole["finish"] == "stop"
    assert "sails" in whole["text"]
    usage = whole["usage"]
    assert usage["output"] > usage["reasoning"] >= 0
    assert usage["input"] > 0
    assert (usage["reasoning"] > 0) == (wire not in {"perplexity", "llama"})


@pytest.mark.parametrize("wire", sorted(_TOOLS))
@pytest.mark.parametrize("stream", [True, False])
async def test_calls_are_read(running: Bench, wire: str, stream: bool) -> None:
    """A tool call has its name and its arguments, and finishes as one."""
    found = await _decoded(running, wire, "Use get_tide for Brest", stream=stream, tools=_TOOLS[wire])
    assert found["tool_calls"] == [{"name": "get_tide", "arguments": {"port": "Brest"}}]
    assert (found["finish"], found["text"]) == ("tool_calls", "")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [True, False])
async def test_limits_and_refusals_are_read(running: Bench, wire: str, stream: bool) -> None:
    """A cut answer finishes with `length`; a refusal as its provider says."""
    names = {"openai": "max_completion_tokens", "responses": "max_output_tokens", "gemini": ""}
    limit: dict[str, Any] = {names.get(wire, "max_tokens"): 24}
    if wire == "gemini":
        limit = {"generationConfig": {"maxOutputTokens": 24}}
    short = await _decoded(running, wire, "Explain how sails work", stream=stream, **limit)
    assert short["finish"] == "length"
    assert short["usage"]["output"] == 24
    running.simulator.plan("refuse")
    refused = await _decoded(running, wire, "Explain how sails work", stream=stream)
    known = {"openai": "refusal", "responses": "refusal", "anthropic": "refusal", "gemini": "content_filter"}
    assert refused["finish"] == known.get(wire, "stop")


@pytest.mark.parametrize("wire", WIRES)
async def test_failures_are_read(running: Bench, wire: str) -> None:
    """An error status, an error after a 200 and a missing end each give an error, never a good answer."""
    running.simulator.plan(Fault("status", status=503))
    refused = await _decoded(running, wire, "hi", stream=True)
    assert refused["error"]["status"] == 503
    for fault in (
        Fault("error_event", after_chunks=2),
        Fault("close", after_chunks=2),
        Fault("malformed", after_chunks=2),
    ):
        running.simulator.plan(fault)
        broken = await _decoded(running, wire, "Explain how sails work", stream=True)
        assert broken["error"] is not None, fault.kind
        assert broken["finish"] == "error"
