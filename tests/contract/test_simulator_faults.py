"""Every scripted fault, seen from the wire."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from infra.simulator import Call, Fault
from infra.simulator.faults import KINDS, STATUSES
from tests.contract.simulated import MODELS, WIRES, Bench, bench, events, streamed_text, text_of

_QUESTION = "Explain how clocks keep time"
_TERMINAL = {
    "openai": "[DONE]",
    "responses": "response.completed",
    "anthropic": "message_stop",
    "gemini": '"finishReason"',
    "perplexity": "[DONE]",
    "llama": "[DONE]",
}


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


def _provider(wire: str) -> str:
    return "openai" if wire == "responses" else wire


async def _read(
    running: Bench, wire: str, *, stream: bool = True, **more: Any
) -> tuple[bytes, Exception | None]:
    """The bytes that arrived and what ended them."""
    got = b""
    try:
        async with asyncio.timeout(5):
            request = running.request(wire, _QUESTION, stream=stream, **more)
            response = await running.client.send(request, stream=True)
            try:
                async for piece in response.aiter_raw():
                    got += piece
            finally:
                await response.aclose()
    except (httpx.HTTPError, TimeoutError) as ended:
        return got, ended
    return got, None


@pytest.mark.parametrize("wire", WIRES)
async def test_without_a_fault_a_stream_says_what_the_whole_answer_says(running: Bench, wire: str) -> None:
    """Streamed and whole answers have one text, the same each time, and carry the label."""
    whole = await running.send(wire, _QUESTION)
    streamed = await running.send(wire, _QUESTION, stream=True)
    again = await running.send(wire, _QUESTION)
    assert text_of(wire, whole.json()) == streamed_text(wire, events(streamed.text))
    assert text_of(wire, whole.json()) == text_of(wire, again.json()) != ""
    assert whole.headers["x-simulated"] == streamed.headers["x-simulated"] == "true"
    assert _TERMINAL[wire] in streamed.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_comes_in_the_providers_shape(running: Bench, wire: str, status: int) -> None:
    """A planned status is answered once, with its error body and the wait to keep; the next call is good."""
    running.simulator.plan(Fault("status", status=status, retry_after=7), _provider(wire))
    failed = await running.send(wire, "hi", stream=True)
    assert failed.status_code == status
    body = failed.json()
    if wire == "gemini":
        assert body["error"]["code"] == status
        assert body["error"]["details"][-1]["retryDelay"] == "7s"
    else:
        assert failed.headers["retry-after"] == "7"
    if wire == "anthropic":
        assert body["type"] == "error"
        assert body["request_id"] == failed.headers["request-id"]
    assert body["error"]
    assert (await running.send(wire, "hi")).status_code == 200


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_a_normal_answer_that_refuses(running: Bench, wire: str, stream: bool) -> None:
    """A content refusal has status 200 and the provider's own mark."""
    running.simulator.plan("refuse")
    found = await running.send(wire, _QUESTION, stream=stream)
    assert found.status_code == 200
    mark = {"anthropic": '"stop_reason":"refusal"', "gemini": '"finishReason": "SAFETY"'}
    expected = mark.get(wire, '"refusal":' if wire in {"openai", "responses"} else "sorry")
    assert expected in found.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_empty_answer_ends_normally(running: Bench, wire: str, stream: bool) -> None:
    """An empty answer has its terminal and no text."""
    running.simulator.plan("empty")
    found = await running.send(wire, _QUESTION, stream=stream)
    text = streamed_text(wire, events(found.text)) if stream else text_of(wire, found.json())
    assert (found.status_code, text) == (200, "")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", ["reset", "cut", "close"])
async def test_a_stream_can_end_after_n_chunks(running: Bench, wire: str, how: str) -> None:
    """Exactly n chunks of text arrive, no terminal, and the connection ends as told."""
    await running.send(wire, _QUESTION, stream=True)
    running.simulator.plan(Fault(how, after_chunks=3))
    got, ended = await _read(running, wire)
    text = streamed_text(wire, events(got.decode()))
    assert text
    assert _TERMINAL[wire].encode() not in got
    whole = text_of(wire, (await running.send(wire, _QUESTION)).json())
    assert whole.startswith(text)
    assert len(text) < len(whole)
    if how == "reset":
        assert isinstance(ended, httpx.ReadError)
    elif how == "cut":
        assert isinstance(ended, httpx.RemoteProtocolError)
    else:
        assert ended is None


