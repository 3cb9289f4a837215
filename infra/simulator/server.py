"""The application: one route per endpoint, each going through the same exchange."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from aiohttp import web
from multidict import CIMultiDict

from infra.simulator import (
    catalogue,
    control,
    embeddings,
    listings,
    openai_responses,
    pool,
    stream,
    tokens,
    vllm,
)
from infra.simulator.answer import Frame, Stamp, Usage
from infra.simulator.anthropic import AnthropicMessages
from infra.simulator.calls import Call, Calls
from infra.simulator.exchange import Exchanges, Kept, Prepared, Rendered, parse, stamped_bytes
from infra.simulator.failure import BadField, BadJson, WireError
from infra.simulator.faults import BadFault, Fault, Plan, acts, from_headers
from infra.simulator.gemini import GeminiContent
from infra.simulator.openai_chat import OpenAIChat
from infra.simulator.openai_responses import OpenAIResponses
from infra.simulator.perplexity import PerplexityChat
from infra.simulator.stream import Pace
from infra.simulator.vllm_completions import VllmCompletions
from infra.simulator.wire import Target, Wire

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LARGEST_BODY = 64 * 1024 * 1024
_JUNK = b"<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"
CHAT, RESPONSES, MESSAGES = OpenAIChat(), OpenAIResponses(), AnthropicMessages()
GEMINI, PERPLEXITY, VLLM = GeminiContent(), PerplexityChat(), vllm.VllmChat()
COMPLETIONS = VllmCompletions()


@dataclass(slots=True)
class _Live:
    """One request under way."""

    wire: Wire
    request: web.Request
    call: Call
    stamp: Stamp
    fault: Fault | None = None
    pace: Pace = field(default_factory=Pace)


class Server:
    """The simulator's state and its handlers."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.plan = Plan()
        self.calls = Calls()
        self.exchanges = Exchanges()

    def app(self) -> web.Application:
        """The application with every route."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        add = app.router.add_route
        add("POST", "/openai/v1/chat/completions", self._generating(CHAT))
        add("POST", "/openai/v1/responses", self._generating(RESPONSES))
        add("GET", "/openai/v1/responses/{id}", self._retrieved)
        add("POST", "/openai/v1/responses/{id}/cancel", self._guarded(RESPONSES, self._response))
        add("POST", "/openai/v1/embeddings", self._guarded(CHAT, self._embeddings))
        add("GET", "/openai/v1/models", self._guarded(CHAT, _json_of(listings.openai_list)))
        add("GET", "/openai/v1/models/{id}", self._guarded(CHAT, self._one_model))
        add("POST", "/anthropic/v1/messages", self._generating(MESSAGES))
        add("POST", "/anthropic/v1/messages/count_tokens", self._guarded(MESSAGES, self._count))
        add("GET", "/anthropic/v1/models", self._guarded(MESSAGES, _json_of(listings.anthropic_list)))
        add("GET", "/anthropic/v1/models/{id}", self._guarded(MESSAGES, self._one_model))
        add("POST", "/gemini/v1beta/models/{id}:{action}", self._gemini)
        add("GET", "/gemini/v1beta/models", self._guarded(GEMINI, _json_of(listings.gemini_list)))
        add("GET", "/gemini/v1beta/models/{id}", self._guarded(GEMINI, self._one_model))
        add("POST", "/perplexity/chat/completions", self._generating(PERPLEXITY))
        add("POST", "/llama/v1/chat/completions", self._generating(VLLM))
        add("POST", "/llama/v1/completions", self._generating(COMPLETIONS))
        add("GET", "/llama/v1/models", self._guarded(VLLM, _json_of(listings.vllm_list)))
        add("GET", "/llama/health", _health)
        add("GET", "/llama/metrics", self._metrics)
        control.add_routes(app, self.plan, self.calls, self.exchanges)
        for prefix, wire in _PREFIXES.items():
            add("*", prefix + "{rest:.*}", self._guarded(wire, _no_such_path))
        return app

    def _generating(self, wire: Wire) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._generate(wire, request, Target())

        return handle

    async def _gemini(self, request: web.Request) -> web.StreamResponse:
        action = request.match_info["action"]
        model_id = request.match_info["id"]
        if action == "countTokens":
            return await self._guarded(GEMINI, self._count)(request)
        if action not in {"generateContent", "streamGenerateContent"}:
            return await self._guarded(GEMINI, _no_such_path)(request)
        streams = action == "streamGenerateContent"
        return await self._generate(
            GEMINI, request, Target(model_id, streams, streams and request.query.get("alt") != "sse")
        )

    async def _generate(self, wire: Wire, request: web.Request, target: Target) -> web.StreamResponse:
        """Reads, answers and sends."""
        return await self._exchange(wire, request, lambda live: self._answered(live, target))

    async def _retrieved(self, request: web.Request) -> web.StreamResponse:
        """A kept response, as a whole or as the stream that it was."""
        if request.query.get("stream") != "true":
            return await self._guarded(RESPONSES, self._response)(request)
        return await self._exchange(RESPONSES, request, self._taken_up)

    async def _exchange(
        self, wire: Wire, request: web.Request, inner: Callable[[_Live], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """A call that may stream; its row is ended whatever happens."""
        call = self.calls.begin(wire.provider, request.path)
        live = _Live(wire, request, call, self._stamp(wire, request))
        call.id = live.stamp.core
        try:
            response = await inner(live)
        except WireError as error:
            response = _failed(live, error)
        except BadField as error:
            response = _failed(live, wire.bad_field(error))
        except BadFault as error:
            response = _json({"error": f"bad x-sim header: {error}"}, 400)
        except (asyncio.CancelledError, ConnectionError):
            call.end(cancelled=True)
            raise
        call.status = response.status
        call.end()
        return response

    def _stamp(self, wire: Wire, request: web.Request) -> Stamp:
        stamp = self.exchanges.stamp()
        asked = request.headers.get("X-Request-Id") if wire is VLLM else None
        return replace(stamp, core=asked) if asked else stamp

    async def _answered(self, live: _Live, target: Target) -> web.StreamResponse:
        request, call, wire = live.request, live.call, live.wire
        raw = await request.read()
        self.calls.keep_body(call, raw)
        key = _checked_key(wire, request)
        call.model = target.model_id or _model_in(raw)
        self._strike(live, raw)
        if (early := await _before_answer(live)) is not None:
            return early
        prepared = self.exchanges.prepare(wire, target, raw, live.fault)
        call.stream = prepared.ask.stream
        usage = self.exchanges.usage(prepared, key)
        rendered = self.exchanges.render(wire, prepared, usage)
        live.stamp = _request_id(live.stamp, prepared)
        self.exchanges.keep(wire, prepared, rendered, usage, live.stamp)
        if prepared.ask.stream:
            return await _streamed(live, rendered, prepared, usage)
        return await _whole(live, prepared, rendered, usage)

    def _guarded(self, wire: Wire, inner: Callable[[web.Request], Awaitable[Any]]) -> Handler:
        """A plain endpoint: the key is checked, failures get the wire's shape, planned statuses apply."""

        async def handle(request: web.Request) -> web.StreamResponse:
            call = self.calls.begin(wire.provider, request.path)
            live = _Live(wire, request, call, self.exchanges.stamp())
            try:
                raw = await request.read()
                _checked_key(wire, request)
                live.fault = from_headers(request.headers) or self.plan.take(
                    wire.provider, _model_in(raw), raw or request.path_qs.encode()
                )
                early = await _before_answer(live) if live.fault is not None else None
                response = early or _json(await inner(request), 200, wire, live.stamp)
            except WireError as error:
                response = _failed(live, error)
            except BadField as error:
                response = _failed(live, wire.bad_field(error))
            except BadJson as error:
                response = _failed(live, wire.bad_json(error))
            except BadFault as error:
                response = _json({"error": f"bad x-sim header: {error}"}, 400)
            except (asyncio.CancelledError, ConnectionError):
                call.end(cancelled=True)
                raise
            call.status = response.status
            call.end()
            return response

        return handle

    async def _embeddings(self, request: web.Request) -> bytes:
        body = parse(await request.read())
        name = body.get("model")
        if not isinstance(name, str):
            raise BadField("model", "missing")
        return embeddings.answer(body, CHAT.model(name, embeds=True))

    async def _one_model(self, request: web.Request) -> Any:
        provider = request.path.split("/")[1]
        wire: Wire = {"openai": CHAT, "anthropic": MESSAGES, "gemini": GEMINI}[provider]
        found = catalogue.find(provider, request.match_info["id"])
        if found is None:
            raise wire.unknown_model(request.match_info["id"])
        shown = {
            "openai": listings.openai_one,
            "anthropic": listings.anthropic_one,
            "gemini": listings.gemini_one,
        }
        return shown[provider](found)

    async def _count(self, request: web.Request) -> Any:
        body = parse(await request.read())
        if request.path.startswith("/anthropic"):
            ask = MESSAGES.ask({"max_tokens": 1, **body}, Target())
            return {"input_tokens": tokens.read(ask.prompt())}
        ask = GEMINI.ask(body.get("generateContentRequest") or body, Target(request.match_info["id"]))
        total = tokens.read(ask.prompt())
        return {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}

    def _kept(self, request: web.Request) -> Kept:
        kept = self.exchanges.responses.get(request.match_info["id"])
        if kept is None:
            raise WireError(
                404, f"Response with id '{request.match_info['id']}' not found.", param="response_id"
            )
        return kept

    async def _response(self, request: web.Request) -> Any:
        return self._kept(request).body

    async def _taken_up(self, live: _Live) -> web.StreamResponse:
        """The events of a kept response after a sequence number; all faults of streams apply."""
        request, call = live.request, live.call
        _checked_key(live.wire, request)
        known = self.exchanges.responses.get(request.match_info["id"])
        call.model, call.stream = known.model if known is not None else "", True
        self._strike(live, request.path_qs.encode())
        if (early := await _before_answer(live)) is not None:
            return early
        kept = self._kept(request)
        start = request.query.get("starting_after", "-1")
        if not start.lstrip("-").isdigit():
            raise BadField("starting_after", "type", expected="integer", got=start)
        frames = openai_responses.after(kept.frames, int(start))
        body = b"".join(frame.data for frame in frames)
        return await _streamed(live, Rendered(body, frames, sum(frame.tokens for frame in frames)))

    def _strike(self, live: _Live, seen: bytes) -> None:
        """The fault and the pace of a call, by what is seen of it."""
        live.fault = from_headers(live.request.headers) or self.plan.take(
            live.wire.provider, live.call.model, seen
        )
        live.pace = _paced(self.pace, live.fault)
        if live.fault is not None:
            live.call.fault = live.fault.kind

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        running = sum(call.provider == "llama" and call.finished is None for call in self.calls.rows())
        return web.Response(text=vllm.metrics(running), headers={"x-simulated": "true"})


