"""What is sent to Anthropic, and how its replies are read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Completion
from shared.core.faults import Cut, Overloaded, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall, ToolChoice, ask
from shared.core.schema import Schema
from shared.core.usage import Usage
from tests.contract.llm.specs import HAIKU, SONNET

WIRE = WIRES["anthropic"]
TOOL = Tool(
    "look", "Looks.", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}, strict=True
)


def sent(prompt: Prompt, spec: ModelSpec = SONNET) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(spec, prompt, stream=True, request_id="t").body)
    return body


def heard(*events: dict[str, Any]) -> Completion:
    reader = WIRE.reader(200, {"content-type": "text/event-stream"})
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return collect([*reader.feed(body.encode()), *reader.end()])


def test_the_limit_is_always_sent_and_the_system_prompt_stands_apart() -> None:
    """max_tokens falls back on the model's own limit; no message has the role `system`."""
    body = sent(Prompt((Message("system", "A"), Message("user", "q"), Message("system", "B"))))
    assert body["max_tokens"] == SONNET.max_output
    assert body["system"] == "A\n\nB"
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert sent(replace(ask("q"), max_output=9))["max_tokens"] == 9
    assert (
        WIRE.encode(SONNET, ask("q"), stream=True, request_id="t").headers["anthropic-version"]
        == "2023-06-01"
    )


def test_neighbours_of_one_role_are_one_turn_and_results_are_the_users() -> None:
    """Two results in a row and what the user says after them are one turn; blank text is left out."""
    calls = (ToolCall("toolu_1", "look", '{"n":1}'), ToolCall("toolu_2", "look", "not json"))
    prompt = Prompt(
        (
            Message("user", "q"),
            Message("assistant", "  ", tool_calls=calls),
            Message("tool", "one", tool_call_id="toolu_1"),
            Message("tool", "", tool_call_id="toolu_2"),
            Message("user", "go on"),
        )
    )
    turns = sent(prompt)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["type"] for block in turns[1]["content"]] == ["tool_use", "tool_use"]
    assert [block.get("input") for block in turns[1]["content"]] == [{"n": 1}, {"arguments": "not json"}]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "tool_result", "text"]
    assert turns[2]["content"][1]["content"] == []


def test_a_model_that_can_not_be_forced_is_told_in_words() -> None:
    """Forced tools are a 400 on the larger models: `auto` with an instruction; on others they are forced."""
    prompt = Prompt((Message("user", "q"),), tools=(TOOL,), tool_choice=ToolChoice("required", "look"))
    told = sent(prompt)
    assert told["tool_choice"] == {"type": "auto"}
    assert "`look`" in told["system"]
    forced = sent(replace(prompt, parallel_tool_calls=False), HAIKU)
    assert forced["tool_choice"] == {"type": "tool", "name": "look", "disable_parallel_tool_use": True}
    assert "system" not in forced
    assert sent(replace(prompt, tool_choice=ToolChoice("required")), HAIKU)["tool_choice"] == {"type": "any"}
    assert sent(replace(prompt, tool_choice=ToolChoice("none")))["tool_choice"] == {"type": "none"}


def test_schemas_are_sent_in_the_dialect_and_the_rest_is_told() -> None:
    """Every object is closed; bounds that the dialect lacks are said in the description."""
    schema = Schema("s", {"type": "object", "properties": {"t": {"type": "string", "maxLength": 5}}})
    form = sent(replace(ask("q"), schema=schema, effort="minimal"))["output_config"]
    assert form["effort"] == "low"
    assert form["format"]["type"] == "json_schema"
    assert form["format"]["schema"] == {
        "type": "object",
        "properties": {"t": {"type": "string", "description": "(maxLength: 5)"}},
        "additionalProperties": False,
    }
    tool = sent(Prompt((Message("user", "q"),), tools=(TOOL,)))["tools"][0]
    assert tool["strict"] is True
    assert tool["input_schema"]["additionalProperties"] is False
    bare = sent(Prompt((Message("user", "q"),), tools=(Tool("f"),)))["tools"][0]
    assert bare["input_schema"] == {"type": "object", "properties": {}}


