"""The chat endpoint: OpenAI's answers, whole and streamed, its errors, and clients that leave."""

import asyncio
import contextlib
from typing import Any

import httpx
import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from shared.core.chunk import Citation, Ended, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import Cut, OverBudget, Overloaded, Throttled, Unauthorised
from shared.core.leg import Piece, Restarted
from shared.core.usage import Usage
from tests.unit.web_engine import Engine, Scripted, served

BODY: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}


async def ask(engine: Engine, **more: Any) -> httpx.Response:
    async with engine.client() as client:
        return await client.post("/v1/chat/completions", json=BODY | more)


def events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    return [orjson.loads(line) for line in lines if line != "[DONE]"]


async def test_a_whole_answer_is_what_openais_library_reads() -> None:
    """A completion validates against OpenAI's own types, field by field, and names trace, server and cost."""
    answer = await ask(Engine())
    assert answer.status_code == 200
    seen = ChatCompletion.model_validate(answer.json(), strict=True)
    assert seen.choices[0].message.content == "Hello"
    assert seen.choices[0].finish_reason == "stop"
    assert seen.usage is not None
    assert (seen.usage.prompt_tokens, seen.usage.completion_tokens, seen.usage.total_tokens) == (9, 2, 11)
    assert seen.system_fingerprint == "simulated"
    assert answer.headers["x-chatsmart-trace"] == "0" * 31 + "1"
    assert answer.headers["x-chatsmart-model"] == "gpt-6-luna"
    assert answer.headers["x-chatsmart-cache"] == "miss"
    assert answer.headers["x-chatsmart-cost-micros"] == "42"
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_stream_is_role_first_then_deltas_then_the_end() -> None:
    """Chunks validate against OpenAI's types; the role comes first, no choice-less chunk comes unasked, DONE last."""
    answer = await ask(Engine(), stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = [ChatCompletionChunk.model_validate(event, strict=True) for event in events(answer.text)]
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "Hel", "lo", None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks)
    assert answer.text.endswith("data: [DONE]\n\n")
    assert events(answer.text)[-1]["chatsmart"]["cost_micros"] == 42


async def test_usage_comes_last_and_only_where_it_was_asked_for() -> None:
    """`include_usage` adds one chunk without choices, at the end; all others carry `usage: null`."""
    answer = await ask(Engine(), stream=True, stream_options={"include_usage": True})
    *before, last = events(answer.text)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 11
    assert last["chatsmart"]["cost_micros"] == 42
    assert all(event["usage"] is None and event["choices"] for event in before)


async def test_tool_calls_reasoning_refusals_and_citations_have_their_places() -> None:
    """Each kind of chunk lands in OpenAI's field for it, streamed and whole alike."""
    script: list[Scripted] = [
        (0, Reasoning("Hm.")),
        (0, ToolCallPart(0, "call_1", "add", "")),
        (0, ToolCallPart(0, arguments='{"a":')),
        (0, ToolCallPart(0, arguments="1}")),
        (0, ToolCallPart(1, "call_2", "sub", "{}")),
        (0, Refusal("No.")),
        (0, Citation("https://example.org/", "Tea")),
        (0, Ended("tool_calls")),
    ]
    engine = Engine()
    engine.chat.script = script
    choice = ChatCompletion.model_validate((await ask(engine)).json()).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.refusal == "No."
    assert [call.to_dict() for call in choice.message.tool_calls or ()] == [
        {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "sub", "arguments": "{}"}},
    ]
    assert choice.message.annotations is not None
    assert choice.message.annotations[0].url_citation.url == "https://example.org/"
    streamed = events((await ask(engine, stream=True)).text)
    deltas = [event["choices"][0]["delta"] for event in streamed]
    assert deltas[1] == {"reasoning_content": "Hm."}
    assert deltas[2]["tool_calls"][0] == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "add", "arguments": ""},
    }
    assert deltas[3]["tool_calls"][0] == {"index": 0, "function": {"arguments": '{"a":'}}
    assert deltas[6] == {"refusal": "No."}
    for event in streamed:
        ChatCompletionChunk.model_validate(event)


async def test_several_answers_keep_their_indexes() -> None:
    """With `n` each choice has its own role, deltas and end."""
    engine = Engine()
    engine.chat.script = [
        (1, Text("b")),
        (0, Text("a")),
        (1, Ended("length")),
        (0, Ended("stop")),
        (0, Used(Usage(input=2, output=2))),
    ]
    whole = ChatCompletion.model_validate((await ask(engine, n=2)).json())
    assert [(c.index, c.message.content, c.finish_reason) for c in whole.choices] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]
    streamed = events((await ask(engine, n=2, stream=True)).text)
    ends = {
        e["choices"][0]["index"]: e["choices"][0]["finish_reason"]
        for e in streamed
        if e["choices"][0]["finish_reason"]
    }
    assert ends == {0: "stop", 1: "length"}
    assert engine.chat.answers[0].order.n == 2


