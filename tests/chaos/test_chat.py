"""A chat while its providers misbehave on the wire: the answer whole and once, or a clear error; never a half that
looks whole, never a cent for what was not delivered."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from infra.simulator import Fault, Pace, start
from shared.config import Settings
from shared.core.ids import RunId
from shared.core.tenant import Principal
from tests.chaos.test_every_byte import CANONICAL
from tests.flow.house import House, opened
from tests.stores import Addresses

ASKED: dict[str, Any] = {
    "model": "auto",
    "messages": [{"role": "user", "content": f'Reply with exactly: "{CANONICAL}"'}],
    "max_tokens": 300,
    "stream_options": {"include_usage": True},
}
QUICK: dict[str, Any] = {
    "first_token_seconds": 0.4,
    "thinking_first_token_seconds": 0.4,
    "between_tokens_seconds": 0.4,
}
STATUSES = [401, 403, 429, 500, 502, 503, 504, 529]
BEFORE = [
    *(Fault("status", status=status) for status in STATUSES),
    Fault("status", status=429, retry_after=30),
    Fault("drop"),
    Fault("stall_headers"),
    Fault("stall"),
    Fault("junk_body"),
    Fault("reset"),
]
"""What goes wrong before a word."""
AFTER = [
    Fault("stall", after_chunks=2),
    Fault("reset", after_chunks=2),
    Fault("cut", after_chunks=2),
    Fault("close", after_chunks=2),
    Fault("malformed", after_chunks=2),
    Fault("error_event", after_chunks=2, status=500),
    Fault("error_event", after_chunks=2, status=529),
    Fault("cut", after_bytes=1_000),
    Fault("reset", after_bytes=1_500),
]
"""What goes wrong when readers have a part of the answer."""


def called(fault: Fault) -> str:
    """A fault's name in a test's."""
    what = (
        fault.status if fault.kind in ("status", "error_event") else fault.after_bytes or fault.after_chunks
    )
    return f"{fault.kind}-{what}" + ("-later" if fault.retry_after else "")


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """The whole product with short patience."""
    async with opened(addresses, **QUICK) as found:
        yield found


@dataclass
class Heard:
    """What a client has of a stream."""

    status: int = 0
    text: str = ""
    finish: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    done: bool = False
    trace: str = ""
    usage: dict[str, Any] = field(default_factory=dict)


async def listen(house: House, **more: Any) -> Heard:
    """A streamed chat as OpenAI's clients read one."""
    heard = Heard()
    async with house.client() as client:
        asked = ASKED | {"stream": True} | more
        anew = {"x-chatsmart-cache": "off"}
        request = client.build_request("POST", "/v1/chat/completions", json=asked, headers=anew)
        answer = await client.send(request, stream=True)
        heard.status, heard.trace = answer.status_code, answer.headers.get("x-chatsmart-trace", "")
        if answer.status_code != 200:
            heard.error = json.loads(await answer.aread())["error"]
            return heard
        async for line in answer.aiter_lines():
            if line == "data: [DONE]":
                heard.done = True
            elif line.startswith("data: "):
                _hear(json.loads(line[6:]), heard)
        await answer.aclose()
    return heard


def _hear(event: dict[str, Any], heard: Heard) -> None:
    heard.error = event.get("error") or heard.error
    heard.usage = event.get("usage") or heard.usage
    for choice in event.get("choices", ()):
        heard.text += choice["delta"].get("content") or ""
        heard.finish = choice.get("finish_reason") or heard.finish


async def outcomes(house: House, trace: str) -> list[dict[str, Any]]:
    """The log's rows on the legs of a chat; every intent has its outcome."""
    tape = await house.services.documents.tape(Principal(house.tenant, "test"), RunId(f"chat_{trace}"))
    ended = [row for row in tape if row["kind"] == "outcome"]
    assert len(ended) == len([row for row in tape if row["kind"] == "intent"])
    assert [row["kind"] for row in tape].count("end") == 1
    return ended


