"""Moving here from another path: a caller changes its base URL and nothing else, whatever either side does."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from infra.simulator import Fault, Pace, Simulator, start
from shared.adapters.postgres.comparisons import PostgresComparisons
from shared.adapters.sealed import fresh_key
from shared.core.ids import RunId
from shared.ports.comparisons import Comparison
from tests.flow.house import House, opened
from tests.stores import Addresses

PATH = "/v1/chat/completions"
OLD_KEY = "sk-of-the-old-path-0001"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Say something about tea."}],
}
Json = dict[str, Any]


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    async with opened(addresses, secret_key=fresh_key()) as found:
        yield found


@pytest.fixture
async def old() -> AsyncIterator[Simulator]:
    """The old path: another server on loopback."""
    async with start(pace=Pace()) as found:
        yield found


async def move(house: House, old: Simulator | str, **changes: Any) -> Json:
    """Set the move up, or change it."""
    url = old if isinstance(old, str) else old.url("openai")
    body = {"base_url": url, "api_key": OLD_KEY} | changes
    async with house.client() as client:
        answer = await client.put("/v1/cutover", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def report(house: House, pairs: int = 0, key: str | None = None) -> Json:
    """The report, once so many pairs are in it."""
    async with house.client(key) as client, asyncio.timeout(15):
        while True:
            await house.services.cutover.recorder.flush()
            found: Json = (await client.get("/v1/cutover/report")).json()
            if found["overall"]["pairs"] >= pairs:
                return found
            await asyncio.sleep(0.05)


def spoken(conversation: int, **changes: Any) -> Json:
    """A request of one of many conversations."""
    return HELLO | {"user": f"user-{conversation}"} | changes


async def rows_of(house: House) -> Sequence[Comparison]:
    """What was written down, newest first."""
    store = PostgresComparisons(house.services.database)
    return await store.since(house.tenant, house.services.clock.now() - timedelta(hours=1), 100)


# -- what a caller gets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_at_nothing_a_caller_gets_what_it_got_before(
    house: House, old: Simulator, path: str, stream: bool
) -> None:
    """Byte for byte, streams too: body, status and headers are the old path's, which saw body and query as sent."""
    await move(house, old)
    body = HELLO if path == PATH else {"model": "gpt-6-luna", "input": "Say something about tea."}
    sent = b'{ "x-odd" : 1.50, ' + orjson.dumps(body | {"stream": stream})[1:] + b"\n"
    headers = {"content-type": "application/json"}
    async with house.client() as client:
        ours = await client.post(path, content=sent, headers=headers, params={"api-version": "a b"})
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {OLD_KEY}"}) as direct:
        theirs = await direct.post(
            old.url("openai") + path.removeprefix("/v1"), content=sent, headers=headers
        )
    assert ours.status_code == theirs.status_code == 200
    assert _unstamped(ours.content) == _unstamped(theirs.content)
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert ours.headers["x-chatsmart-served-by"] == "old"
    assert ours.headers["x-cutover-request-id"].startswith("req")
    first, second = old.calls()
    assert first.body == second.body == sent
    assert not house.simulator.calls()


def _unstamped(content: bytes) -> bytes:
    """Without what differs from call to call: ids, and the time in seconds."""
    for pattern in (
        rb'"(?:id|item_id|response_id)":"[^"]*"',
        rb'"[a-z_]*(?:_at|created)":\d+',
        rb'"obfuscation":"[^"]*"',
    ):
        content = re.sub(pattern, b"", content)
    return content


