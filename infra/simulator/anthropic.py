"""Anthropic Messages: a thinking block with its signature before the text, pings, padded events, cumulative
usage."""

import base64
import hashlib
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from infra.simulator import fields, openai_chat, tokens, wire
from infra.simulator.answer import Answer, Ask, CachePoint, Frame, Json, Stamp, Tool, ToolCall, Turn, Usage
from infra.simulator.failure import BadField, BadJson, WireError

_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"} | dict.fromkeys(
    ("refusal", "filtered"), "refusal"
)
_ERRORS = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    408: ("timeout_error", "Request timed out."),
    409: ("conflict_error", "The resource was changed by another request."),
    413: ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
    422: ("invalid_request_error", "The request could not be processed."),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("overloaded_error", "Overloaded"),
    504: ("timeout_error", "Gateway timeout"),
    529: ("overloaded_error", "Overloaded"),
}


class AnthropicMessages(wire.Wire):
    """`POST /v1/messages`."""

    provider = "anthropic"
    chunk_tokens = 3

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`x-api-key`, or a bearer token."""
        return headers.get("x-api-key") or openai_chat.bearer(headers)

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; refuses what the 5.5 models refuse: prefill, sampling, some forced tools."""
        model = self.model(fields.text(body, "model"))
        most = fields.integer(body, "max_tokens")
        if most is None:
            raise BadField("max_tokens", "missing")
        if most > model.max_output:
            raise WireError(
                400,
                f"max_tokens: {most} > {model.max_output}, which is the maximum allowed number of output tokens for"
                f" {model.id}",
            )
        self._check_sampling(body)
        marks: list[tuple[int, int]] = []
        turns = _turns(body, marks)
        if turns[-1].role == "assistant":
            raise WireError(
                400,
                "This model does not support assistant message prefill. The conversation must end with a user message.",
            )
        offered = _tools(body)
        for at, tool in enumerate(offered):
            self.check_schema(tool.schema, f"tools.{at}.input_schema")
        choice, parallel = self._choice(body, offered, model.forced_tools)
        thinking = fields.child(body, "thinking").get("type", "adaptive")
        if thinking == "disabled" and model.always_thinks:
            raise WireError(400, "thinking: this model does not support disabling thinking")
        wanted = fields.child(fields.child(body, "output_config"), "format", "output_config.")
        schema = wanted.get("schema") if wanted.get("type") == "json_schema" else None
        if schema is not None:
            self.check_schema(
                fields.record(schema, "output_config.format.schema"), "output_config.format.schema"
            )
        ask = Ask(
            model,
            turns,
            stream=fields.flag(body, "stream"),
            tools=offered,
            choice=choice,
            parallel=parallel,
            schema=schema,
            max_tokens=most,
            stop=fields.strings(body, "stop_sequences"),
            thinking=thinking != "disabled",
            cache_points=(),
        )
        return self._with_cache(ask, body, marks)

    @staticmethod
    def _check_sampling(body: Json) -> None:
        for name, default in (("temperature", 1), ("top_p", 1)):
            value = fields.number(body, name)
            if value is not None and value != default:
                raise WireError(400, f"`{name}` is deprecated for this model.")
        if body.get("top_k") is not None:
            raise WireError(400, "`top_k` is deprecated for this model.")

    @staticmethod
    def _choice(body: Json, offered: tuple[Tool, ...], forcible: bool) -> tuple[str, bool]:
        wanted = fields.child(body, "tool_choice")
        kind = wanted.get("type", "auto")
        parallel = not wanted.get("disable_parallel_tool_use", False)
        if kind in {"any", "tool"} and not forcible:
            raise WireError(400, "Thinking may not be enabled when tool_choice forces tool use.")
        if kind == "tool":
            name = fields.text(wanted, "name", "tool_choice.")
            if name not in {tool.name for tool in offered}:
                raise WireError(400, f"Tool '{name}' not found in provided tools")
            return f"={name}", parallel
        names = {"auto": "auto", "any": "required", "none": "none"}
        if kind not in names:
            raise BadField("tool_choice.type", "value", expected="'auto', 'any', 'tool' or 'none'", got=kind)
        return names[kind], parallel

    def _with_cache(self, ask: Ask, body: Json, marks: list[tuple[int, int]]) -> Ask:
        """The request with its cache breakpoints as offsets into the prompt text."""
        prompt = ask.prompt()
        if tokens.read(prompt) > ask.model.context:
            raise WireError(
                400, f"prompt is too long: {tokens.read(prompt)} tokens > {ask.model.context} maximum"
            )
        offers = len("\n".join(f"{tool.name}\n{tool.description}\n{tool.schema}" for tool in ask.tools))
        points = [CachePoint(offers + chars, ttl) for chars, ttl in marks]
        points += [
            CachePoint(offers, _ttl(tool))
            for tool in fields.items(body, "tools")
            if tool.get("cache_control")
        ]
        if body.get("cache_control"):
            points.append(CachePoint(len(prompt), _ttl(body)))
        if len(points) > 4:
            raise WireError(
                400, f"A maximum of 4 blocks with cache_control may be provided. Found {len(points)}."
            )
        return replace(ask, cache_points=tuple(points))

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A `message`."""
        answer = answers[0]
        return orjson.dumps(
            {
                **_head(ask, stamp),
                "content": _blocks(ask, answer, stamp),
                **_ending(answer),
                "usage": {
                    **_usage(usage),
                    "output_tokens": usage.output,
                    "output_tokens_details": {"thinking_tokens": usage.reasoning},
                    "service_tier": "standard",
                    "inference_geo": "global",
                },
            }
        )

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """message_start, blocks, message_delta, message_stop."""
        answer = answers[0]
        rng = random.Random(ask.seed())
        made: list[Frame] = []

        def event(data: Json, count: int = 0, *, end: bool = False, hidden: bool = False) -> None:
            made.append(Frame(_event(data, rng.randrange(16)), count, end, hidden))

        opening = {
            **_head(ask, stamp),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {
                **_usage(usage),
                "output_tokens": 1,
                "service_tier": "standard",
                "inference_geo": "global",
            },
        }
        event({"type": "message_start", "message": opening})
        for at, block in enumerate(_blocks(ask, answer, stamp)):
            event({"type": "content_block_start", "index": at, "content_block": _opened(block)})
            if at == 0:
                made.append(Frame(b'event: ping\ndata: {"type": "ping"}\n\n'))
            for delta, count in _deltas(block, self.chunk_tokens):
                event(
                    {"type": "content_block_delta", "index": at, "delta": delta},
                    count,
                    hidden=block["type"] == "thinking",
                )
            event({"type": "content_block_stop", "index": at})
        event(
            {
                "type": "message_delta",
                "delta": _ending(answer),
                "usage": {
                    "input_tokens": usage.input - usage.cache_read - usage.cache_write,
                    "cache_creation_input_tokens": usage.cache_write,
                    "cache_read_input_tokens": usage.cache_read,
                    "output_tokens": usage.output,
                    "output_tokens_details": {"thinking_tokens": usage.reasoning},
                },
            },
            end=True,
        )
        event({"type": "message_stop"}, end=True)
        return tuple(made)

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """Request id and rate limits, in Anthropic's names."""
        shown = {"request-id": f"req_{stamp.core}", "anthropic-organization-id": f"org_{wire.SIMULATED}"}
        limits = (
            ("requests", 4_000, 1),
            ("tokens", 2_400_000, usage.total if usage else 0),
            ("input-tokens", 2_000_000, usage.input if usage else 0),
            ("output-tokens", 400_000, usage.output if usage else 0),
        )
        for name, limit, used in limits:
            shown[f"anthropic-ratelimit-{name}-limit"] = str(limit)
            shown[f"anthropic-ratelimit-{name}-remaining"] = str(max(0, limit - used))
            shown[f"anthropic-ratelimit-{name}-reset"] = "2026-11-21T09:30:00Z"
        return shown

    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """`{"type": "error", "error": {type, message}, "request_id"}`."""
        kind, message = _ERRORS.get(error.status, _ERRORS[500])
        shaped = {"type": error.kind or kind, "message": error.message or message}
        return {"type": "error", "error": shaped, "request_id": f"req_{stamp.core}"}

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """`event: error`."""
        return b"event: error\ndata: " + orjson.dumps(self.error_body(error, stamp)) + b"\n\n"

    def broken_frame(self) -> bytes:
        """An event cut in the middle of its JSON."""
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"del\n\n'

    def bad_key(self, key: str | None) -> WireError:
        """401."""
        return WireError(401, "invalid x-api-key" if key else "x-api-key header is required")

    def bad_field(self, error: BadField) -> WireError:
        """400 `path: problem`."""
        words = {"missing": "Field required", "empty": "at least one message is required"}
        text = words.get(error.problem, f"Input should be {error.expected or 'valid'}")
        if error.problem == "type":
            text = f"Input should be a valid {'list' if error.expected == 'array' else error.expected}"
        return WireError(400, f"{error.path.replace('[', '.').replace(']', '')}: {text}")

    def bad_json(self, error: BadJson) -> WireError:
        """400."""
        return WireError(400, "The request body is not valid JSON.")

    def unknown_model(self, model_id: str) -> WireError:
        """404."""
        return WireError(404, f"model: {model_id}")


