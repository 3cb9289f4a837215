"""Chat over HTTP on real stores: bad input, a client that leaves, money and the log afterwards."""

import asyncio
import contextlib
from typing import Any

import httpx
import orjson
import pytest

from infra.simulator import Fault
from shared.core.ids import RunId
from shared.core.money import Micros
from shared.core.tenant import Limits, Principal
from tests.flow.house import House

PATH = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Say something about tea."}],
}


def nested(depth: int) -> bytes:
    """A request whose metadata has so many levels."""
    start = b'{"model":"auto","messages":[{"role":"user","content":"x"}],"metadata":'
    return start + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


RAW: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no json": (b"{", 400),
    "an array": (b"[]", 400),
    "not a number": (b'{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":NaN}', 400),
    "infinity": (b'{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":Infinity}', 400),
    "a number too large": (
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":1e999}',
        400,
    ),
    "a lone surrogate": (b'{"model":"auto","messages":[{"role":"user","content":"\\ud800"}]}', 400),
    "a nul": (b'{"model":"auto","messages":[{"role":"user","content":"a\\u0000b"}]}', 400),
    "a nul in a key": (b'{"model":"auto","messages":[{"role":"user","content":"x"}],"\\u0000":1}', 400),
    "broken utf-8": (b'{"model":"auto","messages":[{"role":"user","content":"\xff"}]}', 400),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400),
    "101 levels": (nested(100), 400),
    "100,000 levels": (nested(100_000), 400),
    "over the limit": (orjson.dumps(HELLO | {"user": "x" * (4 * 1024 * 1024)}), 413),
}


@pytest.mark.parametrize("case", RAW)
async def test_no_body_breaks_anything(house: House, case: str) -> None:
    """Malformed bodies are 400 (or 413) in OpenAI's shape with a request id, nothing is sent, nothing is held."""
    content, status = RAW[case]
    async with house.client() as client:
        answer = await client.post(PATH, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"]
        assert (await client.post(PATH, json=HELLO)).status_code == 200
    assert len(house.simulator.calls()) == 1
    assert (await house.quiet()).held == 0


async def test_two_megabytes_are_answered_or_refused_by_the_window(house: House) -> None:
    """A prompt of 2 MB goes to a model that can hold it; where none can, a 400 names the context length."""
    big = {"role": "user", "content": "tea " * (2 * 1024 * 1024 // 4)}
    async with house.client() as client:
        fits = await client.post(
            PATH, json={"model": "claude-haiku-5-5", "messages": [big], "max_tokens": 50}
        )
        assert fits.status_code == 200
        small = await client.post(PATH, json={"model": "sonar", "messages": [big]})
    assert small.status_code == 400
    assert small.json()["error"]["code"] == "context_length_exceeded"
    assert small.json()["error"]["param"] == "messages"


@pytest.mark.parametrize(
    "credential", ["", "Bearer", "Bearer cs_wrong-key-of-nobody-000000", "Basic eDp5", "Bearer a.b.c"]
)
async def test_a_bad_credential_is_a_401_before_anything(house: House, credential: str) -> None:
    """In OpenAI's shape, also for a stream; a broken body does not matter yet."""
    async with httpx.AsyncClient(base_url=house.url, headers={"authorization": credential}) as client:
        answer = await client.post(PATH, content=b"{")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


async def test_an_answer_names_its_trace_and_the_log_has_it(house: House) -> None:
    """The headers lead to the log: intent before outcome, the model that served, the cost that was settled."""
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO)
    trace = answer.headers["x-chatsmart-trace"]
    assert answer.headers["x-chatsmart-model"] == "gpt-6-luna"
    assert answer.headers["x-chatsmart-cache"] == "miss"
    tape = await house.services.documents.tape(Principal(house.tenant, "test"), RunId(f"chat_{trace}"))
    kinds = [row["kind"] for row in tape]
    assert kinds.index("intent") < kinds.index("outcome") < kinds.index("end")
    assert {row["trace"] for row in tape} == {trace}
    balance = await house.quiet()
    assert balance.spent == int(answer.headers["x-chatsmart-cost-micros"]) > 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_cancels_the_provider(house: House, stream: bool) -> None:
    """Within 0.2 seconds the provider's call is cancelled; then nothing is held and the log tells how far it came."""
    house.simulator.plan(Fault("stall", after_chunks=3 if stream else 0, seconds=30), "openai", times=None)
    async with house.client() as client:
        request = client.build_request("POST", PATH, json=HELLO | {"stream": stream})
        sending = asyncio.create_task(client.send(request, stream=True))
        if stream:
            answer = await sending
            await anext(answer.aiter_bytes())
            await answer.aclose()
        else:
            async with asyncio.timeout(5):
                while not house.simulator.calls():  # noqa: ASYNC110  # the simulator tells nobody of a call
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
    async with asyncio.timeout(0.2):
        while not all(call.cancelled for call in house.simulator.calls()):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.005)
    assert (await house.quiet()).held == 0


async def test_a_client_that_leaves_before_the_first_token_cancels_the_provider(house: House) -> None:
    """Also where the provider has not said a word yet."""
    house.simulator.plan(Fault("stall_headers", seconds=30), "openai", times=None)
    async with house.client() as client:
        sending = asyncio.create_task(client.post(PATH, json=HELLO | {"stream": True}))
        async with asyncio.timeout(5):
            while not house.simulator.calls():  # noqa: ASYNC110  # the simulator tells nobody of a call
                await asyncio.sleep(0.01)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
    async with asyncio.timeout(0.5):
        while not all(call.cancelled for call in house.simulator.calls()):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.005)
    assert (await house.quiet()).held == 0


async def test_a_providers_limit_stays_a_limit(house: House) -> None:
    """A 429 of a named model is a 429 with its `retry-after`, not an outage."""
    house.simulator.plan(Fault("status", status=429, retry_after=17), "openai", times=None)
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO | {"stream": True})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert (await house.quiet()).spent == 0


async def test_a_spent_month_is_a_402(house: House) -> None:
    """Where the worst case does not fit under the tenant's cap nothing is sent."""
    object.__setattr__(house.services.chat, "house", Limits(month_micros=Micros(1)))
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_quota")
    assert not house.simulator.calls()
