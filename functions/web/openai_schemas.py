"""The OpenAI-compatible part of /openapi.json: what the chat endpoint takes and gives, JSON and SSE."""

from typing import Any

from functions.web.describe import answer, errors
from functions.web.schemas import COUNT, FLAG, OPEN, TEXT, WHOLE, Schema, nullable, obj, ref

_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_TEXT_PART = obj("type text", {"type": {"const": "text"}, "text": TEXT})
_TEXTS: Schema = {"type": "array", "items": _TEXT_PART}
_IMAGE_PART = obj(
    "type image_url",
    {
        "type": {"const": "image_url"},
        "image_url": obj(
            "url",
            {
                "url": {"type": "string", "pattern": "^(https://|data:image/)"},
                "detail": nullable({"type": "string", "enum": ["auto", "low", "high", "original"]}),
            },
        ),
    },
)
_CALL = obj(
    "id function",
    {
        "id": TEXT,
        "type": nullable({"type": "string", "enum": ["function"]}),
        "function": obj("name arguments", {"name": TEXT, "arguments": TEXT}),
    },
)
_MESSAGE: Schema = {
    "oneOf": [
        obj(
            "role content",
            {
                "role": {"type": "string", "enum": ["system", "developer"]},
                "content": {"anyOf": [TEXT, _TEXTS]},
                "name": nullable(TEXT),
            },
        ),
        obj(
            "role content",
            {
                "role": {"const": "user"},
                "content": {
                    "anyOf": [TEXT, {"type": "array", "items": {"anyOf": [_TEXT_PART, _IMAGE_PART]}}]
                },
                "name": nullable(TEXT),
            },
        ),
        obj(
            "role",
            {
                "role": {"const": "assistant"},
                "content": {"anyOf": [TEXT, _TEXTS, {"type": "null"}]},
                "tool_calls": {"type": ["array", "null"], "items": _CALL},
                "refusal": nullable(TEXT),
                "name": nullable(TEXT),
            },
        ),
        obj(
            "role content tool_call_id",
            {"role": {"const": "tool"}, "content": {"anyOf": [TEXT, _TEXTS]}, "tool_call_id": TEXT},
        ),
    ]
}
_TOOL = obj(
    "type function",
    {
        "type": {"const": "function"},
        "function": obj(
            "name",
            {
                "name": _NAME,
                "description": nullable(TEXT),
                "parameters": nullable(OPEN),
                "strict": nullable(FLAG),
            },
        ),
    },
)
_FORCED = obj("type function", {"type": {"const": "function"}, "function": obj("name", {"name": _NAME})})
_FORMAT: Schema = {
    "oneOf": [
        obj("type", {"type": {"type": "string", "enum": ["text", "json_object"]}}),
        obj(
            "type json_schema",
            {
                "type": {"const": "json_schema"},
                "json_schema": obj(
                    "name schema",
                    {
                        "name": _NAME,
                        "schema": OPEN,
                        "strict": nullable(FLAG),
                        "description": nullable(TEXT),
                    },
                ),
            },
        ),
    ]
}
_REQUEST = obj(
    "model messages",
    {
        "model": {"type": "string", "minLength": 1},
        "messages": {"type": "array", "minItems": 1, "maxItems": 2048, "items": _MESSAGE},
        "stream": nullable(FLAG),
        "stream_options": nullable(obj("", {"include_usage": nullable(FLAG)})),
        "n": nullable({"type": "integer", "minimum": 1, "maximum": 8}),
        "max_tokens": nullable({"type": "integer", "minimum": 1, "maximum": 10_000_000}),
        "max_completion_tokens": nullable({"type": "integer", "minimum": 1, "maximum": 10_000_000}),
        "temperature": nullable({"type": "number", "minimum": 0, "maximum": 2}),
        "top_p": nullable({"type": "number", "minimum": 0, "maximum": 1}),
        "fallback": nullable({"type": "string", "enum": ["finish", "none"]}),
        "seed": nullable({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}),
        "stop": {"anyOf": [TEXT, {"type": "array", "maxItems": 4, "items": TEXT}, {"type": "null"}]},
        "reasoning_effort": nullable(
            {"type": "string", "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]}
        ),
        "tools": {"type": ["array", "null"], "maxItems": 128, "items": _TOOL},
        "tool_choice": {
            "anyOf": [{"type": "string", "enum": ["none", "auto", "required"]}, _FORCED, {"type": "null"}]
        },
        "parallel_tool_calls": nullable(FLAG),
        "response_format": {"anyOf": [_FORMAT, {"type": "null"}]},
    },
    description="As OpenAI's. Fields that are not listed here are ignored.",
    examples=[{"model": "auto", "messages": [{"role": "user", "content": "Why does tea cool?"}]}],
)
_INPUT_PART: Schema = {
    "anyOf": [
        obj(
            "type text",
            {"type": {"type": "string", "enum": ["input_text", "output_text", "text"]}, "text": TEXT},
        ),
        obj(
            "type image_url",
            {
                "type": {"const": "input_image"},
                "image_url": {"type": "string", "pattern": "^(https://|data:image/)"},
                "detail": nullable({"type": "string", "enum": ["auto", "low", "high", "original"]}),
            },
        ),
    ]
}
_WORDS: Schema = {"anyOf": [TEXT, {"type": "array", "items": _INPUT_PART}]}
_ITEM: Schema = {
    "anyOf": [
        obj(
            "role content",
            {
                "type": nullable({"type": "string", "enum": ["message"]}),
                "role": {"type": "string", "enum": ["system", "developer", "user", "assistant"]},
                "content": _WORDS,
            },
        ),
        obj(
            "type call_id name arguments",
            {"type": {"const": "function_call"}, "call_id": TEXT, "name": TEXT, "arguments": TEXT},
        ),
        obj(
            "type call_id output",
            {"type": {"const": "function_call_output"}, "call_id": TEXT, "output": _WORDS},
        ),
        obj("type", {"type": {"const": "reasoning"}}),
    ]
}
_RESPONSES = obj(
    "model input",
    {
        "model": {"type": "string", "minLength": 1},
        "input": {"anyOf": [TEXT, {"type": "array", "minItems": 1, "maxItems": 4096, "items": _ITEM}]},
        "instructions": nullable(TEXT),
        "stream": nullable(FLAG),
        "max_output_tokens": nullable({"type": "integer", "minimum": 1, "maximum": 10_000_000}),
        "temperature": nullable({"type": "number", "minimum": 0, "maximum": 2}),
        "top_p": nullable({"type": "number", "minimum": 0, "maximum": 1}),
        "tools": {
            "type": ["array", "null"],
            "maxItems": 128,
            "items": obj(
                "type name",
                {
                    "type": {"const": "function"},
                    "name": _NAME,
                    "description": nullable(TEXT),
                    "parameters": nullable(OPEN),
                    "strict": nullable(FLAG),
                },
            ),
        },
        "parallel_tool_calls": nullable(FLAG),
    },
    description="As OpenAI's, without memory between requests. Fields that are not listed here are ignored.",
    examples=[{"model": "auto", "input": "Why does tea cool?"}],
)
_USAGE = obj(
    "prompt_tokens completion_tokens total_tokens",
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": OPEN,
        "completion_tokens_details": OPEN,
    },
)
_COMMON: Schema = {
    "id": TEXT,
    "created": WHOLE,
    "model": TEXT,
    "system_fingerprint": TEXT,
    "service_tier": TEXT,
    "chatsmart": OPEN,
}
_FINISH: Schema = {"type": "string", "enum": ["stop", "length", "tool_calls", "content_filter"]}
_MODEL = obj(
    "id object created owned_by",
    {
        "id": TEXT,
        "object": {"const": "model"},
        "created": WHOLE,
        "owned_by": TEXT,
        "context_window": COUNT,
        "max_output_tokens": COUNT,
        "abilities": {"type": "array", "items": TEXT},
        "pricing": nullable(OPEN) | {"description": "US dollars, decimals as text; null: no price today."},
    },
)
SCHEMAS: dict[str, Schema] = {
    "OpenAIError": obj(
        "error",
        {
            "error": obj(
                "message type param code",
                {"message": TEXT, "type": TEXT, "param": nullable(TEXT), "code": nullable(TEXT)},
            )
        },
    ),
    "ChatRequest": _REQUEST,
    "ChatCompletion": obj(
        "id object created model choices usage",
        _COMMON
        | {
            "object": {"const": "chat.completion"},
            "choices": {
                "type": "array",
                "minItems": 1,
                "items": obj(
                    "index message finish_reason",
                    {
                        "index": COUNT,
                        "finish_reason": _FINISH,
                        "message": obj(
                            "role content", {"role": {"const": "assistant"}, "content": nullable(TEXT)}
                        ),
                    },
                ),
            },
            "usage": _USAGE,
        },
    ),
    "ChatChunk": obj(
        "id object created model choices",
        _COMMON
        | {
            "object": {"const": "chat.completion.chunk"},
            "choices": {
                "type": "array",
                "items": obj(
                    "index delta", {"index": COUNT, "delta": OPEN, "finish_reason": nullable(_FINISH)}
                ),
            },
            "usage": nullable(_USAGE),
        },
        description="The `data` of each event of a streamed answer; the last event is `[DONE]`.",
    ),
    "ResponsesRequest": _RESPONSES,
    "Response": obj(
        "id object created_at status model output usage",
        {
            "id": TEXT,
            "object": {"const": "response"},
            "created_at": WHOLE,
            "status": {"type": "string", "enum": ["in_progress", "completed", "incomplete"]},
            "model": TEXT,
            "output": {"type": "array", "items": obj("type id", {"type": TEXT, "id": TEXT})},
            "usage": nullable(OPEN),
            "chatsmart": OPEN,
        },
    ),
    "ResponseEvent": obj("type sequence_number", {"type": TEXT, "sequence_number": COUNT}),
    "Model": _MODEL,
    "ModelList": obj(
        "object data", {"object": {"const": "list"}, "data": {"type": "array", "items": ref("Model")}}
    ),
}


def hot_path(path: str, tag: str, request: str, whole: str, event: str) -> dict[str, Any]:
    """The place in /openapi.json of an endpoint that the router does not serve."""
    found = answer(whole, "The answer; a stream of events where `stream` is true", stream=True)
    found["content"]["text/event-stream"]["schema"]["properties"]["data"] |= {
        "contentMediaType": "application/json",
        "contentSchema": ref(event),
    }
    for name in ("trace", "model", "cache"):
        found["headers"][f"x-chatsmart-{name}"] = {"schema": TEXT}
    found["headers"]["x-chatsmart-cost-micros"] = {"schema": TEXT, "required": False}
    return {
        "post": {
            "tags": [tag],
            "summary": f"Create a {whole}, as OpenAI's",
            "operationId": f"create_{tag}",
            "security": [{"bearer": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": ref(request)}}},
            "responses": {"200": found, **errors(path)},
        }
    }