async def test_the_old_paths_refusals_are_passed_on(house: House, old: Simulator) -> None:
    """A 429 stays that 429, with its headers, and ChatSmart is not asked: an answer is an answer."""
    await move(house, old)
    old.plan(Fault("status", status=429, retry_after=7), "openai")
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO)
        broken = await client.post(PATH, content=b"{not json", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.headers["x-chatsmart-served-by"] == broken.headers["x-chatsmart-served-by"] == "old"
    assert broken.status_code == 400
    assert not house.simulator.calls()


async def test_shares_change_between_two_requests(house: House, old: Simulator) -> None:
    """Nothing is restarted; conversations that ChatSmart has answered stay with it as the share grows."""
    here: set[int] = set()
    async with house.client() as client:
        for share in (0, 10, 50, 100):
            await move(house, old, serve_percent=share)
            now = set()
            for conversation in range(24):
                answer = await client.post(PATH, json=spoken(conversation, max_completion_tokens=20))
                assert answer.status_code == 200
                if answer.headers["x-chatsmart-served-by"] == "chatsmart":
                    now.add(conversation)
            assert here <= now
            here = now
            assert (share == 0) <= (not here)
    assert len(here) == 24


async def test_a_model_has_its_own_name_on_either_side(house: House, old: Simulator) -> None:
    """The old path gets the caller's name, ChatSmart the one that the move gives it."""
    await move(house, old, serve_percent=100, models={"gpt-6.1-sol": "claude-haiku-5-5"})
    async with house.client() as client:
        ours = await client.post(PATH, json=HELLO | {"model": "gpt-6.1-sol"})
        await move(house, old, serve_percent=0)
        await client.post(PATH, json=HELLO | {"model": "gpt-6.1-sol"})
    assert ours.headers["x-chatsmart-model"] == "claude-haiku-5-5"
    assert old.calls()[0].model == "gpt-6.1-sol"


# -- when a side fails -------------------------------------------------------------------------------------------------


async def test_a_dead_old_path_is_answered_for(house: House) -> None:
    """ChatSmart answers, says so, and does not knock again at once."""
    await move(house, "http://127.0.0.1:9/v1")
    async with house.client() as client:
        for stream in (False, True):
            answer = await client.post(PATH, json=HELLO | {"stream": stream})
            assert answer.status_code == 200
            assert answer.headers["x-chatsmart-served-by"] == "chatsmart"
            assert answer.headers["x-chatsmart-cutover"] == "instead of old down: provider_overloaded"
        unknown = await client.post(PATH, json=HELLO | {"model": "of-the-old-path-alone"})
    assert unknown.status_code == 503
    assert "old path" in unknown.json()["error"]["message"]
    assert "of-the-old-path-alone" in unknown.json()["error"]["message"]


async def test_the_old_path_answers_for_a_dead_chatsmart(house: House, old: Simulator) -> None:
    """Before the first byte; at every share, for as long as the move is set up."""
    await move(house, old, serve_percent=100)
    house.simulator.plan(Fault("status", status=503), times=None)
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO | {"stream": True})
    assert answer.status_code == 200
    assert answer.headers["x-chatsmart-served-by"] == "old"
    assert answer.headers["x-chatsmart-cutover"].startswith("instead of chatsmart down")
    assert answer.text.endswith("data: [DONE]\n\n")
    counts = (await report(house))["counts"]
    assert counts["old:instead of chatsmart down"] == 1


async def test_neither_side_is_told_in_openais_shape(house: House) -> None:
    """A clear error that names both."""
    await move(house, "http://127.0.0.1:9/v1", serve_percent=100)
    house.simulator.plan(Fault("status", status=503), times=None)
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO)
    assert answer.status_code == 503
    assert "Neither side" in answer.json()["error"]["message"]


async def test_what_only_the_old_path_knows_goes_there(house: House, old: Simulator) -> None:
    """Until all traffic has moved, a request that ChatSmart can't read is the old path's; then it is refused."""
    odd = HELLO | {"model": "gpt-6-luna", "logprobs": True}
    async with house.client() as client:
        await move(house, old, serve_percent=99)
        shares = [await client.post(PATH, json=odd | {"user": f"{n}"}) for n in range(3)]
        await move(house, old, serve_percent=100)
        refused = await client.post(PATH, json=odd)
    assert {answer.headers["x-chatsmart-served-by"] for answer in shares} == {"old"}
    assert any("unfit" in answer.headers.get("x-chatsmart-cutover", "") for answer in shares)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "logprobs")


