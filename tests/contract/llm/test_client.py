"""The HTTP client against a server that says exactly what it is told to."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator

import pytest

from shared.adapters.llm.client import Client, HttpProvider, HttpReply, open_client
from shared.core.answer import collect
from shared.core.chunk import Chunk, Completion, Ended, Text
from shared.core.faults import Cut, Malformed, Overloaded, Refused, Throttled
from shared.core.prompt import ask
from tests.contract.llm.loopback import LAST, Step, answer, head, piece, serving
from tests.contract.llm.specs import HAIKU, LLAMA, LUNA, ONE_EACH

HELLO = b'data: {"id":"r1","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
WORLD = b'data: {"id":"r1","choices":[{"index":0,"delta":{"content":" world"}}]}\n\n'
STOP = b'data: {"id":"r1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"r1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture
async def client() -> AsyncGenerator[Client, None]:
    async with open_client() as opened:
        yield opened


async def drain(reply: HttpReply, seen: list[Chunk]) -> None:
    async for chunks in reply.chunks():
        seen.extend(chunks)


async def read(reply: HttpReply) -> Completion:
    seen: list[Chunk] = []
    await drain(reply, seen)
    assert isinstance(seen[-1], Ended)
    return collect(seen)


async def asked(client: Client, base_url: str) -> Completion:
    provider = HttpProvider(client, base_url, "secret")
    request = provider.prepare(LUNA, ask("Say hello."), stream=True, request_id="t-s")
    async with provider.send(request) as reply:
        return await read(reply)


async def test_chunks_of_one_network_read_come_as_one_sequence_and_raw_is_the_exact_body(
    client: Client,
) -> None:
    """Events that arrive together leave together, and what was received is kept byte for byte."""
    steps: list[Step] = [head(), piece(HELLO + WORLD), 0.05, piece(STOP + USAGE + DONE), LAST]
    async with serving(steps) as server:
        provider = HttpProvider(client, server.base_url, "secret")
        request = provider.prepare(LUNA, ask("Say hello."), stream=True, request_id="t-s")
        async with provider.send(request) as reply:
            reads = [chunks async for chunks in reply.chunks()]
            assert reply.status == 200
            assert not reply.simulated
            assert reply.raw() == HELLO + WORLD + STOP + USAGE + DONE
    assert reads[0] == [Text("Hello"), Text(" world")]
    assert reads[-1][-1] == Ended("stop", "r1", "m")
    assert server.bodies == [request.body]
    assert "authorization: bearer secret" in server.heads[0]
    assert not any(key.lower() == "authorization" for key in request.headers)


async def test_a_client_that_leaves_is_seen_leaving_within_a_tenth_of_a_second(
    client: Client,
) -> None:
    """Leaving the context closes the connection at once, so the provider stops writing."""
    async with serving([head(), piece(HELLO), 30.0]) as server:
        provider = HttpProvider(client, server.base_url, "secret")
        request = provider.prepare(LUNA, ask("Say hello."), stream=True, request_id="t-s")
        async with provider.send(request) as reply:
            assert await anext(reply.chunks()) == [Text("Hello")]
            left = time.perf_counter()
        await asyncio.wait_for(server.gone.wait(), 2)
        assert time.perf_counter() - left < 0.1


@pytest.mark.parametrize("before", [[30.0], [head(), 30.0], [head(), piece(HELLO), 30.0]])
async def test_cancellation_reaches_the_provider_at_every_stage(client: Client, before: list[Step]) -> None:
    """A task cancelled before the head, before the body or within it closes its connection."""
    async with serving(before) as server:
        task = asyncio.create_task(asked(client, server.base_url))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_a_connection_that_was_read_to_its_end_is_used_again(client: Client) -> None:
    """Two calls in a row cost one connection."""
    async with serving([head(), piece(HELLO + STOP + USAGE + DONE), LAST]) as server:
        for _ in range(2):
            assert (await asked(client, server.base_url)).text == "Hello"
        assert server.connections == 1


@pytest.mark.parametrize(
    "broken", [[head(), piece(HELLO)], [head(), piece(HELLO), LAST], [head(), b"ff\r\n" + HELLO]]
)
async def test_a_stream_that_ends_early_gives_its_text_and_then_cut(
    client: Client, broken: list[Step]
) -> None:
    """However the connection ends, an answer without its end is Cut, after all that had come."""
    async with serving(broken, close=True) as server:
        provider = HttpProvider(client, server.base_url, "secret")
        request = provider.prepare(LUNA, ask("Say hello."), stream=True, request_id="t-s")
        seen: list[Chunk] = []
        async with provider.send(request) as reply:
            with pytest.raises(Cut):
                await drain(reply, seen)
        assert seen == [Text("Hello")]


async def test_an_answer_that_vllm_aborts_is_cut_though_it_ends_in_good_form(client: Client) -> None:
    """Told to end, vLLM writes a finish_reason of its own and `[DONE]`: Cut, after all that had come."""
    abort = b'data: {"id":"r1","choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"abort"}]}\n\n'
    async with serving([head(), piece(HELLO), piece(abort + DONE), LAST]) as server:
        provider = HttpProvider(client, server.base_url, "secret")
        request = provider.prepare(LLAMA, ask("Say hello."), stream=True, request_id="t-s")
        seen: list[Chunk] = []
        async with provider.send(request) as reply:
            with pytest.raises(Cut):
                await drain(reply, seen)
    assert seen == [Text("Hello"), Text("!")]


async def test_a_server_that_lingers_after_its_last_event_is_not_waited_for(
    client: Client,
) -> None:
    """Once the end has come, an open connection holds nobody up."""
    async with serving([head(), piece(HELLO + STOP + USAGE + DONE), 30.0]) as server:
        async with asyncio.timeout(2):
            assert (await asked(client, server.base_url)).usage is not None


async def test_an_error_event_is_raised_though_the_connection_stays_open(client: Client) -> None:
    """A fault inside a 200 comes right after the chunks before it, not with the next read."""
    error = b'data: {"error":{"message":"Overloaded","code":503}}\n\n'
    async with serving([head(), piece(HELLO + error), 30.0]) as server:
        async with asyncio.timeout(2):
            with pytest.raises(Overloaded, match="Overloaded") as raised:
                await asked(client, server.base_url)
    assert raised.value.provider_status == 503


async def test_statuses_are_faults_with_the_providers_words(client: Client) -> None:
    """An error status raises its fault, which quotes status, code, message and the wait that was asked for."""
    body = b'{"error":{"message":"Slow down.","type":"requests","code":"rate_limit_exceeded"}}'
    async with serving(answer(body, 429, "application/json", "retry-after: 7")) as server:
        with pytest.raises(Throttled, match=r"Slow down\.") as raised:
            await asked(client, server.base_url)
    fault = raised.value
    assert (fault.provider_status, fault.provider_code, fault.retry_after) == (
        429,
        "rate_limit_exceeded",
        7.0,
    )


async def test_a_content_filter_400_is_a_refusal(client: Client) -> None:
    """A 400 about content is the caller's answer; another model is not tried round it."""
    body = b'{"error":{"message":"Flagged.","type":"invalid_request_error","code":"content_filter"}}'
    async with serving(answer(body, 400)) as server:
        with pytest.raises(Refused):
            await asked(client, server.base_url)