_PREFIXES: dict[str, Wire] = {
    "/openai": CHAT,
    "/anthropic": MESSAGES,
    "/gemini": GEMINI,
    "/perplexity": PERPLEXITY,
    "/llama": VLLM,
}


def _json_of(listing: Callable[[], Any]) -> Callable[[web.Request], Awaitable[Any]]:
    async def handle(request: web.Request) -> Any:
        return listing()

    return handle


async def _health(request: web.Request) -> web.StreamResponse:
    return web.Response(headers={"x-simulated": "true"})


async def _no_such_path(request: web.Request) -> Any:
    raise WireError(404, f"Invalid URL ({request.method} {request.path})")


def _checked_key(wire: Wire, request: web.Request) -> str:
    key = wire.key(request.headers, request.query)
    if key is None or key == "bad":
        raise wire.bad_key(key)
    if wire is MESSAGES and "anthropic-version" not in request.headers:
        raise WireError(400, "anthropic-version: header is required")
    return key


def _model_in(raw: bytes) -> str:
    """The model named in the body, for the plan and the record; empty where there is none."""
    at = raw.find(b'"model"')
    if at < 0:
        return ""
    if raw.find(b'"model"', at + 1) > 0:
        try:
            return str(parse(raw).get("model", ""))[:200]
        except BadJson:
            return ""
    start = raw.find(b'"', raw.find(b":", at)) + 1
    return raw[start : raw.find(b'"', start)].decode("utf-8", "replace")[:200] if start else ""