async def test_an_old_path_that_breaks_off_is_seen_to_break_off(house: House, old: Simulator) -> None:
    """What came stands; the torn end is an error of the connection, never a whole answer."""
    await move(house, old)
    old.plan(Fault("cut", after_chunks=3), "openai")
    async with house.client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(PATH, json=HELLO | {"stream": True})


@pytest.mark.parametrize("share", [0, 100])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_that_leaves_ends_both(house: House, old: Simulator, share: int, stream: bool) -> None:
    """The one that answers and the one that is compared are cancelled, in the middle of a stream or of the waiting."""
    await move(house, old, serve_percent=share, mirror_percent=100, shadow_percent=100)
    for one in (house.simulator, old):
        one.plan(Fault("stall", after_chunks=3 if stream else 0, seconds=30), "openai", times=None)
    async with house.client() as client:
        request = client.build_request("POST", PATH, json=HELLO | {"stream": stream})
        sending = asyncio.create_task(client.send(request, stream=True))
        if stream:
            answer = await sending
            pieces = answer.aiter_bytes()  # kept: a generator that nobody holds closes its connection
            await anext(pieces)
        async with asyncio.timeout(5):
            while not (old.calls() and house.simulator.calls()):  # noqa: ASYNC110  # simulators tell nobody of a call
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        if stream:
            await (await sending).aclose()
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
    async with asyncio.timeout(1):
        while not all(call.cancelled for one in (old, house.simulator) for call in one.calls()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await report(house))["overall"]["pairs"] == 0


# -- comparing ---------------------------------------------------------------------------------------------------------


async def test_mirrored_requests_are_compared_and_reported(house: House, old: Simulator) -> None:
    """Counts, agreement, cost and latency of both sides by model, examples by trace, and a verdict in words."""
    await move(house, old, serve_percent=100, mirror_percent=100)
    traces = set()
    async with house.client() as client:
        for n in range(4):
            answer = await client.post(PATH, json=HELLO | {"stream": n % 2 == 0, "max_completion_tokens": 60})
            traces.add(answer.headers["x-chatsmart-trace"])
        old.plan(Fault("status", status=500), "openai")
        traces.add((await client.post(PATH, json=HELLO)).headers["x-chatsmart-trace"])
    found = await report(house, pairs=5)
    assert found["counts"]["chatsmart"] == found["counts"]["mirror:compared"] == 5
    overall = found["overall"]
    assert (overall["pairs"], overall["both"], overall["priced"]) == (5, 4, 4)
    assert (overall["ours"]["failures"], overall["theirs"]["failures"]) == (0, 1)
    assert overall["ours"]["cost_micros"] > 0
    assert overall["theirs"]["cost_micros"] > 0
    assert overall["ours"]["first_token_p50_ms"] is not None
    assert [group["model"] for group in found["models"]] == ["gpt-6-luna"]
    assert found["verdict"] == {"ready": False, "text": found["verdict"]["text"]}
    assert found["verdict"]["text"].startswith("Too few to judge: 5 compared")
    assert OLD_KEY not in orjson.dumps(found).decode()
    rows = await rows_of(house)
    assert {row.trace for row in rows} == traces
    assert {row.sample for row in rows} == {None}


async def test_what_differs_is_shown(house: House, old: Simulator) -> None:
    """A disagreement stands among the worst with its trace and its reason, and with its texts where they are kept."""
    await move(house, old, serve_percent=100, mirror_percent=100, keep_samples=True)
    old.plan(Fault("refuse_midway", after_chunks=3), "openai")
    async with house.client() as client:
        first = await client.post(PATH, json=HELLO)
        await report(house, pairs=1)
        await client.post(PATH, json=HELLO)
    found = await report(house, pairs=2)
    (worst,) = found["worst"]
    assert worst["trace"] == first.headers["x-chatsmart-trace"]
    assert "ended with stop, not content_filter" in worst["why"]
    assert worst["sample"]["ours"] == first.json()["choices"][0]["message"]["content"]
    assert 0 < worst["similarity"] < 1
    assert (found["overall"]["both"], found["overall"]["agreeing"]) == (2, 1)