async def test_nobody_there_is_overloaded(client: Client) -> None:
    """A refused connection, and one that breaks before an answer, is Overloaded."""
    async with serving([], close=True) as server:
        with pytest.raises(Overloaded):
            await asked(client, server.base_url)
        closed = server.base_url
    with pytest.raises(Overloaded):
        await asked(client, closed)


async def test_what_is_no_http_is_overloaded(client: Client) -> None:
    """A server that does not speak HTTP is the provider's trouble, not a crash."""
    async with serving([b"SSH-2.0-OpenSSH_9.6\r\n"], close=True) as server:
        with pytest.raises(Overloaded):
            await asked(client, server.base_url)


async def test_a_coded_body_that_was_not_asked_for_is_undone(client: Client) -> None:
    """We ask for no compression; where it comes all the same, it is read, and raw holds what it held."""
    body = HELLO + STOP + USAGE + DONE
    coded = gzip.compress(body)
    async with serving(
        [head(200, "text/event-stream", "content-encoding: gzip"), piece(coded), LAST]
    ) as server:
        assert (await asked(client, server.base_url)).text == "Hello"
        assert "accept-encoding: identity" in server.heads[0]
    async with serving(
        [head(200, "text/event-stream", "content-encoding: gzip"), piece(body), LAST]
    ) as server:
        with pytest.raises(Malformed):
            await asked(client, server.base_url)


async def test_the_simulated_label_is_passed_on(client: Client) -> None:
    """A reply that says it is simulated is known to be."""
    body = HELLO + STOP + DONE
    async with serving([head(200, "text/event-stream", "x-simulated: true"), piece(body), LAST]) as server:
        provider = HttpProvider(client, server.base_url, "")
        async with provider.send(provider.prepare(LUNA, ask("Hi."), stream=True, request_id="")) as reply:
            assert reply.simulated
            await read(reply)
        assert "authorization" not in server.heads[0]


async def test_environment_proxies_and_cookies_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider's key never travels through a proxy that somebody set, and nothing is remembered between calls."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    steps = [head(200, "text/event-stream", "set-cookie: a=b"), piece(HELLO + STOP + DONE), LAST]
    async with open_client() as opened, serving(steps) as server:
        for _ in range(2):
            await asked(opened, server.base_url)
        assert "cookie:" not in server.heads[1]


async def test_a_request_is_the_same_bytes_every_time(client: Client) -> None:
    """The log compares requests by their bytes: the same prompt gives the same ones on every wire."""
    provider = HttpProvider(client, "http://127.0.0.1", "secret")
    for spec in (*ONE_EACH, HAIKU):
        first, second = (provider.prepare(spec, ask("Hi."), stream=True, request_id="t") for _ in range(2))
        assert first == second
        assert b"secret" not in first.body