def _request_id(stamp: Stamp, prepared: Prepared) -> Stamp:
    asked = prepared.ask.extra.get("request_id")
    return replace(stamp, core=str(asked)) if asked else stamp


def _paced(pace: Pace, fault: Fault | None) -> Pace:
    if fault is None:
        return pace
    return Pace(
        pace.ttft if fault.ttft_ms is None else fault.ttft_ms / 1_000,
        pace.tpot if fault.tpot_ms is None else fault.tpot_ms / 1_000,
        fault.split_bytes or pace.split_bytes,
    )


async def _before_answer(live: _Live) -> web.StreamResponse | None:
    """Plays the faults that come before any answer."""
    fault = live.fault
    if fault is None:
        return None
    if fault.kind == "status":
        raise WireError(
            fault.status, fault.message, kind=fault.type, code=fault.code, retry_after=fault.retry_after
        )
    if fault.kind in pool.KINDS:
        if live.wire.provider != "llama":
            raise BadFault(f"kind {fault.kind!r} is the Llama tier's")
        if (refusal := pool.refuses(fault.kind)) is not None:
            raise refusal
        return pool.edge() if fault.kind == "cold" else None
    if fault.kind == "forget":
        raise WireError(400 if live.wire is GEMINI else 404, "What was kept of the response has expired.")
    if fault.kind == "stall_headers":
        await asyncio.sleep(3_600 if fault.seconds is None else fault.seconds)
    if fault.kind == "drop":
        if live.request.transport is not None:
            live.request.transport.close()
        return web.Response(status=499)
    if fault.kind == "junk_body":
        return web.Response(
            body=_JUNK, headers={"content-type": "text/html; charset=utf-8", "x-simulated": "true"}
        )
    return None


