"""vLLM's OpenAI-compatible server: its extra fields, error shape, exact continuation and usage on every
chunk."""

from collections.abc import Mapping
from typing import Any

from infra.simulator import chat_request, fields, openai_chat, pool, tokens, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Usage
from infra.simulator.failure import BadField, BadJson, WireError

VERSION = f"vllm-0.32.0-{wire.SIMULATED}"
FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"} | dict.fromkeys(
    ("refusal", "filtered"), "stop"
)
_TYPES = {400: "BadRequestError", 404: "NotFoundError", 422: "BadRequestError", 501: "NotImplementedError"}


class VllmChat(wire.Wire):
    """`POST /chat/completions` of a vLLM server started with `--api-key` and
    `--enable-prompt-tokens-details`."""

    provider = "llama"

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return openai_chat.bearer(headers)

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """What a pool in good health says of itself."""
        return dict(pool.heads(""))

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`, sampling parameters allowed."""
        model = self.model(fields.text(body, "model"))
        turns = chat_request.turns(body)
        continues = fields.flag(body, "continue_final_message")
        prompts = fields.flag(body, "add_generation_prompt", default=True)
        if continues and prompts:
            raise WireError(
                400,
                "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
                param=None,
            )
        prefill = ""
        if continues:
            if turns[-1].role != "assistant":
                raise WireError(
                    400, "continue_final_message is set but the final message is not from the assistant."
                )
            # The chat template trims what it is given: the caller owns the white space at the seam.
            prefill = turns[-1].text.rstrip()
            turns = turns[:-1]
        offered = chat_request.tools(body)
        schema, any_json, _ = chat_request.structure(body)
        guided = fields.child(body, "structured_outputs")
        if isinstance(guided.get("json"), dict):
            schema = guided["json"]
        if schema is not None:
            self.check_schema(schema, "response_format")
        options = fields.child(body, "stream_options")
        streams = fields.flag(body, "stream")
        if options and not streams:
            raise WireError(
                400, "Stream options can only be defined when `stream=True`.", param="stream_options"
            )
        ask = Ask(
            model,
            turns,
            stream=streams,
            tools=offered,
            choice=chat_request.choice(body, offered),
            parallel=fields.flag(body, "parallel_tool_calls", default=True),
            schema=schema,
            any_json=any_json or guided.get("json_object") is True,
            regex=guided.get("regex"),
            options=fields.strings(guided, "choice", "structured_outputs."),
            max_tokens=fields.integer(body, "max_completion_tokens") or fields.integer(body, "max_tokens"),
            stop=chat_request.stops(body, most=64),
            n=fields.integer(body, "n") or 1,
            prefill=prefill,
            extra={
                "include_usage": fields.flag(options, "include_usage", "stream_options."),
                "continuous": fields.flag(options, "continuous_usage_stats", "stream_options."),
                "token_ids": fields.flag(body, "return_token_ids"),
                "echo": prefill if fields.flag(body, "echo") else "",
                "cache_salt": salt(body),
                "request_id": fields.text(body, "request_id", default=""),
            },
        )
        self._check_length(ask)
        return ask

    @staticmethod
    def _check_length(ask: Ask) -> None:
        read = tokens.read(ask.prompt() + ask.prefill)
        wished = ask.max_tokens or 0
        if read >= ask.model.context:
            raise WireError(
                400,
                f"This model's maximum context length is {ask.model.context} tokens. However, your request has {read}"
                " input tokens. Please reduce the length of the input messages.",
            )
        if wished + read > ask.model.context:
            raise WireError(
                400,
                f"'max_tokens' or 'max_completion_tokens' is too large: {wished}. This model's maximum context length"
                f" is {ask.model.context} tokens and your request has {read} input tokens ({wished} >"
                f" {ask.model.context} - {read}).",
                param="max_tokens",
            )

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A `chat.completion` with vLLM's null fields."""
        ids = ask.extra["token_ids"]
        choices = [
            {
                "index": at,
                "message": _message(ask, answer, stamp, at),
                "logprobs": None,
                "finish_reason": FINISH[answer.finish],
                "stop_reason": answer.stopped_by,
                "token_ids": tokens.ids(answer.pieces) if ids else None,
            }
            for at, answer in enumerate(answers)
        ]
        return openai_chat.dumps(
            {
                **_head(ask, stamp, "chat.completion"),
                "choices": choices,
                "service_tier": None,
                "system_fingerprint": VERSION,
                "usage": usage_of(usage),
                "prompt_logprobs": None,
                "prompt_token_ids": prompt_ids(ask) if ids else None,
                "kv_transfer_params": None,
            }
        )

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """Chunks, with running usage on each where asked for, then `[DONE]`."""
        made: list[Frame] = []
        sent = 0

        def chunk(choices: list[Json], count: int = 0, *, final: bool = False, end: bool = False) -> None:
            data: Json = {**_head(ask, stamp, "chat.completion.chunk"), "choices": choices}
            if final or ask.extra["continuous"]:
                data["usage"] = usage_of(usage, None if final else sent, details=final)
            if ask.extra["token_ids"] and not made:
                data["prompt_token_ids"] = prompt_ids(ask)
            made.append(Frame(wire.sse(data), count, end))

        for at, answer in enumerate(answers):
            for delta, count in openai_chat.deltas(answer, stamp, at, self.chunk_tokens):
                sent += count
                choice: Json = {
                    "index": at,
                    "delta": _plain(delta, ask),
                    "logprobs": None,
                    "finish_reason": None,
                }
                if ask.extra["token_ids"]:
                    choice["token_ids"] = tokens.ids(tokens.pieces(str(delta.get("content") or ""))) or None
                chunk([choice], count)
            last = {
                "index": at,
                "delta": {"content": ""},
                "logprobs": None,
                "finish_reason": FINISH[answer.finish],
            }
            chunk([{**last, "stop_reason": answer.stopped_by}], end=True)
        if ask.extra["include_usage"]:
            chunk([], final=True, end=True)
        made.append(Frame(b"data: [DONE]\n\n", 0, True))
        return tuple(made)

    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """`{"error": {message, type, param, code}}`; its key check answers with a bare string."""
        if error.status == 401:
            return {"error": "Unauthorized"}
        return {
            "error": {
                "message": error.message or _message_for(error.status),
                "type": error.kind or _TYPES.get(error.status, "InternalServerError"),
                "param": error.param,
                "code": error.status,
            }
        }

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """The error as a data object, then `[DONE]`: vLLM closes a failed stream as it closes a good one."""
        shaped = self.error_body(WireError(500, error.message, kind=error.kind), stamp)
        return wire.sse(shaped) + b"data: [DONE]\n\n"

    def bad_key(self, key: str | None) -> WireError:
        """401."""
        return WireError(401, "Unauthorized")

    def bad_field(self, error: BadField) -> WireError:
        """400 in the validator's notation."""
        where = ", ".join(
            repr(part) for part in ("body", *error.path.replace("]", "").replace("[", ".").split("."))
        )
        words = {"missing": "Field required", "empty": "List should have at least 1 item after validation"}
        text = words.get(error.problem, f"Input should be a valid {error.expected or 'value'}")
        return WireError(
            400, f"[{{'type': '{error.problem}', 'loc': ({where}), 'msg': '{text}'}}]", param=error.path
        )

    def bad_json(self, error: BadJson) -> WireError:
        """400 in the validator's notation."""
        return WireError(400, "[{'type': 'json_invalid', 'loc': ('body', 0), 'msg': 'JSON decode error'}]")

    def unknown_model(self, model_id: str) -> WireError:
        """404."""
        return WireError(404, f"The model `{model_id}` does not exist.", param="model")


def prompt_ids(ask: Ask) -> list[int]:
    """The tokens of what a chat reads."""
    return tokens.ids(tokens.pieces(ask.prompt() + ask.prefill))


def salt(body: Json) -> str:
    """What keeps this caller's prefix cache apart; all requests without one share one."""
    found = fields.text(body, "cache_salt", default="")
    if not found and body.get("cache_salt") is not None:
        raise WireError(
            400, "Parameter 'cache_salt' must be a non-empty string if provided.", param="cache_salt"
        )
    return found


def _message_for(status: int) -> str:
    return {429: "Too many requests", 503: "Service unavailable"}.get(status, "Internal server error")


def _head(ask: Ask, stamp: Stamp, kind: str) -> Json:
    return {"id": f"chatcmpl-{stamp.core}", "object": kind, "created": stamp.created, "model": ask.model.id}


def _plain(delta: Json, ask: Ask) -> Json:
    plain = {name: value for name, value in delta.items() if name != "refusal"}
    if delta.get("refusal"):
        plain["content"] = delta["refusal"]
    if plain.get("role") and ask.extra["echo"]:
        plain["content"] = ask.extra["echo"]
    return plain


def _message(ask: Ask, answer: Answer, stamp: Stamp, at: int) -> Json:
    calls = [
        {
            "id": openai_chat.call_id(stamp, at, number).replace("call_", "chatcmpl-tool-"),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(answer.calls)
    ]
    return {
        "role": "assistant",
        "content": None if calls else str(ask.extra["echo"]) + (answer.text or answer.refusal),
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": calls,
        "reasoning": None,
    }


def usage_of(usage: Usage, sent: int | None = None, *, details: bool = True) -> Json:
    """vLLM's usage; `sent` replaces the completion count on a running chunk."""
    written = usage.output if sent is None else sent
    cached = {"cached_tokens": usage.cache_read} if details else None
    return {
        "prompt_tokens": usage.input,
        "total_tokens": usage.input + written,
        "completion_tokens": written,
        "prompt_tokens_details": cached,
    }


def metrics(running: int) -> str:
    """The gauges that a router scales on, in the exposition format."""
    return (
        f"vllm:num_requests_running {float(running)}\n"
        "vllm:num_requests_waiting 0.0\n"
        f"vllm:kv_cache_usage_perc {min(1.0, running / 64)}\n"
    )
