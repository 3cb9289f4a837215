"""The conformance suite on every wire, with short replies written after the providers' own."""

import json
from dataclasses import replace
from typing import Any, ClassVar

from shared.adapters.llm.wires import WIRES
from shared.core.chunk import Completion
from shared.core.faults import Malformed, Overloaded, Refused, Throttled
from shared.core.model_spec import ModelSpec
from shared.core.prompt import ToolCall
from shared.core.usage import Usage
from tests.contract.llm.conformance import JSON, Conformance, Example
from tests.contract.llm.specs import FLASH, HAIKU, LLAMA, LUNA, SOL, SONAR

HELLO = "Hé\u2028o \U0001f600"
BILL = Usage(input=9, cache_read=4, output=5, reasoning=2)
CALL = (ToolCall("call_1", "look_up", '{"word":"quay"}'),)


def sse(*events: Any, end: str = "\n\n", named: bool = False) -> bytes:
    """Events as they stand on the wire, text unescaped."""
    lines = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        name = f"event: {event['type']}{end[: len(end) // 2]}" if named else ""
        lines.append(f"{name}data: {data}{end}")
    return "".join(lines).encode()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "r", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


CHAT_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CHAT_TEXT = (
    Example(
        "streamed",
        sse(delta(role="assistant", content=""), delta(content="Hé\u2028o"), delta(content=" \U0001f600"))
        + b": keep-alive\n\n"
        + sse(delta("stop"), {"id": "r", "choices": [], "usage": CHAT_USAGE}, "[DONE]"),
        Completion(HELLO, finish="stop", usage=BILL, response_id="r", model="m"),
    ),
    Example(
        "whole",
        json.dumps(
            {"choices": [{"message": {"content": HELLO}, "finish_reason": "length"}], "usage": CHAT_USAGE}
        ).encode(),
        Completion(HELLO, finish="length", usage=BILL),
        headers=JSON,
    ),
    Example("error event", sse(delta(content="Hi"), {"error": {"message": "x"}}), Overloaded, text="Hi"),
    Example("broken event", sse(delta(content="Hi"), '{"choices":[{'), Malformed, text="Hi"),
    Example("throttled", b'{"error":{"message":"x","code":"rate_limit_exceeded"}}', Throttled, 429, JSON),
)
CHAT_CALL = Example(
    "call",
    sse(
        delta(tool_calls=[{"index": 0, "id": "call_1", "function": {"name": "look_up", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"word"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ':"quay"}'}}]),
        delta("tool_calls"),
        "[DONE]",
    ),
    Completion(tool_calls=CALL, finish="tool_calls"),
)
FILTERED = Example("filtered", b'{"error":{"message":"No.","code":"content_filter"}}', Refused, 400, JSON)


class TestOpenAIChat(Conformance):
    """OpenAI Chat Completions."""

    wire = WIRES["openai-chat"]
    spec: ClassVar[ModelSpec] = LUNA
    examples = (*CHAT_TEXT, CHAT_CALL, FILTERED)


class TestVllm(Conformance):
    """vLLM: chat completions with usage on every chunk."""

    wire = WIRES["vllm"]
    spec: ClassVar[ModelSpec] = LLAMA
    examples = (*CHAT_TEXT, CHAT_CALL)


class TestOpenAIPlain(Conformance):
    """Chat completions of whoever is not vLLM."""

    wire = WIRES["openai-plain"]
    spec: ClassVar[ModelSpec] = replace(LLAMA, wire="openai-plain", continues=False)
    examples = (*CHAT_TEXT, CHAT_CALL)


class TestPerplexity(Conformance):
    """Perplexity: chat completions without tools."""

    wire = WIRES["perplexity"]
    spec: ClassVar[ModelSpec] = SONAR
    examples = CHAT_TEXT


