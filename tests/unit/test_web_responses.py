"""The Responses endpoint: OpenAI's newer interface over the same verb, without memory between requests."""

from typing import Any

import httpx
import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from functions.web.responses_request import responses_body
from shared.core.chunk import Citation, Ended, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import BadRequest, Cut, Overloaded
from shared.core.leg import Restarted
from shared.core.prompt import Image, Message, Tool, ToolCall, ToolChoice
from shared.core.usage import Usage
from tests.unit.web_engine import Engine, Scripted

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
BODY: dict[str, Any] = {"model": "gpt-6-luna", "input": "Hello"}
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "3"}
ALL_KINDS: list[Scripted] = [
    (0, Reasoning("Hm.")),
    (0, Text("Two ")),
    (0, Text("words")),
    (0, Citation("https://example.org/", "Tea")),
    (0, ToolCallPart(0, "call_1", "add", "")),
    (0, ToolCallPart(0, arguments='{"a":')),
    (0, ToolCallPart(1, "call_2", "sub", "{}")),
    (0, ToolCallPart(0, arguments="1}")),
    (0, Ended("tool_calls")),
    (0, Used(Usage(input=9, output=4, reasoning=2, cache_read=3))),
]


async def ask(engine: Engine, **more: Any) -> httpx.Response:
    async with engine.client() as client:
        return await client.post("/v1/responses", json=BODY | more)


def events(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(block.split("data: ", 1)[1]) for block in text.strip().split("\n\n")]


async def test_a_whole_response_is_what_openais_library_reads() -> None:
    """It validates against OpenAI's own type and has every kind of item in its place."""
    engine = Engine()
    engine.chat.script = ALL_KINDS
    answer = await ask(engine, temperature=0.5, metadata={"a": "b"})
    seen = Response.model_validate(answer.json())
    assert (seen.status, seen.temperature, seen.metadata) == ("completed", 0.5, {"a": "b"})
    assert seen.output_text == "Two words"
    assert [item.type for item in seen.output] == ["reasoning", "message", "function_call", "function_call"]
    calls = [
        (item.call_id, item.name, item.arguments) for item in seen.output if item.type == "function_call"
    ]
    assert calls == [("call_1", "add", '{"a":1}'), ("call_2", "sub", "{}")]
    assert seen.usage is not None
    assert (seen.usage.total_tokens, seen.usage.output_tokens_details.reasoning_tokens) == (13, 2)
    assert answer.headers["x-chatsmart-cost-micros"] == "42"
    assert answer.json()["chatsmart"]["simulated"] is True


async def test_a_stream_builds_up_to_the_same_response() -> None:
    """Every event validates; they are numbered; deltas add up; the last event repeats the whole."""
    engine = Engine()
    engine.chat.script = ALL_KINDS
    whole = (await ask(engine)).json()
    streamed = events((await ask(engine, stream=True)).text)
    for event in streamed:
        EVENT.validate_python(event)
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))
    kinds = [event["type"] for event in streamed]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 4
    text = "".join(event["delta"] for event in streamed if event["type"] == "response.output_text.delta")
    assert text == "Two words"
    arguments: dict[int, str] = {}
    for event in streamed:
        if event["type"] == "response.function_call_arguments.delta":
            arguments[event["output_index"]] = arguments.get(event["output_index"], "") + event["delta"]
    assert list(arguments.values()) == ['{"a":1}', "{}"]
    last = streamed[-1]["response"]
    assert [plain(item) for item in last["output"]] == [plain(item) for item in whole["output"]]
    assert last["usage"] == whole["usage"]


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item without its id, which holds the trace."""
    return {name: value for name, value in item.items() if name != "id"}


async def test_an_answer_that_is_cut_short_says_so() -> None:
    """A limit reached is `incomplete` with its reason; refusals have their own part."""
    engine = Engine()
    engine.chat.script = [(0, Text("Half a")), (0, Ended("length"))]
    short = Response.model_validate((await ask(engine)).json())
    assert short.status == "incomplete"
    assert short.incomplete_details is not None
    assert short.incomplete_details.reason == "max_output_tokens"
    assert events((await ask(engine, stream=True)).text)[-1]["type"] == "response.incomplete"
    engine.chat.script = [(0, Refusal("No.")), (0, Ended("refusal"))]
    refused = (await ask(engine)).json()["output"][0]["content"][0]
    assert refused == {"type": "refusal", "refusal": "No."}


async def test_faults_have_a_status_before_and_an_event_after_the_first_piece() -> None:
    """The same law as for chat completions."""
    engine = Engine()
    engine.chat.refuses = Overloaded()
    answer = await ask(engine, stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_overloaded")
    engine.chat.refuses = None
    engine.chat.script = [(0, Text("Half")), Cut()]
    last = events((await ask(engine, stream=True)).text)[-1]
    assert (last["type"], last["code"]) == ("error", "provider_cut")
    engine.chat.script = [(0, Text("Half")), (0, Restarted(2)), (0, Text("All")), (0, Ended("stop"))]
    assert Response.model_validate((await ask(engine)).json()).output_text == "All"


def test_everything_that_can_be_said_arrives() -> None:
    """Items become turns: calls that follow words or one another are one turn; thinking that comes back is dropped."""
    read = responses_body(
        {
            "model": "auto",
            "instructions": "Be brief.",
            "input": [
                {"role": "developer", "content": "In English."},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": "https://example.org/a.png"},
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Let me see."}],
                },
                CALL,
                CALL | {"call_id": "c2"},
                RESULT,
                RESULT | {"call_id": "c2", "output": [{"type": "input_text", "text": "4"}]},
            ],
            "stream": True,
            "max_output_tokens": 100,
            "reasoning": {"effort": "low"},
            "tools": [TOOL],
            "tool_choice": {"type": "function", "name": "add"},
            "text": {
                "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}
            },
        }
    )
    prompt = read.prompt
    assert prompt.messages == (
        Message("system", "Be brief."),
        Message("system", "In English."),
        Message("user", "What is this?", (Image("https://example.org/a.png"),)),
        Message(
            "assistant", "Let me see.", tool_calls=(ToolCall("c1", "add", "{}"), ToolCall("c2", "add", "{}"))
        ),
        Message("tool", "3", tool_call_id="c1"),
        Message("tool", "4", tool_call_id="c2"),
    )
    assert (read.stream, prompt.max_output, prompt.effort) == (True, 100, "low")
    assert prompt.tools == (Tool("add", "", {"type": "object"}, strict=True),)
    assert prompt.tool_choice == ToolChoice("required", "add")
    assert prompt.schema is not None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"input": None}, "input"),
    ({"input": 5}, "input"),
    ({"input": []}, "input"),
    ({"input": [5]}, "input[0]"),
    ({"input": "a\ud800"}, "input"),
    ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///x"}]}]},
        "input[0].content[0].image_url",
    ),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ({"input": [RESULT]}, "input"),
    ({"input": [CALL]}, "input"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"background": True}, "background"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [TOOL, TOOL]}, "tools[1].name"),
    ({"tools": [{"type": "function", "name": "a", "parameters": {"type": "nope"}}]}, "tools[0].parameters"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "nope"}}}}, "text.format"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("change", "param"), WRONG, ids=[f"{p}-{n}" for n, (_, p) in enumerate(WRONG)])
def test_a_wrong_field_is_refused_by_its_name(change: dict[str, Any], param: str) -> None:
    """One field wrong, one BadRequest that names it by its whole path."""
    with pytest.raises(BadRequest) as refused:
        responses_body(BODY | change)
    assert refused.value.param == param