async def test_the_chunks_of_one_read_leave_in_one_send() -> None:
    """A burst of tokens costs a few sends, not one each."""
    engine = Engine()
    burst: list[Piece] = [*(Text(f"{number} ") for number in range(500)), Ended("stop")]
    engine.chat.script = [(0, burst)]
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"authorization", b"Bearer cs_the-key-of-the-first-tenant-00001")],
        "query_string": b"",
        "asgi": {"version": "3.0"},
    }
    waiting = [{"type": "http.request", "body": orjson.dumps(BODY | {"stream": True})}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    await engine.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert body.count(b"data: ") == 503
    assert len(sent) <= 5


@pytest.mark.parametrize(
    ("fault", "status", "code", "headers"),
    [
        (OverBudget(), 402, "insufficient_quota", {}),
        (Throttled(retry_after=7), 429, "rate_limit_exceeded", {"retry-after": "7"}),
        (Overloaded(), 503, "provider_overloaded", {}),
        (Unauthorised(), 502, "provider_unauthorised", {"x-should-retry": "false"}),
        (RuntimeError("a secret of ours"), 500, "internal_error", {}),
    ],
)
async def test_a_fault_before_the_first_token_has_a_status(
    fault: Exception, status: int, code: str, headers: dict[str, str]
) -> None:
    """What fails before anything went out is an HTTP error in OpenAI's shape, also where a stream was asked for."""
    engine = Engine()
    engine.chat.refuses = fault
    for stream in (False, True):
        answer = await ask(engine, stream=stream)
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert "secret" not in answer.text
        assert answer.headers["x-request-id"]
        for name, value in headers.items():
            assert answer.headers[name] == value


async def test_a_fault_in_the_middle_is_an_event_and_no_done_follows() -> None:
    """A stream that breaks says so in an `error` event; what came before it arrives, and it never looks complete."""
    engine = Engine()
    engine.chat.script = [(0, Text("Half")), Cut()]
    answer = await ask(engine, stream=True)
    *before, last = events(answer.text)
    assert before[-1]["choices"][0]["delta"] == {"content": "Half"}
    assert last["error"]["code"] == "provider_cut"
    assert "[DONE]" not in answer.text
    assert engine.chat.answers[0].closed.is_set()
    whole = await ask(engine)
    assert whole.status_code == 502
    assert whole.json()["error"]["code"] == "provider_cut"


async def test_a_restart_never_shows_two_halves_as_one() -> None:
    """A whole answer forgets the leg that broke; a stream that has shown text of it ends with an error."""
    engine = Engine()
    script: list[Scripted] = [(0, Text("Half")), (0, Restarted(2)), (0, Text("All")), (0, Ended("stop"))]
    engine.chat.script = script
    assert (await ask(engine)).json()["choices"][0]["message"]["content"] == "All"
    assert events((await ask(engine, stream=True)).text)[-1]["error"]["code"] == "provider_cut"
    engine.chat.script = script[1:]
    assert (
        "".join(
            event["choices"][0]["delta"].get("content", "")
            for event in events((await ask(engine, stream=True)).text)
        )
        == "All"
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_ends_the_call_at_once(stream: bool) -> None:
    """Closing the connection closes the answer within 0.2 seconds, in the middle of a stream or of the waiting."""
    engine = Engine()
    engine.chat.script = [(0, Text("Once")), 30.0, (0, Ended("stop"))]
    async with served(engine.app) as url:
        async with httpx.AsyncClient(base_url=url, headers=engine.client().headers) as client:
            request = client.build_request("POST", "/v1/chat/completions", json=BODY | {"stream": stream})
            sending = asyncio.create_task(client.send(request, stream=True))
            if stream:
                answer = await sending
                await anext(answer.aiter_bytes())
                await answer.aclose()
            else:
                await asyncio.sleep(0.2)
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
        async with asyncio.timeout(0.2):
            await engine.chat.answers[0].closed.wait()


async def test_a_client_that_leaves_before_the_first_token_ends_the_call_too() -> None:
    """While the provider is still silent the desk's own call is cancelled."""
    engine = Engine()
    engine.chat.opens_after = 30.0
    async with served(engine.app) as url:
        async with httpx.AsyncClient(base_url=url, headers=engine.client().headers) as client:
            sending = asyncio.create_task(client.post("/v1/chat/completions", json=BODY))
            await asyncio.sleep(0.2)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        async with asyncio.timeout(0.2):
            await engine.chat.cancelled.wait()


async def test_answers_over_a_socket_are_the_same_and_the_connection_lives_on() -> None:
    """Two requests on one connection, whole and streamed, end properly: nothing waits for a disconnect."""
    engine = Engine()
    async with (
        served(engine.app) as url,
        httpx.AsyncClient(base_url=url, headers=engine.client().headers) as client,
    ):
        for _ in range(3):
            whole = await client.post("/v1/chat/completions", json=BODY)
            streamed = await client.post("/v1/chat/completions", json=BODY | {"stream": True})
            assert whole.json()["choices"][0]["message"]["content"] == "Hello"
            assert streamed.text.endswith("data: [DONE]\n\n")
    assert all(answer.closed.is_set() for answer in engine.chat.answers)