RESPONSES_USAGE = {
    "input_tokens": 9,
    "output_tokens": 5,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 2},
}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": HELLO}]}
ASKED = {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{"word":"quay"}'}


class TestOpenAIResponses(Conformance):
    """OpenAI Responses."""

    wire = WIRES["openai-responses"]
    spec: ClassVar[ModelSpec] = SOL
    examples = (
        Example(
            "streamed",
            sse(
                {"type": "response.created", "response": {"id": "r", "model": "m"}},
                {
                    "type": "response.output_text.delta",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": "Hé\u2028o",
                },
                {
                    "type": "response.output_text.delta",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": " \U0001f600",
                },
                {
                    "type": "response.completed",
                    "response": {
                        "id": "r",
                        "status": "completed",
                        "output": [SAID],
                        "usage": RESPONSES_USAGE,
                    },
                },
                named=True,
            ),
            Completion(HELLO, finish="stop", usage=BILL, response_id="r"),
        ),
        Example(
            "whole",
            json.dumps({"status": "completed", "output": [SAID, ASKED], "usage": RESPONSES_USAGE}).encode(),
            Completion(HELLO, tool_calls=CALL, finish="tool_calls", usage=BILL),
            headers=JSON,
        ),
        Example(
            "call",
            sse(
                {"type": "response.output_item.added", "output_index": 0, "item": ASKED | {"arguments": ""}},
                {
                    "type": "response.function_call_arguments.delta",
                    "output_index": 0,
                    "delta": '{"word":"quay"}',
                },
                {"type": "response.completed", "response": {"status": "completed", "output": [ASKED]}},
            ),
            Completion(tool_calls=CALL, finish="tool_calls"),
        ),
        Example("error event", sse({"type": "error", "code": "server_error", "message": "x"}), Overloaded),
        FILTERED,
    )


class TestAnthropic(Conformance):
    """Anthropic Messages."""

    wire = WIRES["anthropic"]
    spec: ClassVar[ModelSpec] = HAIKU
    examples = (
        Example(
            "streamed",
            sse(
                {
                    "type": "message_start",
                    "message": {"id": "r", "usage": {"input_tokens": 5, "cache_read_input_tokens": 4}},
                },
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "ping"},
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": "Hé\u2028o"},
                },
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": " \U0001f600"},
                },
                {"type": "content_block_stop", "index": 0},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}},
                },
                {"type": "message_stop"},
                named=True,
            ),
            Completion(HELLO, finish="stop", usage=BILL, response_id="r"),
        ),
        Example(
            "whole",
            json.dumps(
                {
                    "content": [
                        {"type": "text", "text": HELLO},
                        {"type": "tool_use", "id": "call_1", "name": "look_up", "input": {"word": "quay"}},
                    ],
                    "stop_reason": "tool_use",
                    "usage": {"input_tokens": 9, "output_tokens": 5},
                }
            ).encode(),
            Completion(HELLO, tool_calls=CALL, finish="tool_calls", usage=Usage(input=9, output=5)),
            headers=JSON,
        ),
        Example(
            "error event",
            sse({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, named=True),
            Overloaded,
        ),
    )


GEMINI_USAGE = {
    "promptTokenCount": 9,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
}


def candidate(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}],
        "responseId": "r",
        **more,
    }


class TestGemini(Conformance):
    """Gemini, whose lines end with CRLF and whose streams have no end mark."""

    wire = WIRES["gemini"]
    spec: ClassVar[ModelSpec] = FLASH
    examples = (
        Example(
            "streamed",
            sse(
                candidate({"text": "Mulling.", "thought": True}),
                candidate({"text": "Hé\u2028o"}),
                candidate({"text": " \U0001f600"}, finish="STOP", usageMetadata=GEMINI_USAGE),
                end="\r\n\r\n",
            ),
            Completion(HELLO, finish="stop", usage=BILL, response_id="r"),
        ),
        Example(
            "whole",
            json.dumps(candidate({"text": HELLO}, finish="MAX_TOKENS", usageMetadata=GEMINI_USAGE)).encode(),
            Completion(HELLO, finish="length", usage=BILL),
            headers=JSON,
        ),
        Example(
            "call",
            sse(
                candidate(
                    {"functionCall": {"id": "call_1", "name": "look_up", "args": {"word": "quay"}}},
                    finish="STOP",
                ),
                end="\r\n\r\n",
            ),
            Completion(tool_calls=CALL, finish="tool_calls"),
        ),
        Example(
            "error event",
            sse(candidate({"text": "Hi"}), {"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}),
            Overloaded,
            text="Hi",
        ),
    )
