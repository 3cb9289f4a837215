"""What is sent to OpenAI, vLLM and Perplexity, and how their replies are read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.llm.wire import Reader
from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Chunk, Citation, Completion, Ended, Text
from shared.core.faults import Cut, Overloaded, Refused, Rejected, Throttled
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall, ToolChoice, ask
from shared.core.schema import Schema
from tests.contract.llm.specs import LLAMA, LUNA, SOL, SONAR

CLOSED = Schema(
    "point",
    {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
    description="A point.",
)
OPEN = Schema("loose", {"type": "object", "properties": {"x": {"type": "number"}}})
TALK = (
    Message("system", "Be brief."),
    Message("user", "Weather?"),
    Message("assistant", tool_calls=(ToolCall("call_1", "weather", '{"city":"Oslo"}'),)),
    Message("tool", "Rain.", tool_call_id="call_1"),
)
WEATHER = Tool(
    "weather", "Tells.", {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}}
)


def sent(spec: ModelSpec, prompt: Prompt, *, stream: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        WIRES[spec.wire].encode(spec, prompt, stream=stream, request_id="t-s").body
    )
    return body


def heard(wire: str, *events: object) -> Completion:
    return collect(chunks(wire, *events))


def chunks(wire: str, *events: object) -> list[Chunk]:
    reader = WIRES[wire].reader(200, {"content-type": "text/event-stream"})
    body = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
    out = [*reader.feed(body.encode())]
    return [*out, *reader.end()]


def raise_from(reader: Reader, body: str) -> None:
    reader.feed(body.encode())
    reader.end()
    reader.end()


def delta(finish: str | None = None, **fields: object) -> dict[str, Any]:
    return {"id": "r", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def test_chat_asks_for_usage_and_no_padding() -> None:
    """A stream reports its usage and carries no obfuscation; a whole reply asks for neither."""
    streamed = sent(LUNA, replace(ask("Hi."), max_output=50))
    assert streamed["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert streamed["max_completion_tokens"] == 50
    assert "stream_options" not in sent(LUNA, ask("Hi."), stream=False)


def test_sampling_goes_only_to_models_that_take_it() -> None:
    """Today's models answer temperature and seed with a 400; the ones that take them get them."""
    prompt = replace(ask("Hi."), temperature=0.5, top_p=0.9, seed=7)
    assert not {"temperature", "top_p", "seed"} & sent(LUNA, prompt).keys()
    assert not {"temperature", "top_p"} & sent(SOL, prompt).keys()
    taken = sent(replace(LUNA, sampling=True), prompt)
    assert (taken["temperature"], taken["top_p"], taken["seed"]) == (0.5, 0.9, 7)
    assert sent(LLAMA, prompt)["seed"] == 7


def test_a_schema_is_strict_where_strict_mode_can_take_it() -> None:
    """Every object closed and every property required is strict; a schema with options is sent as a wish."""
    strict = sent(LUNA, replace(ask("Hi."), schema=CLOSED))["response_format"]["json_schema"]
    assert strict["strict"] is True
    assert strict["schema"]["additionalProperties"] is False
    assert strict["description"] == "A point."
    loose = sent(LUNA, replace(ask("Hi."), schema=OPEN))["response_format"]["json_schema"]
    assert loose == {"name": "loose", "schema": dict(OPEN.body), "strict": False}
    form = sent(SOL, replace(ask("Hi."), schema=CLOSED))["text"]["format"]
    assert (form["type"], form["name"], form["strict"]) == ("json_schema", "point", True)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "object", "allOf": [{"type": "object"}]},
        {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}, "required": ["a"]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [{"type": "object"}], "type": "object"},
    ],
)
def test_what_strict_mode_lacks_is_not_sent_as_strict(body: dict[str, Any]) -> None:
    """Keywords outside OpenAI's dialect, open objects and other roots would be a 400."""
    sent_schema = sent(LUNA, replace(ask("Hi."), schema=Schema("s", body)))["response_format"]["json_schema"]
    assert sent_schema["strict"] is False
    assert sent_schema["schema"] == body


def test_json_mode_says_json() -> None:
    """OpenAI refuses its JSON mode unless some message says the word."""
    prompt = replace(ask("Hi."), json_object=True)
    assert "JSON" in sent(LUNA, prompt)["messages"][0]["content"]
    assert "JSON" in sent(SOL, prompt)["input"][0]["content"]
    said = replace(ask("Give me json."), json_object=True)
    assert len(sent(LUNA, said)["messages"]) == 1
    assert sent(SOL, said)["text"] == {"format": {"type": "json_object"}}


