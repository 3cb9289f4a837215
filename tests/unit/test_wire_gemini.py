"""What is sent to Gemini, and how its replies are read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Citation, Completion
from shared.core.faults import Cut, Malformed, Overloaded, Throttled
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall, ToolChoice, ask
from shared.core.schema import Schema
from shared.core.usage import Usage
from tests.contract.llm.specs import FLASH

WIRE = WIRES["gemini"]


def sent(prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(FLASH, prompt, stream=True, request_id="t").body)
    return body


def piece(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts)}, **more.pop("candidate", {})}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "abc", "modelVersion": "g", **more}


def heard(*events: dict[str, Any]) -> Completion:
    reader = WIRE.reader(200, {"content-type": "text/event-stream"})
    body = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events)
    return collect([*reader.feed(body.encode()), *reader.end()])


def test_model_and_method_are_in_the_path() -> None:
    """Streams ask for server-sent events; whole replies have a method of their own."""
    streamed = WIRE.encode(FLASH, ask("q"), stream=True, request_id="t")
    assert streamed.path == "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    assert WIRE.encode(FLASH, ask("q"), stream=False, request_id="t").path.endswith(":generateContent")
    assert WIRE.credential("k") == {"x-goog-api-key": "k"}


def test_the_conversation_is_told_in_contents() -> None:
    """Roles are user and model; a result is an object under its call's name; a replayed call has a signature."""
    turns = (
        Message("system", "S"),
        Message("user", "q"),
        Message("assistant", tool_calls=(ToolCall("c1", "look", '{"n":1}'), ToolCall("c2", "see", ""))),
        Message("tool", '{"a":2}', tool_call_id="c1"),
        Message("tool", "plain", tool_call_id="c2"),
    )
    body = sent(Prompt(turns))
    assert body["systemInstruction"] == {"parts": [{"text": "S"}]}
    user, model, results = body["contents"]
    assert (user["role"], model["role"], results["role"]) == ("user", "model", "user")
    assert [part["functionCall"]["args"] for part in model["parts"]] == [{"n": 1}, {}]
    assert all(part["thoughtSignature"] for part in model["parts"])
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"id": "c1", "name": "look", "response": {"a": 2}},
        {"id": "c2", "name": "see", "response": {"result": "plain"}},
    ]


def test_tools_schema_and_limits() -> None:
    """Declarations and answers are JSON Schema; one named tool is the only one allowed."""
    tool = Tool("look", "Looks.", {"type": "object", "properties": {}})
    prompt = Prompt((Message("user", "q"),), tools=(tool,), tool_choice=ToolChoice("required", "look"))
    body = sent(prompt)
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == dict(tool.parameters)
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["look"]}
    schema = Schema("s", {"type": "object"})
    config = sent(
        replace(ask("q"), schema=schema, max_output=7, stop=("X",), effort="none", temperature=0.1)
    )["generationConfig"]
    assert config == {
        "maxOutputTokens": 7,
        "stopSequences": ["X"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "minimal"},
    }


def test_images_by_value_and_by_address() -> None:
    """A data URL travels inline; an address is a file with a guessed type."""
    images = (Image("data:image/gif;base64,R0lG"), Image("https://e.org/a.png?x=1"))
    parts = sent(Prompt((Message("user", "q", images=images),)))["contents"][0]["parts"]
    assert parts[1:] == [
        {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://e.org/a.png?x=1"}},
    ]


def test_a_stream_without_finish_reason_is_cut() -> None:
    """There is no end mark but the reason."""
    with pytest.raises(Cut):
        heard({"candidates": [], "usageMetadata": {"promptTokenCount": 1}})
    assert heard(piece({"text": "A"}), piece(finish="STOP")).text == "A"


def test_usage_is_the_last_total_with_thoughts_and_tool_prompts() -> None:
    """Output is candidates and thoughts, input is prompt and what tools read; totals replace one another."""
    first = {"promptTokenCount": 5, "thoughtsTokenCount": 90}
    last = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 4,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
    }
    answer = heard(piece({"text": "A"}, usageMetadata=first), piece(finish="STOP", usageMetadata=last))
    assert answer.usage == Usage(input=14, cache_read=3, output=50, reasoning=30)


def test_thoughts_code_and_the_providers_tools_are_not_the_answer() -> None:
    """Only plain text parts are text, only functionCall parts are calls."""
    answer = heard(
        piece(
            {"text": "thinking", "thought": True},
            {"executableCode": {"code": "print(1)"}},
            {"codeExecutionResult": {"output": "1"}},
            {"toolCall": {"toolType": "search"}},
            {"text": "A"},
        ),
        piece(
            {"functionCall": {"name": "f", "args": {"x": 1}}}, {"functionCall": {"name": "g"}}, finish="STOP"
        ),
    )
    assert (answer.text, answer.reasoning, answer.finish) == ("A", "thinking", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
        ("call_abc_0", "f", '{"x":1}'),
        ("call_abc_1", "g", ""),
    ]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("A_REASON_OF_TOMORROW", "other"),
    ],
)
def test_a_finish_reason_is_its_finish(reason: str, finish: str) -> None:
    """The safety family is one; what is unknown is `other`, not a crash."""
    assert heard(piece(finish=reason)).finish == finish


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"])
def test_what_gemini_spoilt_is_no_answer(reason: str) -> None:
    """Another model may do better: it is a fault, after the text that had come."""
    with pytest.raises(Malformed, match="format"):
        heard(piece(finish=reason))


def test_a_continuation_is_no_end() -> None:
    """A stream that stops at Gemini's own limit is cut: the ladder goes on from it."""
    with pytest.raises(Cut):
        heard(piece(finish="CONTINUATION"))


def test_a_blocked_prompt_is_filtered_content() -> None:
    """No candidate, but feedback on the prompt."""
    answer = heard({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert (answer.text, answer.finish) == ("", "content_filter")


def test_sources_are_cited_once() -> None:
    """Grounding repeats its chunks from event to event."""
    grounding = {"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://e.org", "title": "E"}}]}}
    answer = heard(piece({"text": "A"}, candidate=grounding), piece(finish="STOP", candidate=grounding))
    assert answer.citations == (Citation("https://e.org", "E"),)


def test_errors_carry_googles_word_number_and_wait() -> None:
    """In a list or not, as a status or inside a stream: code, status and RetryInfo are read."""
    error = {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "Quota.",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}],
    }
    reader = WIRE.reader(429, {})
    reader.feed(json.dumps([{"error": error}]).encode())
    with pytest.raises(Throttled, match="Quota") as raised:
        reader.end()
    assert (raised.value.retry_after, raised.value.provider_code) == (17.5, "RESOURCE_EXHAUSTED")
    inside = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Overloaded."}}
    with pytest.raises(Overloaded) as later:
        heard(inside)
    assert later.value.provider_status == 503
    bare = WIRE.reader(200, {"content-type": "text/event-stream"})
    text = f"data: {json.dumps(piece({'text': 'A'}))}\r\n\r\n{json.dumps(inside, indent=2)}\r\n"
    bare.feed(text.encode())
    with pytest.raises(Overloaded):
        bare.end()
