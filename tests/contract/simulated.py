"""A running simulator for the tests beside this file, and requests in each provider's own form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from infra.simulator import Simulator, start

Json = dict[str, Any]
MODELS = {
    "openai": "gpt-6.1-sol",
    "anthropic": "claude-sonnet-5-5",
    "gemini": "gemini-3.8-flash",
    "perplexity": "sonar-pro",
    "llama": "meta-llama/Llama-3.3-70B-Instruct",
}
WIRES = ("openai", "responses", "anthropic", "gemini", "perplexity", "llama")


@dataclass(frozen=True)
class Bench:
    """A simulator and a plain HTTP client."""

    simulator: Simulator
    client: httpx.AsyncClient

    def request(
        self, wire: str, text: str, *, stream: bool = False, key: str | None = "k", **more: Any
    ) -> httpx.Request:
        """The request of this wire for one user message; `more` goes into the body, `headers` into the headers."""
        headers = more.pop("headers", {})
        path, body, credential = _FORMS[wire](text, stream)
        if key is not None:
            headers = {**credential(key), **headers}
        if wire == "anthropic":
            headers = {"anthropic-version": "2023-06-01", **headers}
        provider = "openai" if wire == "responses" else wire
        return self.client.build_request(
            "POST", self.simulator.url(provider) + path, json={**body, **more}, headers=headers
        )

    async def send(self, wire: str, text: str, **more: Any) -> httpx.Response:
        """Sends it and reads the whole answer."""
        return await self.client.send(self.request(wire, text, **more))


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _chat(model: str) -> Any:
    def form(text: str, stream: bool) -> tuple[str, Json, Any]:
        said = [{"role": "user", "content": text}]
        return "/chat/completions", {"model": model, "messages": said, "stream": stream}, _bearer

    return form


def _responses(text: str, stream: bool) -> tuple[str, Json, Any]:
    return "/responses", {"model": MODELS["openai"], "input": text, "stream": stream}, _bearer


def _anthropic(text: str, stream: bool) -> tuple[str, Json, Any]:
    said = [{"role": "user", "content": text}]
    body = {"model": MODELS["anthropic"], "max_tokens": 8_000, "messages": said, "stream": stream}
    return "/v1/messages", body, lambda key: {"x-api-key": key}


def _gemini(text: str, stream: bool) -> tuple[str, Json, Any]:
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return f"/models/{MODELS['gemini']}:{action}", body, lambda key: {"x-goog-api-key": key}


_FORMS = {
    "openai": _chat(MODELS["openai"]),
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "perplexity": _chat(MODELS["perplexity"]),
    "llama": _chat(MODELS["llama"]),
}


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A simulator of its own and a client for it."""
    async with start() as simulator, httpx.AsyncClient(timeout=10) as client:
        yield Bench(simulator, client)


def events(body: str) -> list[Json]:
    """The JSON data of every event of a stream, `[DONE]` left out."""
    found = []
    for block in body.replace("\r\n", "\n").split("\n\n"):
        lines = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if lines and lines[0] != "[DONE]":
            found.append(orjson.loads("\n".join(lines)))
    return found


def text_of(wire: str, whole: Json) -> str:
    """The visible text of a whole answer."""
    if wire == "anthropic":
        return "".join(block["text"] for block in whole["content"] if block["type"] == "text")
    if wire == "gemini":
        parts = whole["candidates"][0]["content"].get("parts", [])
        return "".join(part.get("text", "") for part in parts if not part.get("thought"))
    if wire == "responses":
        said = [item for item in whole["output"] if item["type"] == "message"]
        return "".join(part.get("text", "") for item in said for part in item["content"])
    return str(whole["choices"][0]["message"]["content"] or "")


def streamed_text(wire: str, found: list[Json]) -> str:
    """The visible text of a stream's events."""
    if wire == "anthropic":
        return "".join(e["delta"].get("text", "") for e in found if e["type"] == "content_block_delta")
    if wire == "gemini":
        return "".join(text_of("gemini", event) for event in found if "candidates" in event)
    if wire == "responses":
        return "".join(e["delta"] for e in found if e["type"] == "response.output_text.delta")
    choices = [event["choices"][0] for event in found if event.get("choices")]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