async def bill(house: House) -> int:
    """What the tenant has been charged, once nothing is held."""
    return (await house.quiet()).spent


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER], ids=called)
async def test_a_broken_leg_is_taken_up(house: House, fault: Fault) -> None:
    """Whoever is asked first fails in some way: the stream holds the answer whole and once, ends as streams do, and
    the failed leg is in the log and not on the bill."""
    house.simulator.plan(fault)
    heard = await listen(house)
    assert (heard.status, heard.error) == (200, {})
    assert heard.text == CANONICAL
    assert (heard.finish, heard.done) == ("stop", True)
    first, second = await outcomes(house, heard.trace)
    assert first["fault"]
    assert not second["fault"]
    assert first["model"] != second["model"] or first["fault"] == "provider_cut"
    assert await bill(house) == second["cost"]
    assert heard.usage["completion_tokens"] == second["usage"]["output"]


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER], ids=called)
async def test_a_whole_answer_is_whole(house: House, fault: Fault) -> None:
    """The same for a caller that does not stream."""
    house.simulator.plan(fault)
    async with house.client() as client:
        answer = await client.post(
            "/v1/chat/completions", json={k: v for k, v in ASKED.items() if "stream" not in k}
        )
    assert answer.status_code == 200, answer.text
    (choice,) = answer.json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (CANONICAL, "stop")
    assert len(await outcomes(house, answer.headers["x-chatsmart-trace"])) == 2
    assert await bill(house) == int(answer.headers["x-chatsmart-cost-micros"]) > 0


async def test_a_duplicate_end_and_a_missing_usage_are_no_faults(house: House) -> None:
    """Nothing is asked twice because a provider says its end twice, or says nothing of usage."""
    for fault in (Fault("duplicate_terminal"), Fault("no_usage"), Fault("junk_type")):
        house.simulator.clear()
        house.simulator.plan(fault)
        heard = await listen(house)
        assert (heard.text, heard.finish, heard.done) == (CANONICAL, "stop", True)
        assert len(house.simulator.calls()) == 1


async def test_a_trickle_is_a_fault(house: House) -> None:
    """A first token that is followed by next to nothing counts as silence: somebody else answers."""
    house.simulator.plan(Fault("pace", tpot_ms=600))
    heard = await listen(house)
    assert (heard.text, heard.finish, heard.error) == (CANONICAL, "stop", {})
    assert len(house.simulator.calls()) == 2


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6.1-sol", "claude-haiku-5-5", "gemini-3.5-flash-lite"])
@pytest.mark.parametrize("kind", ["refuse", "refuse_midway"])
async def test_a_refusal_is_the_callers_answer(house: House, model: str, kind: str) -> None:
    """Declined at once or in the middle: the caller gets that, and no second provider is called."""
    house.simulator.plan(Fault(kind, after_chunks=2 if kind == "refuse_midway" else 0), times=None)
    heard = await listen(house, model=model)
    assert len(house.simulator.calls()) == 1
    if heard.status == 200:
        assert heard.finish in ("content_filter", "stop")
        assert heard.text != CANONICAL
        assert CANONICAL.startswith(heard.text) or kind == "refuse"
    else:
        assert heard.error["code"] in ("content_refused", "content_filter")
    assert (await house.quiet()).held == 0


@pytest.mark.parametrize("kind", ["refuse", "refuse_midway"])
async def test_nobody_is_asked_round_a_refusal(house: House, kind: str) -> None:
    """Not even where a ladder of models stands ready."""
    house.simulator.plan(Fault(kind, after_chunks=2 if kind == "refuse_midway" else 0))
    heard = await listen(house)
    assert len(house.simulator.calls()) == 1
    assert heard.text != CANONICAL


@pytest.mark.parametrize(
    "second", [Fault("status", status=503), Fault("drop"), Fault("cut", after_chunks=1)], ids=called
)
@pytest.mark.parametrize("first", [Fault("status", status=500), Fault("cut", after_chunks=2)], ids=called)
async def test_the_fallback_may_fail_too(house: House, first: Fault, second: Fault) -> None:
    """Then the next one goes on from what is there."""
    house.simulator.plan(first)
    house.simulator.plan(second)
    heard = await listen(house)
    assert (heard.text, heard.finish, heard.done, heard.error) == (CANONICAL, "stop", True, {})
    rows = await outcomes(house, heard.trace)
    assert [bool(row["fault"]) for row in rows] == [True, True, False]
    assert await bill(house) == rows[-1]["cost"]


@pytest.mark.parametrize("fault", BEFORE, ids=called)
async def test_everything_down_is_a_clear_error(house: House, fault: Fault) -> None:
    """Before a word has gone out: an error's status, or an error after thoughts alone; nothing billed or held."""
    house.simulator.plan(fault, times=None)
    heard = await listen(house)
    thought = fault.kind in ("stall", "reset")  # these models think aloud before the first word
    assert heard.status in (429, 502, 503, 504) or (thought and heard.status == 200)
    assert (heard.finish, heard.done) == ("", False)
    assert heard.error["message"]
    assert heard.error["code"]
    assert not heard.text
    assert (await house.quiet()).spent == 0