def test_no_sampling_and_no_prefill() -> None:
    """Today's models refuse both: the first is left out, the second is rejected here."""
    prompt = replace(ask("q"), temperature=0.2, top_p=0.4, stop=("X",))
    body = sent(prompt)
    assert not {"temperature", "top_p"} & body.keys()
    assert body["stop_sequences"] == ["X"]
    assert sent(prompt, replace(HAIKU, sampling=True)).keys() & {"temperature", "top_p"} == {"temperature"}
    with pytest.raises(Rejected):
        sent(Prompt((Message("user", "q"), Message("assistant", "a")), continue_final=True))


def test_images_by_value_and_by_address() -> None:
    """A data URL becomes base64 with its media type; an address stays one."""
    images = (
        Image("data:image/gif;base64,R0lG"),
        Image("data:text/plain,a%20b"),
        Image("https://e.org/a.png"),
    )
    blocks = sent(Prompt((Message("user", images=images),)))["messages"][0]["content"]
    assert [block["source"] for block in blocks] == [
        {"type": "base64", "media_type": "image/gif", "data": "R0lG"},
        {"type": "base64", "media_type": "text/plain", "data": "YSBi"},
        {"type": "url", "url": "https://e.org/a.png"},
    ]
    with pytest.raises(Rejected):
        sent(Prompt((Message("user", images=(Image("data:image/gif"),)),)))


MESSAGE: dict[str, Any] = {"id": "msg", "model": "claude", "usage": {"input_tokens": 10}}
START = {"type": "message_start", "message": MESSAGE}
STOP = {"type": "message_stop"}


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def arguments(index: int, text: str) -> dict[str, Any]:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "input_json_delta", "partial_json": text},
    }


def ending(reason: str, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def test_usage_adds_the_cache_and_keeps_what_a_later_report_leaves_out() -> None:
    """Input is fresh, read and written together; the last report counts field by field."""
    counted = {"input_tokens": 10, "cache_read_input_tokens": 100}
    start = {**START, "message": {**MESSAGE, "usage": counted}}
    end = ending("end_turn", output_tokens=7, cache_creation_input_tokens=50)
    end["usage"]["output_tokens_details"] = {"thinking_tokens": 3}
    answer = heard(start, end, STOP)
    assert answer.usage == Usage(input=160, cache_read=100, cache_write=50, output=7, reasoning=3)


def test_blocks_of_the_provider_are_not_ours() -> None:
    """Server tools and their input are neither text nor calls; ours are, with their index counted apart."""
    answer = heard(
        START,
        begin(0, type="server_tool_use", id="s", name="w"),
        arguments(0, '{"q":1}'),
        begin(1, type="tool_use", id="t", name="look"),
        arguments(1, '{"n"'),
        arguments(1, ":2}"),
        {"type": "content_block_stop", "index": 1},
        begin(2, type="tool_use", id="u", name="look", input={"n": 3}),
        {"type": "content_block_stop", "index": 2},
        {"type": "ping"},
        {"type": "some_event_of_tomorrow"},
        ending("tool_use"),
        STOP,
    )
    assert answer.tool_calls == (ToolCall("t", "look", '{"n":2}'), ToolCall("u", "look", '{"n":3}'))
    assert answer.finish == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
    ],
)
def test_a_stop_reason_is_its_finish(reason: str, finish: str) -> None:
    """Each reason that Anthropic has."""
    assert heard(START, ending(reason), STOP).finish == finish


def test_an_overload_inside_a_200_is_an_overload() -> None:
    """The event `error` carries Anthropic's own type; what had come before it stays."""
    reader = WIRE.reader(200, {})
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(Overloaded, match="Overloaded") as raised:
        reader.feed(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
    assert (raised.value.provider_status, raised.value.provider_code) == (200, "overloaded_error")


def test_a_stream_without_its_reason_is_cut() -> None:
    """Text alone is no end."""
    with pytest.raises(Cut):
        heard(START)
