"""The whole product with the real server as its Llama tier: LLAMA_BASE_URL names it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson

from shared.bootstrap import services
from shared.config import Upstream
from shared.core.ids import RunId
from shared.core.tenant import Principal
from tests.flow.house import House, opened, served
from tests.stores import Addresses
from tests.vllm.served import LLAMA, LONG, Address, Pool

ASKED: dict[str, Any] = {
    "model": LLAMA.name,
    "messages": [{"role": "user", "content": "What is a function?"}],
    "temperature": 0,
}


@asynccontextmanager
async def product(addresses: Addresses, address: Address) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """A product whose hosted providers are simulated and whose Llama tier is real, and a client of it."""
    async with opened(addresses) as house:
        settings = house.services.settings
        upstreams = {**settings.upstreams, "llama": Upstream(address.base_url, address.key)}
        changed = replace(
            settings,
            upstreams=upstreams,
            namespace=uuid4().hex,
            llama_model=LLAMA.name,
            first_token_seconds=60.0,
            between_tokens_seconds=30.0,
        )
        async with (
            served(services(changed)) as url,
            httpx.AsyncClient(base_url=url, headers=house.auth, timeout=100) as client,
        ):
            yield house, client


async def legs(house: House, trace: str) -> list[dict[str, Any]]:
    """The log's rows of a chat's calls."""
    tape = await house.services.documents.tape(Principal(house.tenant, "test"), RunId(f"chat_{trace}"))
    return [row for row in tape if row["kind"] in ("intent", "outcome")]


async def test_a_chat_is_answered_by_the_real_server(addresses: Addresses, pool: Pool) -> None:
    """Whole and streamed alike, by the model that was named, with usage that the server counted."""
    async with product(addresses, pool.address) as (house, client):
        whole = await client.post("/v1/chat/completions", json=ASKED | {"max_tokens": 40})
        assert whole.status_code == 200, whole.text
        assert whole.headers["x-chatsmart-model"] == LLAMA.name
        answer = whole.json()
        assert answer["usage"]["completion_tokens"] == 40
        streamed = await client.post(
            "/v1/chat/completions",
            json=ASKED | {"max_tokens": 40, "stream": True},
            headers={"cache-control": "no-cache"},
        )
        assert spoken(streamed.content) == answer["choices"][0]["message"]["content"]
        assert not house.simulator.calls()


async def test_a_server_that_dies_in_the_middle_is_taken_over_from(addresses: Addresses, pool: Pool) -> None:
    """Readers keep what they have, a hosted model finishes the answer in the same stream, and the log has both."""
    async with product(addresses, pool.address) as (house, client):
        got, before = b"", ""
        killing: asyncio.Task[Any] | None = None
        asked = ASKED | {"max_tokens": LONG, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            assert answer.headers["x-chatsmart-model"] == LLAMA.name
            trace = answer.headers["x-chatsmart-trace"]
            async for piece in answer.aiter_bytes():
                got += piece
                if killing is None and len(spoken(got)) > 100:
                    before = spoken(got)
                    killing = asyncio.create_task(asyncio.to_thread(pool.engine.stop, 0.0))
        assert killing is not None
        await killing
        text = spoken(got)
        assert text.startswith(before)
        assert len(text) > len(before)
        assert b"[DONE]" in got
        assert house.simulator.calls()
        rows = await legs(house, trace)
        assert sum(row["kind"] == "intent" for row in rows) >= 2


def spoken(stream: bytes) -> str:
    """The words in an SSE body so far, whole events only."""
    lines = stream[: stream.rfind(b"\n\n") + 2].split(b"\n")
    events = [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
    choices = [choice for event in events for choice in event.get("choices") or ()]
    return "".join(str(choice["delta"].get("content") or "") for choice in choices)
