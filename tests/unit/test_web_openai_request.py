"""OpenAI chat requests: what is read, and what is refused with the name of its field."""

from typing import Any

import pytest

from functions.web.errors import Invalid
from functions.web.openai_request import chat_body
from shared.core.faults import BadRequest
from shared.core.prompt import Image, Message, Tool, ToolCall, ToolChoice

USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [USER]} | more


def test_the_least_request_is_a_prompt_with_defaults() -> None:
    """Only a model and a message are needed; null is absent."""
    names = "stream n max_tokens temperature top_p seed stop tools tool_choice response_format stream_options"
    plain = chat_body(body())
    assert plain == chat_body(body(**dict.fromkeys(names.split())))
    assert (plain.model, plain.stream, plain.n, plain.include_usage) == ("auto", False, 1, False)
    assert plain.prompt.messages == (Message("user", "Hello"),)
    assert plain.prompt.max_output is None


def test_everything_that_can_be_said_arrives() -> None:
    """Each served field has its place in the prompt."""
    read = chat_body(
        body(
            stream=True,
            stream_options={"include_usage": True},
            n=3,
            max_completion_tokens=100,
            max_tokens=50,
            temperature=0.5,
            top_p=1,
            seed=-7,
            stop=["a", "b"],
            reasoning_effort="low",
            tools=[TOOL],
            tool_choice={"type": "function", "function": {"name": "add"}},
            parallel_tool_calls=False,
            response_format=SCHEMA,
        )
    )
    prompt = read.prompt
    assert (read.stream, read.include_usage, read.n) == (True, True, 3)
    assert (prompt.max_output, prompt.temperature, prompt.top_p, prompt.seed) == (100, 0.5, 1.0, -7)
    assert (prompt.stop, prompt.effort, prompt.parallel_tool_calls) == (("a", "b"), "low", False)
    assert prompt.tools == (Tool("add", "", {"type": "object"}),)
    assert prompt.tool_choice == ToolChoice("required", "add")
    assert prompt.schema is not None
    assert (prompt.schema.name, prompt.schema.strict) == ("x", True)


def test_a_whole_conversation_arrives_in_order() -> None:
    """Developer is system; parts are text and images; calls and their answers keep their ids."""
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                {"type": "text", "text": "this?"},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "3"}]},
        {"role": "assistant", "content": "Three."},
    ]
    assert chat_body(body(messages=messages)).prompt.messages == (
        Message("system", "Be brief."),
        Message("user", "What is\nthis?", (Image("data:image/png;base64,AA", "low"),)),
        Message("assistant", "", tool_calls=(ToolCall("c1", "add", "{}"),)),
        Message("tool", "3", tool_call_id="c1"),
        Message("assistant", "Three."),
    )


def test_fields_that_only_tune_are_ignored() -> None:
    """Unknown fields and those that we don't serve but that change no shape leave the prompt as it is."""
    extra = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": True,
        "presence_penalty": 1,
        "logit_bias": {},
        "zzz": [1],
    }
    assert chat_body(body(**extra)) == chat_body(body())


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": 5}, "model"),
    ({"model": ""}, "model"),
    ({"model": "a\ud800"}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [USER] * 2049}, "messages"),
    ({"messages": [{}]}, "messages[0].role"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": 5, "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0].image_url",
    ),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}],
                }
            ]
        },
        "messages[0].content[0].image_url.url",
    ),
    ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "assistant"}]}, "messages[0].content"),
    ({"messages": [USER | {"name": 5}]}, "messages[0].name"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c9"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, "messages[0]"),
    ({"messages": [{"role": "assistant", "tool_calls": [CALL]}, USER]}, "messages[0]"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
        "messages[0].tool_calls[0].function",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [CALL | {"type": "x"}]}]},
        "messages[0].tool_calls[0].type",
    ),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"stream": True, "stream_options": []}, "stream_options"),
    ({"n": 0}, "n"),
    ({"n": 9}, "n"),
    ({"n": True}, "n"),
    ({"n": 1.5}, "n"),
    ({"n": "2"}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 1e22}, "max_tokens"),
    ({"max_completion_tokens": "5"}, "max_completion_tokens"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": -0.1}, "top_p"),
    ({"seed": 0.5}, "seed"),
    ({"seed": 2**63}, "seed"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"stop": 5}, "stop"),
    ({"stop": [5]}, "stop[0]"),
    ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ({"reasoning_effort": 1}, "reasoning_effort"),
    ({"tools": {}}, "tools"),
    ({"tools": [5]}, "tools[0]"),
    ({"tools": [{"type": "custom"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
    ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
    ({"tools": [TOOL] * 129}, "tools"),
    (
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "nope"}}}]},
        "tools[0].function.parameters",
    ),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": "never", "tools": [TOOL]}, "tool_choice"),
    ({"tool_choice": 5, "tools": [TOOL]}, "tool_choice"),
    ({"tool_choice": {"type": "function"}, "tools": [TOOL]}, "tool_choice.function"),
    ({"tool_choice": {"type": "function", "function": {"name": "sub"}}, "tools": [TOOL]}, "tool_choice"),
    ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        "response_format.json_schema.schema",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "nope"}},
            }
        },
        "response_format",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"$ref": "#/nowhere"}},
            }
        },
        "response_format",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"$ref": "file:///etc/hostname"}},
            }
        },
        "response_format",
    ),
    ({"functions": []}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"logprobs": True}, "logprobs"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "x"}}, "audio"),
]


@pytest.mark.parametrize(
    ("change", "param"), WRONG, ids=[f"{param}-{number}" for number, (_, param) in enumerate(WRONG)]
)
def test_a_wrong_field_is_refused_by_its_name(change: dict[str, Any], param: str) -> None:
    """One field wrong, one BadRequest that names it by its whole path."""
    with pytest.raises(BadRequest) as refused:
        chat_body(body() | change)
    assert refused.value.param == param
    assert len(refused.value.message) < 400


def test_a_schema_never_makes_us_fetch_anything() -> None:
    """A reference to an address is broken, not followed: no file is read and no socket opened."""
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    with pytest.raises(Invalid, match="disabled"):
        chat_body(body(tools=[{"type": "function", "function": {"name": "a", "parameters": schema}}]))