def _ttl(holder: Json) -> int:
    control = holder.get("cache_control") or {}
    return 3_600 if control.get("ttl") == "1h" else 300


def _text(content: Any, path: str, marks: list[int]) -> str:
    """The text of a block list; `marks` gets the ttl of each cache breakpoint in it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadField(path, "type", expected="list", got=content)
    found = []
    for at, item in enumerate(content):
        block = fields.record(item, f"{path}[{at}]")
        if block.get("cache_control"):
            marks.append(_ttl(block))
        kind = fields.text(block, "type", f"{path}[{at}].")
        if kind == "text":
            found.append(fields.text(block, "text", f"{path}[{at}]."))
        elif kind not in {"tool_use", "tool_result", "thinking", "redacted_thinking"}:
            found.append(f"[{kind}]")
    return "\n".join(found)


def _turns(body: Json, marks: list[tuple[int, int]]) -> tuple[Turn, ...]:
    """The conversation; `marks` gets (characters so far, seconds) for each breakpoint."""
    made: list[Turn] = []
    names: dict[str, str] = {}
    read = 0

    def add(turn: Turn, found: list[int]) -> None:
        nonlocal read
        made.append(turn)
        read += (
            len(turn.role) + len(turn.text) + 2 + sum(len(call.name + call.arguments) for call in turn.calls)
        )
        marks.extend((read, ttl) for ttl in found)

    if body.get("system") is not None:
        found: list[int] = []
        add(Turn("system", _text(body["system"], "system", found)), found)
    for at, item in enumerate(fields.items(body, "messages", needed=True)):
        path = f"messages[{at}]"
        message = fields.record(item, path)
        role = fields.text(message, "role", f"{path}.")
        if role not in {"user", "assistant"}:
            raise BadField(f"{path}.role", "value", expected="'user' or 'assistant'", got=role)
        content = message.get("content")
        if content is None:
            raise BadField(f"{path}.content", "missing")
        blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
        found = []
        for block in blocks:
            if block.get("type") == "tool_result":
                add(_result(block, names, path), found)
        calls = tuple(_used(block, names) for block in blocks if block.get("type") == "tool_use")
        text = _text(content, f"{path}.content", found)
        if text or calls or not blocks:
            add(Turn(role, text, calls), found)
    return tuple(made)


def _used(block: Json, names: dict[str, str]) -> ToolCall:
    name = fields.text(block, "name", "tool_use.")
    names[fields.text(block, "id", "tool_use.")] = name
    return ToolCall(name, orjson.dumps(block.get("input") or {}).decode())


def _result(block: Json, names: dict[str, str], path: str) -> Turn:
    used = fields.text(block, "tool_use_id", f"{path}.content.")
    if used not in names:
        raise WireError(
            400,
            f"{path.replace('[', '.').replace(']', '')}: unexpected `tool_use_id` found in `tool_result` blocks:"
            f" {used}."
            " Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
        )
    return Turn("tool", _text(block.get("content") or "", f"{path}.content", []), (), names[used])


def _tools(body: Json) -> tuple[Tool, ...]:
    made = []
    for at, item in enumerate(fields.items(body, "tools")):
        tool = fields.record(item, f"tools[{at}]")
        if tool.get("type") not in {None, "custom"}:
            continue
        made.append(
            Tool(
                fields.text(tool, "name", f"tools[{at}]."),
                fields.text(tool, "description", f"tools[{at}].", default=""),
                fields.record(tool.get("input_schema"), f"tools[{at}].input_schema"),
            )
        )
    return tuple(made)


def _head(ask: Ask, stamp: Stamp) -> Json:
    return {"model": ask.model.id, "id": f"msg_{stamp.core}", "type": "message", "role": "assistant"}


def _usage(usage: Usage) -> Json:
    """Input without cached tokens, and the cache's own counts."""
    return {
        "input_tokens": usage.input - usage.cache_read - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
    }


