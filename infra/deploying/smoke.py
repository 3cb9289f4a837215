"""The smoke test: the new release, asked as a caller would, over the address that Modal gave it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from infra.deploying.stopped import Stopped

_PAUSE = 1.0
_ANSWER_SECONDS = 90.0
"""A container's cold start, then a model's answer."""
_QUESTION = "Reply with the two words: still here"
POOL_HEADER = "x-chatsmart-pool"


@dataclass(frozen=True, slots=True)
class Site:
    """A deployed web."""

    url: str
    client: httpx.AsyncClient

    async def alive(self, revision: str, seconds: float) -> None:
        """Wait until /healthz answers as this revision: during a rolling deploy the one before still does. Raises
        Stopped."""
        deadline = time.monotonic() + seconds
        said = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = await self.client.get(f"{self.url}/healthz")
                here = _json(answer).get("revision", "")
                if answer.status_code == 200 and here in ("", revision):
                    return
                said = f"revision {here}" if answer.status_code == 200 else f"status {answer.status_code}"
            except httpx.HTTPError as error:
                said = str(error) or type(error).__name__
            await asyncio.sleep(min(_PAUSE, seconds / 10))
        raise Stopped(
            f"{self.url}/healthz did not answer as {revision} within {seconds:.0f} seconds: {said}."
        )

    async def ready(self) -> None:
        """/readyz says that all stores answer. Raises Stopped with what it says."""
        answer = await self._get("/readyz")
        if answer.status_code != 200:
            raise Stopped(f"{self.url}/readyz: status {answer.status_code}, {answer.text[:300]}")

    async def described(self) -> None:
        """/openapi.json describes the chat that is asked next: the right app answers. Raises Stopped."""
        answer = await self._get("/openapi.json")
        if answer.status_code != 200 or "/v1/chat/completions" not in _json(answer).get("paths", {}):
            raise Stopped(
                f"{self.url}/openapi.json: status {answer.status_code}, and no chat completions in it."
            )

    async def completed(self, key: str) -> float:
        """One streamed answer of a model; the seconds to its first words. Raises Stopped."""
        body = {
            "model": "auto:cheap",
            "stream": True,
            "max_tokens": 24,
            "messages": [{"role": "user", "content": _QUESTION}],
        }
        # Another deploy's stored answer would prove nothing of this one's providers.
        headers = {"authorization": f"Bearer {key}", "x-chatsmart-cache": "off"}
        begun = time.monotonic()
        first = 0.0
        text, done = "", False
        try:
            async with self.client.stream(
                "POST", f"{self.url}/v1/chat/completions", json=body, headers=headers
            ) as answer:
                if answer.status_code != 200:
                    said = (await answer.aread()).decode("utf-8", "replace")
                    raise Stopped(f"A chat completion was refused: status {answer.status_code}, {said[:400]}")
                async for event in _events(answer):
                    done = done or event == "[DONE]"
                    text += "" if done else _words(event)
                    first = first or (time.monotonic() - begun if text else 0.0)
        except httpx.HTTPError as error:
            raise Stopped(f"A chat completion broke off: {str(error) or type(error).__name__}.") from None
        if not text.strip() or not done:
            raise Stopped(f"A streamed chat completion did not come to its end: it said {text[:100]!r}.")
        return first

    async def _get(self, path: str) -> httpx.Response:
        try:
            return await self.client.get(f"{self.url}{path}")
        except httpx.HTTPError as error:
            raise Stopped(
                f"{self.url}{path} does not answer: {str(error) or type(error).__name__}."
            ) from None


@dataclass(frozen=True, slots=True)
class Pool:
    """The Llama pool at its own address."""

    url: str
    client: httpx.AsyncClient
    headers: Mapping[str, str]

    async def state(self, seconds: float) -> str:
        """`ready`, `draining`, or `cold` where no replica answered in this time; asking is what wakes one. A replica
        that says that it is sick gets the time too: its engine may be starting again. Raises Stopped: sick to the end,
        or the proxy refuses our token."""
        deadline = time.monotonic() + seconds
        while True:
            said = await self._asked()
            if said in ("ready", "draining"):
                return said
            if time.monotonic() + _PAUSE > deadline:
                break
            await asyncio.sleep(_PAUSE)
        if said == "sick":
            raise Stopped(
                f"The pool at {self.url} answers, and says that its engine is sick, for {seconds:.0f} seconds now. "
                "Its log: modal app logs chatsmart"
            )
        return "cold"

    async def _asked(self) -> str:
        try:
            answer = await self.client.get(f"{self.url}/health", headers=dict(self.headers))
        except httpx.HTTPError:
            return "cold"
        if answer.status_code in (401, 403, 407):
            raise Stopped(
                f"The pool at {self.url} refuses us (status {answer.status_code}): LLAMA_API_KEY must be a proxy token "
                "of this workspace, as wk-…:ws-… (modal workspace proxy-tokens)."
            )
        return answer.headers.get(POOL_HEADER) or ("ready" if answer.status_code == 200 else "cold")


def proxy_headers(key: str) -> Mapping[str, str]:
    """What LLAMA_API_KEY means on the wire: Modal's proxy auth for `wk-…:ws-…`, else a bearer token."""
    name, _, secret = key.partition(":")
    if name.startswith("wk-") and secret.startswith("ws-"):
        return {"Modal-Key": name, "Modal-Secret": secret}
    return {"authorization": f"Bearer {key}"} if key else {}


def client() -> httpx.AsyncClient:
    """A client that waits for a cold start."""
    return httpx.AsyncClient(timeout=httpx.Timeout(_ANSWER_SECONDS, connect=10.0))


async def _events(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


def _words(event: str) -> str:
    try:
        value = json.loads(event)
    except ValueError:
        raise Stopped(f"A streamed chat completion holds no JSON: {event[:100]!r}.") from None
    if "error" in value:
        raise Stopped(f"A chat completion ended in an error: {json.dumps(value['error'])[:400]}")
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in value.get("choices", ()))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