@pytest.mark.parametrize("how", ["reset", "cut", "close"])
@pytest.mark.parametrize("offset", [0, 1, 137, 1_000])
async def test_a_stream_can_end_at_an_exact_byte(running: Bench, how: str, offset: int) -> None:
    """Exactly that many bytes of the body arrive."""
    running.simulator.plan(Fault(how, after_bytes=offset), "openai")
    got, ended = await _read(running, "openai")
    assert len(got) == offset
    assert (ended is None) == (how == "close")


async def test_a_reset_is_a_reset(running: Bench) -> None:
    """The peer's socket sees ECONNRESET, not an orderly end."""
    running.simulator.plan(Fault("reset", after_chunks=1))
    request = running.request("openai", _QUESTION, stream=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.simulator.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    writer.write(f"POST {request.url.raw_path.decode()} HTTP/1.1\r\n{head}\r\n".encode() + request.content)
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    writer.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_stall_sends_nothing_until_the_client_leaves(running: Bench, wire: str) -> None:
    """After n chunks comes silence; the call is recorded as cancelled soon after the client has gone."""
    running.simulator.plan(Fault("stall", after_chunks=2))
    response = await running.client.send(running.request(wire, _QUESTION, stream=True), stream=True)
    got = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            async for piece in response.aiter_raw():
                got += piece
    await response.aclose()
    assert streamed_text(wire, events(got.decode()))
    assert _TERMINAL[wire].encode() not in got
    call = running.simulator.calls(_provider(wire))[-1]
    assert await _seconds_until_cancelled(call) < 0.5
    assert call.tokens_sent > 0


async def _seconds_until_cancelled(call: Call) -> float:
    """How long the record took to say that the client left; fails after two seconds."""
    left = time.monotonic()
    for _ in range(1_000):
        if call.cancelled:
            return time.monotonic() - left
        await asyncio.sleep(0.002)
    raise AssertionError("the call was never recorded as cancelled")


async def test_a_stall_can_pass(running: Bench) -> None:
    """A stall of some seconds is followed by the rest of the stream."""
    running.simulator.plan(Fault("stall", after_chunks=1, seconds=0.2))
    began = time.monotonic()
    found = await running.send("llama", _QUESTION, stream=True)
    assert time.monotonic() - began >= 0.2
    assert "[DONE]" in found.text


@pytest.mark.parametrize("stream", [True, False])
async def test_headers_can_stall_or_never_come(running: Bench, stream: bool) -> None:
    """Silence before the headers, and a connection closed instead of them."""
    running.simulator.plan(Fault("stall_headers", seconds=5))
    request = running.request("openai", _QUESTION, stream=stream)
    request.extensions["timeout"]["read"] = 0.2
    with pytest.raises(httpx.ReadTimeout):
        await running.client.send(request)
    running.simulator.plan("drop")
    with pytest.raises(httpx.RemoteProtocolError):
        await running.send("openai", _QUESTION, stream=stream)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_malformed_event_stands_among_good_ones(running: Bench, wire: str) -> None:
    """One event is no JSON; what comes before and after it is."""
    running.simulator.plan(Fault("malformed", after_chunks=2))
    found = await running.send(wire, _QUESTION, stream=True)
    bad = 0
    for line in found.text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            try:
                orjson.loads(line[6:])
            except orjson.JSONDecodeError:
                bad += 1
    assert bad == 1
    assert _TERMINAL[wire] in found.text


@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_can_follow_a_200(running: Bench, wire: str) -> None:
    """The provider's error event ends the stream after n chunks."""
    running.simulator.plan(Fault("error_event", after_chunks=2, status=529, message="Overloaded"))
    found = await running.send(wire, _QUESTION, stream=True)
    assert found.status_code == 200
    last = events(found.text)[-1]
    if wire == "responses":
        assert (last["type"], last["message"]) == ("error", "Overloaded")
    else:
        assert last["error"]["message"] == "Overloaded"
    if wire == "anthropic":
        assert last["error"]["type"] == "overloaded_error"
        assert "event: error\n" in found.text
    assert streamed_text(wire, events(found.text)[:-1])


@pytest.mark.parametrize("wire", WIRES)
async def test_terminals_can_come_twice(running: Bench, wire: str) -> None:
    """The terminal events are repeated."""
    once = (await running.send(wire, _QUESTION, stream=True)).text.count(_TERMINAL[wire])
    running.simulator.plan("duplicate_terminal")
    found = await running.send(wire, _QUESTION, stream=True)
    assert found.text.count(_TERMINAL[wire]) == 2 * once


async def test_the_content_type_and_the_body_can_be_junk(running: Bench) -> None:
    """A right body under a wrong type; a wrong body under status 200."""
    running.simulator.plan("junk_type")
    mistyped = await running.send("openai", _QUESTION)
    assert mistyped.headers["content-type"].startswith("text/html")
    assert mistyped.json()["choices"]
    running.simulator.plan("junk_body")
    junk = await running.send("openai", _QUESTION, stream=True)
    assert (junk.status_code, junk.text[:6]) == (200, "<html>")


async def test_usage_can_be_missing(running: Bench) -> None:
    """A stream may end without the usage that was asked for."""
    options = {"stream_options": {"include_usage": True}}
    running.simulator.plan("no_usage")
    without = await running.send("openai", _QUESTION, stream=True, **options)
    good = await running.send("openai", _QUESTION, stream=True, **options)
    assert not any(event.get("usage") for event in events(without.text))
    assert events(good.text)[-1]["usage"]["total_tokens"] > 0


async def test_chunks_can_drip_and_split_inside_a_character(running: Bench) -> None:
    """Pauses come between chunks, and writes end inside a character of several bytes."""
    said = "Reply with exactly: naïve café 東京 🙂"
    headers = {"x-sim-tpot-ms": "20", "x-sim-ttft-ms": "50", "x-sim-split-bytes": "1"}
    began = time.monotonic()
    request = running.request("llama", said, stream=True, headers=headers)
    response = await running.client.send(request, stream=True)
    pieces = [piece async for piece in response.aiter_raw()]
    await response.aclose()
    assert time.monotonic() - began > 0.15
    assert streamed_text("llama", events(b"".join(pieces).decode())) == "naïve café 東京 🙂"
    assert any(not _decodes(piece) for piece in pieces)


def _decodes(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("how", ["reset", "cut", "stall", "malformed"])
async def test_faults_strike_whole_answers_too(running: Bench, how: str) -> None:
    """A JSON answer can be cut, reset, broken or never come."""
    running.simulator.plan(
        Fault(how, after_bytes=None if how in {"malformed", "stall"} else 20, seconds=0.05)
    )
    got, ended = await _read(running, "anthropic", stream=False)
    if how == "stall":
        assert orjson.loads(got)["type"] == "message"
    elif how == "malformed":
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(got)
    else:
        assert ended is not None
        assert len(got) <= 20


@pytest.mark.parametrize("style", ["exact", "echo", "repeat", "preamble", "restart", "space"])
async def test_a_continuation_has_the_seam_that_is_asked_for(running: Bench, style: str) -> None:
    """Asked to go on, another provider's model continues the text exactly, or with a fault at the seam."""
    whole = text_of("openai", (await running.send("openai", _QUESTION)).json())
    sent = whole[: whole.index(" ", len(whole) // 2)]
    running.simulator.plan(Fault("seam", style=style), "anthropic")
    said = [
        {"role": "user", "content": _QUESTION},
        {"role": "assistant", "content": sent},
        {"role": "user", "content": "Continue exactly where you stopped. Do not repeat anything."},
    ]
    rest = text_of("anthropic", (await running.send("anthropic", "", messages=said)).json())
    if style == "exact":
        assert sent + rest == whole
    elif style == "echo":
        assert rest == whole
    elif style == "space":
        assert rest.startswith(" ")
        assert whole.endswith(rest)
    elif style == "restart":
        assert not whole.endswith(rest)
    else:
        assert whole.endswith(rest.removeprefix("Continuing from where I stopped:\n\n")[-100:])
        assert sent + rest != whole


_BAD_PLANS: tuple[Any, ...] = (
    {"fault": {"kind": "boom"}},
    {"fault": "reset", "times": 0},
    {"provider": "x", "fault": "reset"},
    {"fault": {"kind": "cut", "after_bytes": -1}},
    {"times": 1},
    [],
)


async def test_a_plan_meets_only_what_it_names(running: Bench) -> None:
    """Provider, model and a part of the body select; `times` counts; the control API says what is wrong with a plan."""
    control = running.simulator.origin + "/_control/plan"
    wanted = {
        "provider": "openai",
        "model": "gpt-6-luna",
        "match": "otter",
        "times": 2,
        "fault": {"kind": "status"},
    }
    assert (await running.client.post(control, json=wanted)).status_code == 200
    other = await running.send("openai", "about an otter")
    unlike = await running.send("openai", "about a fox", model="gpt-6-luna")
    hits = [
        (await running.send("openai", "about an otter", model="gpt-6-luna")).status_code for _ in range(3)
    ]
    assert (other.status_code, unlike.status_code, hits) == (200, 200, [503, 503, 200])
    for bad in _BAD_PLANS:
        refused = await running.client.post(control, json=bad)
        assert refused.status_code == 400
        assert refused.json()["error"]
    assert set((await running.client.get(control)).json()["kinds"]) == set(KINDS)
    assert (await running.client.delete(control)).json() == {"plan": []}


async def test_calls_are_recorded(running: Bench) -> None:
    """The record tells provider, model, status, tokens and the body, and can be cleared."""
    await running.send("gemini", "hi there", stream=True)
    await running.send("openai", "hi", key="bad")
    shown = (await running.client.get(running.simulator.origin + "/_control/calls?bodies=1")).json()["calls"]
    first, second = shown
    assert (first["provider"], first["model"], first["status"], first["stream"]) == (
        "gemini",
        MODELS["gemini"],
        200,
        True,
    )
    assert first["finished"] >= first["started"]
    assert not first["cancelled"]
    assert "hi there" in first["body"]
    assert (second["status"], second["tokens_sent"], second["n"]) == (401, 0, 2)
    await running.client.delete(running.simulator.origin + "/_control/calls")
    assert running.simulator.calls() == ()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("key", [None, "bad"])
async def test_a_missing_or_bad_key_is_401(running: Bench, wire: str, key: str | None) -> None:
    """No key and the key `bad` are refused in the provider's shape before anything else."""
    found = await running.send(wire, "hi", key=key)
    assert found.status_code == 401
    shape: dict[str, Any] = {
        "anthropic": "authentication_error",
        "gemini": "UNAUTHENTICATED",
        "llama": "Unauthorized",
    }
    assert shape.get(wire, "key") in found.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'{"a": NaN}', b"\xff\xfe"])
async def test_a_body_that_is_no_json_object_is_400(running: Bench, wire: str, body: bytes) -> None:
    """Broken bodies get the provider's own 400, never 500."""
    request = running.request(wire, "hi")
    request = running.client.build_request(
        "POST", request.url, headers=_without_length(request), content=body
    )
    found = await running.client.send(request)
    assert found.status_code == 400
    assert found.json()["error"]


def _without_length(request: httpx.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() != "content-length"}


async def test_leaving_during_a_paced_stream_is_noticed_at_once(running: Bench) -> None:
    """Within a tenth of a second of the client's end the handler is cancelled and recorded."""
    headers = {"x-sim-tpot-ms": "5000"}
    request = running.request("openai", _QUESTION, stream=True, headers=headers)
    response = await running.client.send(request, stream=True)
    await anext(response.aiter_raw())
    call = running.simulator.calls()[-1]
    await response.aclose()
    assert await _seconds_until_cancelled(call) < 0.1


async def test_the_port_is_free_afterwards() -> None:
    """Leaving the block closes the server, also while a client is stalled."""
    async with bench() as running:
        running.simulator.plan("stall")
        response = await running.client.send(running.request("openai", "hi", stream=True), stream=True)
        port = running.simulator.port
        await response.aclose()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("stream", [True, False])
async def test_the_pool_says_how_it_is(running: Bench, stream: bool) -> None:
    """A replica has word of itself on every answer, good or not; the edge before it has none; only Llama has a pool."""
    state, waiting = "x-chatsmart-pool", "x-chatsmart-pool-waiting"

    async def said(kind: str | None) -> tuple[int, str | None, str | None]:
        if kind is not None:
            running.simulator.plan(kind)
            assert state not in (await running.send("openai", "hi", stream=stream)).headers
        found = await running.send("llama", "hi", stream=stream)
        return found.status_code, found.headers.get(state), found.headers.get(waiting)

    assert await said(None) == (200, "ready", "0")
    assert await said("busy") == (200, "ready", "9")
    assert await said("draining") == (503, "draining", "0")
    assert await said("sick") == (503, "sick", "0")
    assert await said("cold") == (503, None, None)
    misplaced = await running.send("openai", "hi", headers={"x-sim-fault": "cold"})
    assert misplaced.status_code == 400
    for provider, status in (("openai", 400), ("llama", 200), ("*", 200)):
        rule = {"provider": provider, "fault": "sick"}
        found = await running.client.post(running.simulator.origin + "/_control/plan", json=rule)
        assert found.status_code == status
