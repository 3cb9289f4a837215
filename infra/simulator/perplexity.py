"""Perplexity Sonar: chat completions with citations, search results and a cost that only the last chunk
completes."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from infra.simulator import brief, chat_request, fields, openai_chat, phrases, prose, tokens, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Usage
from infra.simulator.failure import BadField, BadJson, WireError

_END = b"\r\n\r\n"
_TYPES = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    422: "validation_error",
    429: "too_many_requests",
}
_MOST_STOPS = 8


class PerplexityChat(wire.Wire):
    """`POST /chat/completions` of the Sonar models."""

    provider = "perplexity"
    stream_type = "text/event-stream; charset=utf-8"
    chunk_tokens = 4

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return openai_chat.bearer(headers)

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; messages must alternate and end with the user."""
        model = self.model(fields.text(body, "model"))
        turns = chat_request.turns(body)
        self._check_order([turn.role for turn in turns])
        schema, any_json, _ = chat_request.structure(body)
        wanted = fields.child(body, "response_format")
        regex = None
        if wanted.get("type") == "regex":
            regex = fields.text(
                fields.child(wanted, "regex", "response_format."), "regex", "response_format.regex."
            )
        if schema is not None:
            self.check_schema(schema, "response_format")
        size = str(fields.child(body, "web_search_options").get("search_context_size", "low"))
        if size not in model.request_fees:
            raise BadField(
                "web_search_options.search_context_size", "value", expected="low, medium, high", got=size
            )
        mode = fields.text(body, "stream_mode", default="full")
        if mode not in {"full", "concise"}:
            raise BadField("stream_mode", "value", expected="full, concise", got=mode)
        ask = Ask(
            model,
            turns,
            stream=fields.flag(body, "stream"),
            schema=schema,
            any_json=any_json,
            regex=regex,
            max_tokens=fields.integer(body, "max_tokens") or model.max_output,
            stop=chat_request.stops(body, most=_MOST_STOPS),
            extra={"size": size, "mode": mode},
        )
        if tokens.read(ask.prompt()) > model.context:
            raise WireError(400, f"Prompt is too long: the limit of {model.id} is {model.context} tokens.")
        return ask

    @staticmethod
    def _check_order(roles: list[str]) -> None:
        spoken = [role for role in roles if role != "system"]
        if not spoken or spoken[-1] not in {"user", "tool"}:
            raise WireError(400, "Last message must have role `user` or `tool`.")
        for left, right in pairwise(spoken):
            if left == right and left != "tool":
                raise WireError(
                    400,
                    "After the (optional) system message(s), user or tool message(s) should alternate with assistant"
                    " message(s).",
                )

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A `chat.completion` with its sources and its cost."""
        answer = answers[0]
        text = answer.text or answer.refusal
        return openai_chat.dumps(
            self._chunk(ask, stamp, usage, "chat.completion", text, "", answer.finish, costed=True)
        )

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """Chunks that each carry the delta and, in full mode, the whole message so far; then `[DONE]`."""
        answer = answers[0]
        so_far = ""
        made: list[Frame] = []
        written = 0
        for text, count in wire.parts(answer, self.chunk_tokens):
            so_far += text
            written += count
            interim = replace(usage, output=written)
            whole = so_far if ask.extra["mode"] == "full" else ""
            data = self._chunk(ask, stamp, interim, "chat.completion.chunk", whole, text, None, costed=False)
            made.append(Frame(wire.sse(data, _END), count))
        last = self._chunk(ask, stamp, usage, "chat.completion.chunk", so_far, "", answer.finish, costed=True)
        made.append(Frame(wire.sse(last, _END), 0, True))
        made.append(Frame(b"data: [DONE]" + _END, 0, True))
        return tuple(made)

    def _chunk(
        self,
        ask: Ask,
        stamp: Stamp,
        usage: Usage,
        kind: str,
        text: str,
        delta: str,
        finish: str | None,
        *,
        costed: bool,
    ) -> Json:
        ended = finish is not None
        results = sources(ask)
        return {
            "id": f"{stamp.core}",
            "model": ask.model.id,
            "created": stamp.created,
            "usage": usage_of(ask, usage, costed=costed),
            "citations": [result["url"] for result in results],
            "search_results": results,
            "object": kind,
            "type": "end_of_stream" if ended and kind.endswith("chunk") else "message",
            "status": "COMPLETED" if ended else "PENDING",
            "system_fingerprint": f"fp_{wire.SIMULATED}",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": None if finish is None else ("length" if finish == "length" else "stop"),
                    "message": {"role": "assistant", "content": text},
                    "delta": {"role": "assistant", "content": delta},
                }
            ],
        }

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """A request id."""
        return {"x-request-id": stamp.core}

    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """`{"error": {message, type, code}}` with the status as code."""
        kind = error.kind or _TYPES.get(error.status, "internal_server_error")
        message = error.message or kind.replace("_", " ").capitalize()
        return {"error": {"message": message, "type": kind, "code": error.status}}

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """A data object with a top-level `error`."""
        return wire.sse(self.error_body(error, stamp), _END)

    def bad_key(self, key: str | None) -> WireError:
        """401."""
        return WireError(
            401,
            "Invalid API key provided. You can find your API keys in your API settings."
            if key
            else "Missing API key. Send it as a Bearer token in the Authorization header.",
        )

    def bad_field(self, error: BadField) -> WireError:
        """400 with the path and the problem."""
        words = {"missing": "Field required", "empty": "List should have at least 1 item"}
        text = words.get(error.problem, f"Input should be {error.expected}")
        return WireError(400, f"{text} at body.{error.path}", kind="bad_request")

    def bad_json(self, error: BadJson) -> WireError:
        """400."""
        return WireError(400, "The request body is not valid JSON.", kind="bad_request")

    def unknown_model(self, model_id: str) -> WireError:
        """400 `invalid_model`."""
        return WireError(
            400,
            f"Invalid model '{model_id}'. Permitted models can be found in the documentation.",
            kind="invalid_model",
        )

    def broken_frame(self) -> bytes:
        """An event cut in the middle, under this wire's line ends."""
        return b'data: {"id":"sim-broken","choices":[{"index":0,"del' + _END


def sources(ask: Ask) -> list[Json]:
    """Search results on the subject, the same for the same conversation."""
    pen = prose.Pen(brief.read(ask.turns), ask.seed())
    chosen = pen.rng.sample(phrases.SOURCES, 4)
    return [
        {
            "title": pen.fill(title),
            "url": pen.fill(url),
            "date": f"2026-0{at + 3}-1{at}",
            "last_updated": f"2026-10-0{at + 1}",
            "snippet": pen.pick(phrases.FINDINGS),
            "source": "web",
        }
        for at, (title, url) in enumerate(chosen)
    ]


def usage_of(ask: Ask, usage: Usage, *, costed: bool) -> Json:
    """Perplexity's usage; before the end the cost is a skeleton of zeros without the request fee. US dollars."""
    size = ask.extra["size"]
    cost: Json = {"input_tokens_cost": 0.0, "output_tokens_cost": 0.0, "total_cost": 0.0}
    if costed:
        read = round(usage.input * ask.model.usd_in / 1e6, 6)
        written = round(usage.output * ask.model.usd_out / 1e6, 6)
        fee = ask.model.request_fees[size]
        cost = {
            "input_tokens_cost": read,
            "output_tokens_cost": written,
            "request_cost": fee,
            "total_cost": round(read + written + fee, 6),
        }
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "search_context_size": size,
        "cost": cost,
    }
