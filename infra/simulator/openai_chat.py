"""OpenAI Chat Completions, as recorded from reasoning models: obfuscation, a usage chunk on request,
refusals."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from infra.simulator import chat_request, fields, openai_errors, tokens, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Usage
from infra.simulator.failure import BadField, BadJson, WireError

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "stop",
    "filtered": "content_filter",
}


class OpenAIWire(wire.Wire):
    """What Chat Completions and Responses have in common: keys, headers, error bodies."""

    provider = "openai"

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """`{"error": {message, type, param, code}}`."""
        return openai_errors.body(error)

    def bad_key(self, key: str | None) -> WireError:
        """401."""
        return openai_errors.bad_key(key)

    def bad_field(self, error: BadField) -> WireError:
        """400."""
        return openai_errors.bad_field(error)

    def bad_json(self, error: BadJson) -> WireError:
        """400."""
        return openai_errors.bad_json(error)

    def unknown_model(self, model_id: str) -> WireError:
        """404 `model_not_found`."""
        return WireError(
            404,
            f"The model `{model_id}` does not exist or you do not have access to it.",
            code="model_not_found",
        )

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """Request id, processing time and rate limits, in OpenAI's names."""
        used = usage.total if usage else 0
        milliseconds = 120 + (usage.output if usage else 0) % 900
        return {
            "x-request-id": f"req_{stamp.core}",
            "openai-organization": "org-sim",
            "openai-processing-ms": str(milliseconds),
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-limit-tokens": "30000000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-remaining-tokens": str(30_000_000 - used),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "0s",
        }


class OpenAIChat(OpenAIWire):
    """`POST /chat/completions`."""

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; refuses what gpt-6 models refuse."""
        model = self.model(fields.text(body, "model"))
        turns = chat_request.turns(body)
        self._check_calls(body)
        if body.get("max_tokens") is not None:
            raise openai_errors.unsupported_parameter("max_tokens", "max_completion_tokens")
        openai_errors.sampling(body)
        offered = chat_request.tools(body)
        for at, tool in enumerate(offered):
            self.check_schema(tool.schema, f"tools[{at}].function.parameters")
            if body["tools"][at]["function"].get("strict") is True:
                strict(tool.schema, f"function '{tool.name}'", f"tools[{at}].function.parameters")
        schema, any_json, is_strict = chat_request.structure(body)
        if schema is not None:
            self.check_schema(schema, "response_format")
            if is_strict:
                strict(schema, "response_format", "response_format")
        if any_json and "json" not in "\n".join(turn.text for turn in turns).lower():
            raise WireError(
                400,
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                param="messages",
            )
        most = fields.integer(body, "max_completion_tokens")
        if most is not None and most > model.max_output:
            raise WireError(
                400,
                f"max_tokens is too large: {most}. This model supports at most {model.max_output} completion tokens,"
                f" whereas you provided {most}.",
                param="max_completion_tokens",
                code="invalid_value",
            )
        options = fields.child(body, "stream_options")
        streams = fields.flag(body, "stream")
        if options and not streams:
            raise WireError(
                400,
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        ask = Ask(
            model,
            turns,
            stream=streams,
            tools=offered,
            choice=chat_request.choice(body, offered),
            parallel=fields.flag(body, "parallel_tool_calls", default=True),
            schema=schema,
            any_json=any_json,
            max_tokens=most,
            stop=chat_request.stops(body),
            n=self._choices(body),
            thinking=fields.text(body, "reasoning_effort", default="medium") not in {"none", "minimal"},
            extra={
                "include_usage": fields.flag(options, "include_usage", "stream_options."),
                "obfuscate": fields.flag(options, "include_obfuscation", "stream_options.", default=True),
            },
        )
        read = tokens.read(ask.prompt())
        if read > model.context:
            raise openai_errors.too_long(model.context, read, "messages")
        return ask

    @staticmethod
    def _choices(body: Json) -> int:
        number = fields.integer(body, "n") or 1
        if number > 128:
            raise BadField("n", "value", expected="1 to 128", got=number)
        return number

    @staticmethod
    def _check_calls(body: Json) -> None:
        unanswered = chat_request.answered_calls(body)
        if unanswered == "-":
            raise WireError(
                400,
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
                " 'tool_calls'.",
                param="messages",
            )
        if unanswered is not None:
            raise WireError(
                400,
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
                f" 'tool_call_id'. The following tool_call_ids did not have response messages: {unanswered}",
                param="messages",
            )

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A `chat.completion`."""
        choices = [
            {"index": at, "message": _message(answer, stamp, at), "finish_reason": _FINISH[answer.finish]}
            for at, answer in enumerate(answers)
        ]
        whole = {**_head(ask, stamp, "chat.completion"), "choices": choices, "usage": usage_of(usage)}
        return dumps({**whole, "service_tier": "default", "system_fingerprint": f"fp_{wire.SIMULATED}"})

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """`chat.completion.chunk`s, a usage chunk where asked for, then `[DONE]`."""
        rng = random.Random(ask.seed())
        made: list[Frame] = []

        def chunk(
            choices: list[Json], count: int = 0, spent: Json | None = None, *, end: bool = False
        ) -> None:
            data: Json = {
                **_head(ask, stamp, "chat.completion.chunk"),
                "service_tier": "default",
                "system_fingerprint": f"fp_{wire.SIMULATED}",
                "choices": choices,
            }
            if ask.extra.get("include_usage"):
                data["usage"] = spent
            if ask.extra.get("obfuscate", True):
                data["obfuscation"] = "".join(rng.choices(_LETTERS, k=rng.randrange(17)))
            made.append(Frame(wire.sse(data), count, end))

        for at, answer in enumerate(answers):
            for delta, count in deltas(answer, stamp, at, self.chunk_tokens):
                chunk([{"index": at, "delta": delta, "finish_reason": None}], count)
            chunk([{"index": at, "delta": {}, "finish_reason": _FINISH[answer.finish]}], end=True)
        if ask.extra.get("include_usage"):
            chunk([], 0, usage_of(usage), end=True)
        made.append(Frame(b"data: [DONE]\n\n", 0, True))
        return tuple(made)

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """A data object with a top-level `error`."""
        return wire.sse(openai_errors.body(error))


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header."""
    kind, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def strict(schema: Json, name: str, param: str) -> None:
    """Raises where OpenAI's strict mode refuses a schema."""
    fault = chat_request.strict_fault(schema)
    if fault is not None:
        raise WireError(
            400, f"Invalid schema for {name}: {fault}", param=param, code="invalid_function_parameters"
        )