@pytest.mark.parametrize("fault", AFTER, ids=called)
async def test_an_answer_that_nobody_can_finish_is_marked(house: House, fault: Fault) -> None:
    """After some words: they stand, an error follows them, and nothing says that they were the answer."""
    house.simulator.plan(fault)
    house.simulator.plan(Fault("status", status=503), times=None)
    heard = await listen(house)
    assert heard.status == 200
    assert heard.text
    assert CANONICAL.startswith(heard.text)
    assert heard.text != CANONICAL
    assert heard.error["message"]
    assert (heard.finish, heard.done) == ("", False)
    assert await bill(house) == 0
    assert all(row["fault"] for row in await outcomes(house, heard.trace))


async def test_a_caller_that_does_not_stream_gets_no_half(house: House) -> None:
    """An error status and no text: a half answer would look like one."""
    house.simulator.plan(Fault("cut", after_chunks=2))
    house.simulator.plan(Fault("status", status=503), times=None)
    async with house.client() as client:
        answer = await client.post(
            "/v1/chat/completions", json={k: v for k, v in ASKED.items() if "stream" not in k}
        )
    assert answer.status_code in (502, 503)
    assert "choices" not in answer.json()
    assert await bill(house) == 0


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("legs", [1, 2])
async def test_a_client_that_leaves_cancels_upstream(house: House, after: int, legs: int) -> None:
    """Within 0.2 seconds, on whichever leg it is; nothing stays held, and the log says that the caller left."""
    if legs == 2:
        house.simulator.plan(Fault("cut", after_chunks=1))
    house.simulator.plan(Fault("pace", ttft_ms=0 if after else 300, tpot_ms=250), times=None)
    async with house.client() as client:
        request = client.build_request("POST", "/v1/chat/completions", json=ASKED | {"stream": True})
        sending = asyncio.create_task(client.send(request, stream=True))
        async with asyncio.timeout(5):
            while len(house.simulator.calls()) < legs:  # noqa: ASYNC110  # the simulator tells nobody of a call
                await asyncio.sleep(0.005)
        if after or legs == 2:
            answer = await sending
            trace = answer.headers["x-chatsmart-trace"]
            await anext(answer.aiter_bytes())
            await answer.aclose()
        else:
            trace = ""
            sending.cancel()
            await asyncio.wait((sending,))
    async with asyncio.timeout(0.2):
        while not house.simulator.calls()[-1].cancelled:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.005)
    assert (await house.quiet()).held == 0
    if trace:
        last = (await outcomes(house, trace))[-1]
        assert last["fault"] == "caller_left"


class Dead:
    """Addresses at which nobody answers."""

    def __init__(self) -> None:
        self._closed = socket.create_server(("127.0.0.1", 0))
        self.refused = f"http://127.0.0.1:{self._closed.getsockname()[1]}"
        self._closed.close()
        # A listener that accepts nothing, with its queue full: connecting hangs as it does at a silent firewall.
        self._silent = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.silent = f"http://127.0.0.1:{self._silent.getsockname()[1]}"
        self._fill = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self._silent.getsockname())
            self._fill.append(one)

    def close(self) -> None:
        """Let go of the sockets."""
        for one in (*self._fill, self._silent):
            one.close()


@pytest.mark.parametrize("how", ["refused", "silent"])
@pytest.mark.parametrize("all_of_them", [False, True])
async def test_a_provider_that_cannot_be_reached(addresses: Addresses, how: str, all_of_them: bool) -> None:
    """Refused or never answered connects: the next provider answers after the first time limit; with nobody there, a
    clear error and no bill."""
    dead = Dead()
    async with AsyncExitStack() as stack:
        stack.callback(dead.close)
        simulator = await stack.enter_async_context(start(pace=Pace()))
        living = Settings().with_simulator(simulator.origin).upstreams
        broken = living if all_of_them else {"openai": living["openai"]}
        gone = {name: replace(one, base_url=getattr(dead, how)) for name, one in broken.items()}
        house = await stack.enter_async_context(opened(addresses, **QUICK, upstreams={**living, **gone}))
        began = asyncio.get_running_loop().time()
        heard = await listen(house)
        took = asyncio.get_running_loop().time() - began
        if all_of_them:
            assert heard.status in (502, 503, 504)
            assert heard.error["message"]
            assert await bill(house) == 0
        else:
            assert (heard.status, heard.text, heard.finish) == (200, CANONICAL, "stop")
            assert took < 3


async def test_a_dead_provider_costs_later_requests_nothing(house: House) -> None:
    """Its breaker is open: it is not asked again, and the next answers come at once."""
    probe = await listen(house)
    (row,) = await outcomes(house, probe.trace)
    house.simulator.plan(Fault("status", status=503), model=None, provider=row["provider"], times=None)
    for _ in range(12):
        await listen(house)
    before = len(house.simulator.calls(row["provider"]))
    heard = await listen(house)
    assert heard.text == CANONICAL
    assert len(house.simulator.calls(row["provider"])) == before