def _ending(answer: Answer) -> Json:
    details = (
        {"type": "refusal", "category": "cyber", "explanation": None}
        if _FINISH[answer.finish] == "refusal"
        else None
    )
    reason = "stop_sequence" if answer.stopped_by is not None else _FINISH[answer.finish]
    return {"stop_reason": reason, "stop_sequence": answer.stopped_by, "stop_details": details}


def signature(text: str) -> str:
    """An opaque signature of a thought: base64, the length of a short real one."""
    digest = b"".join(hashlib.sha512(f"{wire.SIMULATED}{at}{text}".encode()).digest() for at in range(3))
    return base64.b64encode(digest).decode()


def _blocks(ask: Ask, answer: Answer, stamp: Stamp) -> list[Json]:
    blocks: list[Json] = []
    if answer.reasoning:
        blocks.append(
            {"type": "thinking", "thinking": answer.reasoning, "signature": signature(answer.reasoning)}
        )
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for at, call in enumerate(answer.calls):
        blocks.append(
            {
                "type": "tool_use",
                "id": f"toolu_{stamp.core}{at:02d}",
                "name": call.name,
                "input": orjson.loads(call.arguments),
                "caller": {"type": "direct"},
            }
        )
    return blocks


def _opened(block: Json) -> Json:
    empty: dict[str, Json] = {
        "thinking": {"type": "thinking", "thinking": "", "signature": ""},
        "text": {"type": "text", "text": ""},
    }
    return empty.get(block["type"], {**block, "input": {}})


def _deltas(block: Json, size: int) -> list[tuple[Json, int]]:
    if block["type"] == "thinking":
        thought = tokens.grouped(tokens.pieces(block["thinking"]), size)
        return [
            *(({"type": "thinking_delta", "thinking": text}, count) for text, count in thought),
            ({"type": "signature_delta", "signature": block["signature"]}, 0),
        ]
    if block["type"] == "text":
        said = tokens.grouped(tokens.pieces(block["text"]), size)
        return [({"type": "text_delta", "text": text}, count) for text, count in said]
    given = wire.argument_parts(orjson.dumps(block["input"]).decode(), size)
    return [
        ({"type": "input_json_delta", "partial_json": ""}, 0),
        *(({"type": "input_json_delta", "partial_json": text}, count) for text, count in given),
    ]


def _event(data: Json, padding: int) -> bytes:
    """One named event; like the real one its JSON is padded with spaces before the last brace."""
    text = orjson.dumps(data)
    kind: str = data["type"]
    return b"event: " + kind.encode() + b"\ndata: " + text[:-1] + b" " * padding + b"}\n\n"