def _head(ask: Ask, stamp: Stamp, kind: str) -> Json:
    return {"id": f"chatcmpl-{stamp.core}", "object": kind, "created": stamp.created, "model": ask.model.id}


def call_id(stamp: Stamp, choice: int, at: int) -> str:
    """The id of a tool call, fixed by exchange and place."""
    return f"call_{stamp.core}{choice}{at:02d}"


def _message(answer: Answer, stamp: Stamp, at: int) -> Json:
    said: Json = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal or None}
    if not answer.calls and not answer.refusal:
        said["content"] = answer.text
    if answer.calls:
        said["tool_calls"] = [
            {
                "id": call_id(stamp, at, number),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(answer.calls)
        ]
    return {**said, "annotations": []}


def deltas(answer: Answer, stamp: Stamp, choice: int, size: int) -> Iterator[tuple[Json, int]]:
    """The deltas of one choice, each with the tokens it carries."""
    if answer.calls:
        yield from _call_deltas(answer, stamp, choice, size)
        return
    yield {"role": "assistant", "content": "", "refusal": None}, 0
    name = "refusal" if answer.refusal else "content"
    for text, count in wire.parts(answer, size):
        yield {name: text}, count


def _call_deltas(answer: Answer, stamp: Stamp, choice: int, size: int) -> Iterator[tuple[Json, int]]:
    alone = len(answer.calls) == 1
    if not alone:
        yield {"role": "assistant", "content": None}, 0
    for number, call in enumerate(answer.calls):
        opening: Json = {
            "tool_calls": [
                {
                    "index": number,
                    "id": call_id(stamp, choice, number),
                    "type": "function",
                    "function": {"name": call.name, "arguments": ""},
                }
            ]
        }
        if alone:
            opening = {"role": "assistant", "content": None, **opening, "refusal": None}
        yield opening, tokens.written(call.name)
        for text, count in wire.argument_parts(call.arguments, size):
            yield {"tool_calls": [{"index": number, "function": {"arguments": text}}]}, count


def usage_of(usage: Usage) -> Json:
    """OpenAI's chat usage: prompt tokens include the cached ones, completion tokens the reasoning."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
