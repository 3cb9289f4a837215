"""The Llama tier on a server that is not vLLM, and a tier that is off, over HTTP."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from shared.bootstrap import services
from shared.config import BadSettings, Settings, Upstream
from shared.core.ids import RunId
from shared.core.model_spec import ProviderName
from shared.models.catalogue import LLAMA, LLAMA_SMALL
from tests.flow.house import House, served

NATIVE = "llama3.1:8b"
KNOWN: Mapping[str, Any] = {
    "model": str,
    "messages": list,
    "stream": bool,
    "stream_options": {"include_usage": bool},
    "max_tokens": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "seed": int,
    "stop": list,
    "tools": list,
    "tool_choice": (str, dict),
    "parallel_tool_calls": bool,
    "response_format": {"type": str, "json_schema": {"name": str, "schema": dict, "strict": bool}},
}
"""Fields of OpenAI's chat completions that a plain server takes, and what each may hold."""
HEADERS = {
    "host",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "authorization",
    "user-agent",
}
WORDS = "The lamp turns above the harbour all night long.".split(" ")
SHAPE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASKED: dict[str, Any] = {
    "model": LLAMA_SMALL.name,
    "max_completion_tokens": 60,
    "temperature": 0.5,
    "seed": 7,
    "stop": ["END"],
    "messages": [{"role": "user", "content": "What does the lamp do?"}],
}


def unknown(body: Mapping[str, Any], known: Mapping[str, Any], at: str = "") -> list[str]:
    """The fields of a body that nobody here knows, and those that hold another kind of thing."""
    found = []
    for name, value in body.items():
        kind = known.get(name)
        if isinstance(kind, Mapping) and isinstance(value, Mapping):
            found += unknown(value, kind, f"{at}{name}.")
        elif kind is None or isinstance(kind, Mapping) or not isinstance(value, kind):
            found.append(at + name)
    return found


@dataclass
class Desk:
    """A server of plain chat completions. It refuses what it does not know, and counts no tokens; `breaks` makes its
    next stream end after so many words."""

    refused: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    breaks: int | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        body = json.loads(await request.read())
        self.bodies.append(body)
        wrong = unknown(body, KNOWN) + sorted({name.lower() for name in request.headers} - HEADERS)
        if wrong or body["model"] != NATIVE:
            self.refused += wrong or ["model"]
            return web.json_response(
                {"error": {"message": f"unknown field {wrong}", "code": 400}}, status=400
            )
        text = '{"n": 3}' if "response_format" in body else " ".join(WORDS)
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        return await self._stream(request, text)

    async def _stream(self, request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        pieces = [word + " " for word in text.split(" ")][: self.breaks]
        for piece in pieces:
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            await response.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        if self.breaks is None:
            last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            await response.write(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
        self.breaks = None
        return response


@dataclass
class Elsewhere:
    """A product whose Llama tier is that server."""

    house: House
    desk: Desk


@asynccontextmanager
async def changed(house: House, settings: Settings) -> AsyncIterator[House]:
    """The same product under other settings."""
    engine = services(settings)
    async with served(engine) as url:
        yield replace(house, url=url, services=engine)


@pytest.fixture
async def elsewhere(house: House) -> AsyncIterator[Elsewhere]:
    """The tier as `LLAMA_MODEL=llama-3.1-8b=llama3.1:8b` sets it."""
    desk = Desk()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", desk.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        settings = house.services.settings
        upstreams = {**settings.upstreams, LLAMA.provider: Upstream(url, "k")}
        mine = replace(
            settings, upstreams=upstreams, llama_model=LLAMA_SMALL.name, llama_native=NATIVE, cache=False
        )
        async with changed(house, mine) as found:
            yield Elsewhere(found, desk)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SHAPE}}},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "look", "parameters": SHAPE}}]},
        {"tools": [{"type": "function", "function": {"name": "look"}}], "parallel_tool_calls": False},
    ],
    ids=["words", "schema", "json", "tool", "one tool"],
)
async def test_a_server_with_its_own_names_is_told_only_what_every_server_knows(
    elsewhere: Elsewhere, stream: bool, more: dict[str, Any]
) -> None:
    """Not a field and not a header that it could refuse; an answer without usage is counted by our estimate."""
    house, desk = elsewhere.house, elsewhere.desk
    async with house.client() as client:
        answer = await client.post("/v1/chat/completions", json={**ASKED, **more, "stream": stream})
    assert desk.refused == []
    assert answer.status_code == 200, answer.text
    assert "lamp turns" in answer.text.replace('\\"', "") or "response_format" in more or stream
    assert len(desk.bodies) == 1
    assert desk.bodies[0]["max_tokens"] == 60
    await house.quiet()
    tape = await house.services.log.tape(house.tenant, RunId(f"chat_{answer.headers['x-chatsmart-trace']}"))
    (leg,) = [row for row in tape if row.kind == "outcome"]
    assert leg.usage is not None
    assert leg.usage.provenance == "estimated"
    assert leg.usage.output > 0
    assert leg.cost