async def test_a_shadow_runs_under_the_tenants_own_cap(house: House, old: Simulator) -> None:
    """What the old path answers is compared with an ordinary run of ours, logged as `shadow` and paid for."""
    await move(house, old, shadow_percent=100)
    async with house.client() as client:
        answer = await client.post(
            PATH, json=HELLO | {"stream": True, "stream_options": {"include_usage": True}}
        )
    assert answer.headers["x-chatsmart-served-by"] == "old"
    found = await report(house, pairs=1)
    assert found["overall"]["both"] == 1
    assert (await house.quiet()).spent == found["overall"]["ours"]["cost_micros"] > 0
    (row,) = await rows_of(house)
    tape = await house.services.log.tape(house.tenant, RunId(f"chat_{row.trace}"))
    assert {entry.actor for entry in tape if entry.actor} == {"shadow"}


@pytest.mark.parametrize("fault", ["stall_headers", "stall", "drop", "junk_body", "cut", "reset"])
async def test_a_caller_notices_nothing_of_a_sick_mirror(house: House, old: Simulator, fault: str) -> None:
    """Stalls, breaks and garbage of the old path cost its caller neither time nor answer, and the order to stop ends
    what hangs."""
    await move(house, old, serve_percent=100, mirror_percent=100)
    old.plan(Fault(fault, after_chunks=1, seconds=30), "openai", times=None)
    async with house.client() as client, asyncio.timeout(3):
        for stream in (True, False):
            answer = await client.post(PATH, json=HELLO | {"stream": stream})
            assert answer.status_code == 200
            assert answer.headers["x-chatsmart-served-by"] == "chatsmart"
            assert "x-chatsmart-cutover" not in answer.headers
    async with asyncio.timeout(2):
        await house.services.cutover.mirrors.close()


# -- who may see and do what -------------------------------------------------------------------------------------------


async def test_a_move_is_ones_own(house: House, old: Simulator) -> None:
    """Another tenant sees no move, no report, no change in its own answers, and can't end it."""
    await move(house, old, serve_percent=100, mirror_percent=100)
    async with house.client() as client:
        await client.post(PATH, json=HELLO)
    await report(house, pairs=1)
    async with house.client(house.other_key) as other:
        assert (await other.get("/v1/cutover")).status_code == 404
        assert (await other.delete("/v1/cutover")).status_code == 404
        answer = await other.post(PATH, json=HELLO)
        theirs = (await other.get("/v1/cutover/report")).json()
    assert "x-chatsmart-served-by" not in answer.headers
    assert (theirs["overall"]["pairs"], theirs["counts"], theirs["worst"]) == (0, {}, [])
    assert len(old.calls()) == 1


async def test_keys_go_where_they_belong(house: House, old: Simulator) -> None:
    """The stored key is shown to nobody and sent to the old path alone; the caller's own never leaves; a client may
    bring the old path's key with each request instead."""
    shown = await move(house, old)
    assert shown["api_key_hint"] == "…0001"
    async with house.client() as client:
        assert OLD_KEY not in (await client.get("/v1/cutover")).text
        await client.put("/v1/cutover", json={"api_key": ""})
        refused = await client.post(PATH, json=HELLO)
        own = await client.post(PATH, json=HELLO, headers={"x-cutover-authorization": f"Bearer {OLD_KEY}"})
        leak = await client.post(PATH, json=HELLO, headers={"x-cutover-x-api-key": house.key})
    assert (refused.status_code, refused.headers["x-chatsmart-served-by"]) == (401, "old")
    assert own.status_code == 200
    assert (leak.status_code, "ChatSmart key" in leak.json()["error"]["message"]) == (400, True)
    assert len(old.calls()) == 2