def _headers(
    live: _Live, content_type: str, prepared: Prepared | None, usage: Usage | None
) -> CIMultiDict[str]:
    shown = live.wire.headers(prepared.ask if prepared else None, usage, live.stamp)
    if live.fault is not None and live.fault.kind in pool.KINDS:
        shown |= pool.heads(live.fault.kind)
    if live.fault is not None and live.fault.kind == "junk_type":
        content_type = live.fault.content_type
    return CIMultiDict({**shown, "content-type": content_type, "server": "simulator", "x-simulated": "true"})


async def _streamed(
    live: _Live, rendered: Rendered, prepared: Prepared | None = None, usage: Usage | None = None
) -> web.StreamResponse:
    wire, request, call = live.wire, live.request, live.call
    array = prepared is not None and prepared.ask.extra.get("array")
    response = web.StreamResponse(
        headers=_headers(live, wire.json_type if array else wire.stream_type, prepared, usage)
    )
    response.enable_chunked_encoding()
    call.status = 200
    writer = await response.prepare(request)
    if live.fault is None and live.pace.bursts:
        await stream.burst(response, stamped_bytes(rendered.body, live.stamp), rendered.tokens, call)
    else:
        stream.flush_headers(writer)
        await _play(live, response, rendered.frames)
    if request.transport is not None and not request.transport.is_closing():
        await response.write_eof()
    return response


async def _play(live: _Live, response: web.StreamResponse, frames: tuple[Frame, ...]) -> None:
    stamped = tuple(replace(frame, data=stamped_bytes(frame.data, live.stamp)) for frame in frames)
    fault = live.fault
    error = WireError(500)
    if fault is not None and fault.kind == "error_event":
        error = WireError(fault.status, fault.message, kind=fault.type, code=fault.code)
    script = acts(stamped, fault, live.wire.broken_frame(), live.wire.error_frame(error, live.stamp))
    await stream.play(live.request, response, script, live.pace, live.call)


async def _whole(live: _Live, prepared: Prepared, rendered: Rendered, usage: Usage) -> web.StreamResponse:
    """One JSON body; the faults of streams strike it as if it were a single chunk."""
    body = stamped_bytes(rendered.body, live.stamp)
    headers = _headers(live, live.wire.json_type, prepared, usage)
    fault = live.fault
    if fault is not None and fault.kind == "error_event":
        raise WireError(fault.status, fault.message, kind=fault.type, code=fault.code)
    if fault is not None and fault.kind == "malformed":
        body = body[: max(1, len(body) // 2)]
    if live.pace.ttft:
        await asyncio.sleep(live.pace.ttft)
    if fault is None or fault.kind not in {"stall", "reset", "cut", "close", "pace"}:
        live.call.tokens_sent += rendered.tokens
        live.call.bytes_sent += len(body)
        return web.Response(body=body, headers=headers)
    response = web.StreamResponse(headers=headers)
    if fault.kind != "close":
        response.content_length = len(body)
    stream.flush_headers(await response.prepare(live.request))
    pace = replace(live.pace, ttft=0.0)
    script = acts((Frame(body, rendered.tokens),), fault, b"", b"")
    await stream.play(live.request, response, script, pace, live.call)
    await response.write_eof()
    return response


def _failed(live: _Live, error: WireError) -> web.Response:
    headers = _headers(live, live.wire.json_type, None, None)
    if error.retry_after is not None and live.wire is not GEMINI:
        headers["retry-after"] = f"{error.retry_after:g}"
        if live.wire in {CHAT, RESPONSES, MESSAGES}:
            headers["retry-after-ms"] = f"{error.retry_after * 1_000:g}"
    body = orjson.dumps(live.wire.error_body(error, live.stamp))
    return web.Response(status=error.status, body=body, headers=headers)


def _json(
    value: Any, status: int, wire: Wire | None = None, stamp: Stamp | None = None
) -> web.StreamResponse:
    if isinstance(value, web.StreamResponse):
        return value
    extra: Mapping[str, str] = wire.headers(None, None, stamp) if wire and stamp else {}
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    content_type = wire.json_type if wire else "application/json"
    return web.Response(
        status=status,
        body=body,
        headers={**extra, "content-type": content_type, "server": "simulator", "x-simulated": "true"},
    )