def test_a_conversation_with_tools_is_told_in_each_wires_way() -> None:
    """Calls and results keep their ids; Chat nests them in messages, Responses makes items of them."""
    prompt = Prompt(TALK, tools=(WEATHER,), tool_choice=ToolChoice(name="weather"), parallel_tool_calls=False)
    chat = sent(LUNA, prompt)
    assert chat["messages"][2]["content"] is None
    assert chat["messages"][2]["tool_calls"][0]["id"] == chat["messages"][3]["tool_call_id"] == "call_1"
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert chat["parallel_tool_calls"] is False
    responses = sent(SOL, prompt)
    assert [item.get("type", item.get("role")) for item in responses["input"]] == [
        "system",
        "user",
        "function_call",
        "function_call_output",
    ]
    assert responses["tools"][0]["strict"] is False
    assert responses["tool_choice"] == {"type": "function", "name": "weather"}
    assert responses["store"] is False


def test_ids_that_another_provider_made_are_taken_by_every_wire() -> None:
    """An id that is too long or oddly spelt becomes the same plain one for call and result."""
    long = "toolu|" + "x" * 80
    turns = (
        Message("assistant", tool_calls=(ToolCall(long, "f", ""),)),
        Message("tool", "y", tool_call_id=long),
    )
    chat = sent(LUNA, Prompt((Message("user", "q"), *turns)))["messages"]
    assert chat[1]["tool_calls"][0]["id"] == chat[2]["tool_call_id"]
    assert len(chat[2]["tool_call_id"]) <= 40
    assert chat[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_images_are_parts_of_what_the_user_says() -> None:
    """Chat and Responses name the same image each in its own shape; a tool's image has no place in Chat."""
    prompt = Prompt((Message("user", "What?", images=(Image("https://e.org/a.png", "low"),)),))
    assert sent(LUNA, prompt)["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "https://e.org/a.png", "detail": "low"},
    }
    assert sent(SOL, prompt)["input"][0]["content"][1] == {
        "type": "input_image",
        "image_url": "https://e.org/a.png",
        "detail": "low",
    }
    with pytest.raises(Rejected):
        sent(LUNA, Prompt((Message("tool", "x", images=(Image("https://e.org/a.png"),), tool_call_id="c"),)))


def test_what_a_wire_can_not_say_is_rejected_before_it_is_sent() -> None:
    """No request goes out that would silently mean something else."""
    with pytest.raises(Rejected, match="stop"):
        sent(SOL, replace(ask("Hi."), stop=("\n",)))
    with pytest.raises(Rejected, match="tools"):
        sent(SONAR, Prompt(TALK))
    begun = Prompt((Message("user", "q"), Message("assistant", "a")), continue_final=True)
    for spec in (LUNA, SOL, SONAR, replace(LLAMA, continues=False)):
        with pytest.raises(Rejected):
            sent(spec, begun)


def test_vllm_continues_exactly_and_reports_usage_on_every_chunk() -> None:
    """The two flags that belong together are sent together, and a cut answer can be billed."""
    begun = Prompt((Message("user", "q"), Message("assistant", "a")), continue_final=True)
    body = sent(LLAMA, begun)
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert body["stream_options"]["continuous_usage_stats"] is True
    assert body["request_id"] == "t-s"
    assert "continue_final_message" not in sent(LLAMA, ask("q"))


def test_vllm_gets_no_bounded_strings_and_a_grammar_for_forced_tools() -> None:
    """maxLength makes its grammar write control characters; without `strict` arguments are free text."""
    prompt = Prompt(TALK, tools=(WEATHER,), tool_choice=ToolChoice("required"))
    function = sent(LLAMA, prompt)["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["properties"]["city"] == {"type": "string", "description": "(maxLength: 9)"}
    assert WEATHER.parameters["properties"]["city"]["maxLength"] == 9
    assert "strict" not in sent(LLAMA, replace(prompt, tool_choice=ToolChoice()))["tools"][0]["function"]


def test_perplexity_gets_one_system_message_and_alternating_roles() -> None:
    """Its API refuses two turns of one role in a row."""
    prompt = Prompt(
        (Message("user", "a"), Message("system", "s"), Message("user", "b"), Message("assistant", "c"))
    )
    assert [(m["role"], m["content"]) for m in sent(SONAR, prompt)["messages"]] == [
        ("system", "s"),
        ("user", "a\n\nb"),
        ("assistant", "c"),
    ]


def test_perplexity_books_its_own_total_and_no_skeleton() -> None:
    """Zeros on the way are no cost; the last chunk's total is, and sources are told once."""
    zero = {"total_cost": 0.0, "input_tokens_cost": 0.0}
    final = {"total_cost": 0.0063, "request_cost": 0.006}
    first = delta(content="A") | {
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cost": zero},
        "citations": ["https://e.org/1"],
        "search_results": [{"url": "https://e.org/1", "title": "One"}],
    }
    early = heard("perplexity", first, delta("stop"))
    assert early.usage is not None
    assert early.usage.reported_cost_micros is None
    last = delta("stop") | {
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "num_search_queries": 1, "cost": final}
    }
    answer = heard("perplexity", first, first, last)
    assert answer.usage is not None
    assert (answer.usage.reported_cost_micros, answer.usage.searches) == (6300, 1)
    assert answer.citations == (Citation("https://e.org/1", "One"),)


def test_done_without_a_reason_is_a_cut() -> None:
    """A server that is stopped closes its stream with [DONE] in the middle of a sentence (seen with vLLM)."""
    with pytest.raises(Cut):
        chunks("vllm", "[DONE]")
    reader = WIRES["vllm"].reader(200, {})
    said = reader.feed(f"data: {json.dumps(delta(content='Half a'))}\n\ndata: [DONE]\n\n".encode())
    assert said == [Text("Half a")]
    with pytest.raises(Cut):
        reader.end()


def test_ended_comes_last_and_once() -> None:
    """Usage that follows the reason comes before Ended, and nothing comes after it."""
    usage = {"id": "r", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    seen = chunks(
        "openai-chat", delta(content="A"), delta("stop"), usage, "[DONE]", delta(content="more"), "[DONE]"
    )
    assert [type(chunk).__name__ for chunk in seen] == ["Text", "Used", "Ended"]


def test_a_null_usage_takes_nothing_back() -> None:
    """The last report counts, wherever it stands: a later null is none."""
    usage = {"id": "r", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    answer = heard("openai-chat", usage, delta("stop"), {"id": "r", "choices": [], "usage": None}, "[DONE]")
    assert answer.usage is not None
    assert answer.usage.input == 5


@pytest.mark.parametrize(
    ("event", "kind", "code"),
    [
        ({"error": {"message": "x", "code": 502}}, Overloaded, "502"),
        ({"error": {"message": "x", "type": "server_error", "code": None}}, Overloaded, "server_error"),
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, Throttled, "rate_limit_exceeded"),
        ({"error": {"message": "x", "code": "content_filter"}}, Refused, "content_filter"),
        ({"error": "x"}, Overloaded, "provider_overloaded"),
    ],
)
def test_an_error_inside_a_chat_stream_is_its_fault(event: object, kind: type[Exception], code: str) -> None:
    """A top-level `error` is a failure whatever the status was, in number, word or bare text."""
    with pytest.raises(kind, match="x") as raised:
        chunks("openai-chat", event)
    assert getattr(raised.value, "provider_code", None) == code


def test_responses_take_from_the_last_event_what_the_deltas_did_not_bring() -> None:
    """Text, arguments and usage that only the whole response has are not lost, and nothing comes twice."""
    output: list[dict[str, Any]] = [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello world"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "web_search_call", "id": "ws"},
    ]
    done = {"id": "r", "model": "m", "status": "completed", "output": output, "usage": {"input_tokens": 9}}
    answer = heard(
        "openai-responses",
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hello"},
        {"type": "response.output_item.added", "output_index": 1, "item": output[1] | {"arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a"'},
        {"type": "response.completed", "response": done},
    )
    assert answer.text == "Hello world"
    assert answer.tool_calls == (ToolCall("c1", "f", '{"a":1}'),)
    assert (answer.finish, answer.response_id) == ("tool_calls", "r")
    assert answer.usage is not None


@pytest.mark.parametrize(
    ("response", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "other"),
        ({"status": "queued"}, "other"),
        ({"status": "completed"}, "stop"),
    ],
)
def test_a_responses_status_is_its_finish(response: dict[str, Any], finish: str) -> None:
    """Each way in which a response ends, whole or as the last event."""
    reader = WIRES["openai-responses"].reader(200, {})
    reader.feed(json.dumps({"id": "r", "output": [], **response}).encode())
    assert reader.end()[-1] == Ended(finish, "r", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "x"}, Throttled),
        ({"type": "error", "code": None, "message": "x"}, Overloaded),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}},
            Overloaded,
        ),
        ({"type": "response.failed", "response": {"error": {"code": "bio_policy", "message": "x"}}}, Refused),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}, "output": []}, Overloaded),
    ],
)
def test_a_failed_response_is_its_fault(event: dict[str, Any], kind: type[Exception]) -> None:
    """An error event, a failed stream and a failed whole response."""
    reader = WIRES["openai-responses"].reader(200, {})
    text = json.dumps(event)
    body = f"data: {text}\n\n" if "type" in event else text
    with pytest.raises(kind, match="x"):
        raise_from(reader, body)