async def test_what_breaks_off_there_is_gone_on_with_in_words(elsewhere: Elsewhere) -> None:
    """No tokens to go on from, no message to continue: asked to go on, it does, and the reader has it whole."""
    house, desk = elsewhere.house, elsewhere.desk
    desk.breaks = 4
    async with house.client() as client:
        answer = await client.post("/v1/chat/completions", json={**ASKED, "stream": True})
    assert answer.status_code == 200
    assert desk.refused == []
    assert '"finish_reason":"stop"' in answer.text
    assert said(answer.text).strip() == " ".join(WORDS)
    assert [len(body["messages"]) for body in desk.bodies] == [1, 3]


def said(stream: str) -> str:
    """The text of a stream."""
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


async def test_a_tier_that_is_off_has_no_names(house: House) -> None:
    """Its models are in no list and a 404 by name; whoever asks for a choice is answered by the others."""
    settings = replace(house.services.settings, off=frozenset({LLAMA.provider}))
    settings = replace(
        settings, upstreams={name: one for name, one in settings.upstreams.items() if name != LLAMA.provider}
    )
    async with changed(house, settings) as off, off.client() as client:
        listed = [row["id"] for row in (await client.get("/v1/models")).json()["data"]]
        assert listed
        assert not [name for name in listed if name.startswith("llama")]
        for name in (LLAMA.name, LLAMA_SMALL.name):
            missing = await client.post("/v1/chat/completions", json={**ASKED, "model": name})
            assert missing.status_code == 404
            assert missing.json()["error"]["code"] == "model_not_found"
            assert name in missing.json()["error"]["message"]
            assert (await client.get(f"/v1/models/{name}")).status_code == 404
        answer = await client.post("/v1/chat/completions", json={**ASKED, "model": "auto:cheap"})
        assert answer.status_code == 200
    assert house.simulator.calls("llama") == ()


async def test_a_tier_serves_one_model_by_name(house: House) -> None:
    """The one that `LLAMA_MODEL` names is listed; the other is as good as unknown."""
    settings = replace(house.services.settings, llama_model=LLAMA_SMALL.name)
    async with changed(house, settings) as small, small.client() as client:
        listed = [row["id"] for row in (await client.get("/v1/models")).json()["data"]]
        assert [name for name in listed if name.startswith("llama")] == [LLAMA_SMALL.name]
        answer = await client.post("/v1/chat/completions", json=ASKED)
        assert answer.status_code == 200, answer.text
        missing = await client.post("/v1/chat/completions", json={**ASKED, "model": LLAMA.name})
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_a_step_that_is_left_without_a_model_is_told_at_the_start() -> None:
    """Not when the first document comes to it; with the pipeline's and the step's name."""
    base = replace(Settings(), database_url="postgresql://x", redis_url="redis://x")
    base = base.with_simulator("http://127.0.0.1:1")
    gone: frozenset[ProviderName] = frozenset({"perplexity", "gemini"})
    kept = {name: one for name, one in base.upstreams.items() if name not in gone}
    with pytest.raises(BadSettings, match="article's step research"):
        services(replace(base, off=gone, upstreams=kept))
    services(replace(base, off=frozenset({"perplexity"})))