async def test_a_stored_key_does_not_follow_the_address(house: House, old: Simulator) -> None:
    """Whoever may change the address must know the key, or give it up."""
    await move(house, old)
    async with house.client() as client:
        moved = await client.put("/v1/cutover", json={"base_url": "http://127.0.0.1:9/v1"})
        assert moved.status_code == 409
        same = await client.put("/v1/cutover", json={"base_url": old.url("openai") + "/"})
        assert same.status_code == 200
        without = await client.put("/v1/cutover", json={"base_url": "http://127.0.0.1:9/v1", "api_key": ""})
    assert (without.status_code, without.json()["api_key_hint"]) == (200, None)


async def test_two_homes_that_name_each_other_do_not_go_in_circles(house: House) -> None:
    """What was passed on once is answered where it arrives."""
    await move(house, house.url + "/v1", api_key=house.key)
    async with house.client() as client:
        answer = await client.post(PATH, json=HELLO)
    assert answer.status_code == 200
    assert answer.headers["x-chatsmart-served-by"] == "old"
    assert len(house.simulator.calls()) == 1


async def test_a_repeat_gets_the_answer_of_the_side_that_gave_it(house: House, old: Simulator) -> None:
    """An idempotency key is told again by ChatSmart where it answered, and left to the old path where that did."""
    await move(house, old, serve_percent=100)
    async with house.client() as client:
        first = await client.post(PATH, json=HELLO, headers={"idempotency-key": "one"})
        await move(house, old, serve_percent=0)
        again = await client.post(PATH, json=HELLO, headers={"idempotency-key": "one"})
        assert again.json() == first.json()
        for _ in range(2):
            passed = await client.post(PATH, json=HELLO, headers={"idempotency-key": "two"})
            assert (passed.status_code, passed.headers["x-chatsmart-served-by"]) == (200, "old")


async def test_a_move_that_is_over_leaves_nothing(house: House, old: Simulator) -> None:
    """After DELETE ChatSmart answers all, and the key is gone."""
    await move(house, old)
    async with house.client() as client:
        assert (await client.delete("/v1/cutover")).status_code == 204
        answer = await client.post(PATH, json=HELLO)
        assert (await client.get("/v1/cutover")).status_code == 404
    assert answer.status_code == 200
    assert "x-chatsmart-served-by" not in answer.headers
    assert not old.calls()


async def test_rows_of_a_move_are_out_of_another_tenants_reach(
    house: House, old: Simulator, addresses: Addresses
) -> None:
    """Also through SQL, as the app's own login; and nobody reads a sealed key off the table."""
    await move(house, old, serve_percent=100, mirror_percent=100)
    async with house.client() as client:
        await client.post(PATH, json=HELLO)
    await report(house, pairs=1)
    tables = ("cutovers", "cutover_comparisons", "cutover_counts")
    app = await asyncpg.connect(addresses.app)
    try:
        for tenant, seen in ((house.tenant, True), (str(house.services.ids.uuid()), False)):
            async with app.transaction():
                claims = orjson.dumps({"role": "authenticated", "tenant_id": tenant}).decode()
                await app.execute("select set_config('role', 'authenticated', true)")
                await app.execute("select set_config('request.jwt.claims', $1, true)", claims)
                for table in tables:
                    assert bool(await app.fetchval(f"select count(*) from public.{table}")) is seen
                if not seen:
                    gone = await app.execute("update public.cutovers set serve_percent = 0")
                    assert gone == "UPDATE 0"
                    assert await app.execute("delete from public.cutovers") == "DELETE 0"
        for statement in ("select * from public.cutovers", "select key_sealed from public.cutovers"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with app.transaction():
                    await app.execute("select set_config('role', 'authenticated', true)")
                    await app.fetch(statement)
    finally:
        await app.close()
