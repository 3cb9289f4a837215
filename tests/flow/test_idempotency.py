"""`Idempotency-Key` over HTTP: real stores, real clients, several processes; what is sent twice is done once."""

import asyncio
import contextlib
from typing import Any

import asyncpg
import openai
import pytest

from functions.jobs import idempotency as sweep
from infra.simulator import Fault
from shared.core.faults import Unavailable
from shared.core.ids import RunId
from shared.ports.idempotency import KEPT
from tests.flow.house import House
from tests.flow.keyed import BRIEF, CHAT, HELLO, called, key, replayed, rows
from tests.stores import Addresses

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (CHAT, HELLO),
    "chat with tools": (
        CHAT,
        HELLO
        | {
            "tools": [{"type": "function", "function": {"name": "brew", "parameters": {"type": "object"}}}],
            "tool_choice": "required",
        },
    ),
    "three answers": (CHAT, HELLO | {"n": 3}),
    "responses": ("/v1/responses", {"model": "claude-haiku-5-5", "input": "Say something about tea."}),
}
OWN = ("x-chatsmart-trace", "x-chatsmart-model", "x-chatsmart-cost-micros", "content-type")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ASKED)
async def test_a_repeated_question_is_answered_out_of_the_log(house: House, name: str, stream: bool) -> None:
    """To the byte, headers too, without a second call or charge; only that it is a repeat is said."""
    path, asked = ASKED[name]
    asked = asked | {"stream": stream}
    async with house.client() as client:
        first = await client.post(path, json=asked, headers=key())
        spent = (await house.quiet()).spent
        calls = len(house.simulator.calls())
        again = await client.post(path, json=asked, headers=key())
    assert first.status_code == again.status_code == 200, first.text
    assert (replayed(first), replayed(again)) == (False, True)
    if name != "three answers" or not stream:  # of several live answers it is not kept how they came mixed
        assert again.text == first.text
    assert [again.headers.get(own) for own in OWN] == [first.headers.get(own) for own in OWN]
    assert len(house.simulator.calls()) == calls == asked.get("n", 1)
    assert (await house.quiet()).spent == spent > 0


FORMS: dict[str, dict[str, Any]] = {
    "text": {},
    "json": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "tea",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "notes": {"type": "string"}},
                    "required": ["name", "notes"],
                    "additionalProperties": False,
                },
            },
        }
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, "/v1/responses"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [1, 3, 8])
async def test_an_answer_that_was_taken_up_is_told_again_alike(
    house: House, path: str, form: str, stream: bool, after: int
) -> None:
    """To the byte, who went on included; a stream that could not be mended too."""
    house.simulator.plan(Fault("reset", after_chunks=after), times=1)
    asked: dict[str, Any] = {"model": "auto", "stream": stream}
    if path == CHAT:
        asked |= {"messages": HELLO["messages"]} | FORMS[form]
    else:
        asked |= {"input": "Say something about tea."}
        if form == "json":
            asked["text"] = {
                "format": {"type": "json_schema", **FORMS[form]["response_format"]["json_schema"]}
            }
    async with house.client() as client:
        first = await client.post(path, json=asked, headers=key())
        await house.quiet()
        calls = len(house.simulator.calls())
        again = await client.post(path, json=asked, headers=key())
    assert calls > 1
    assert (first.status_code, again.status_code, replayed(again)) == (200, 200, True), again.text
    assert again.text == first.text
    assert [again.headers.get(own) for own in OWN] == [first.headers.get(own) for own in OWN]
    assert len(house.simulator.calls()) == calls


async def test_openais_client_repeats_alike(house: House) -> None:
    """The unchanged client, with the header as an extra one: the same id, text, usage and time."""
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as client:
        messages: Any = HELLO["messages"]
        one, two = [
            await client.chat.completions.create(model="auto", messages=messages, extra_headers=key())
            for _ in range(2)
        ]
        assert one.model_dump() == two.model_dump()
        texts = []
        for _ in range(2):
            stream = await client.chat.completions.create(
                model="auto", messages=messages, stream=True, extra_headers=key("k-2")
            )
            texts.append([chunk.model_dump() async for chunk in stream])
        assert texts[0] == texts[1]
    assert len(house.simulator.calls()) == 1  # the stream is answered out of the cache


async def test_a_chat_that_is_still_answered_is_a_409(house: House) -> None:
    """In the shape of its path, worth sending again, told when; then it is answered."""
    house.simulator.plan(Fault("stall", after_chunks=2, seconds=0.5), "openai", times=1)
    async with house.client() as client:
        first = asyncio.create_task(client.post(CHAT, json=HELLO, headers=key()))
        await called(house)
        busy = await client.post(CHAT, json=HELLO, headers=key())
        assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
        assert "x-should-retry" not in busy.headers
        assert "still being answered" in busy.json()["error"]["message"]
        assert not replayed(busy)
        done = await first
        assert (await client.post(CHAT, json=HELLO, headers=key())).content == done.content


@pytest.mark.parametrize("stream", [False, True])
async def test_a_document_is_written_once(house: House, stream: bool) -> None:
    """A repeat is the same document; a stream begins at its start, to the byte."""
    asked = BRIEF | {"stream": stream}
    async with house.client() as client:
        first = await client.post("/v1/documents", json=asked, headers=key())
        calls = len(house.simulator.calls())
        again = await client.post("/v1/documents", json=asked, headers=key())
        listed = (await client.get("/v1/documents")).json()["data"]
    assert (replayed(first), replayed(again)) == (False, True)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(listed) == 1
    assert len(house.simulator.calls()) == calls


async def test_a_repeat_attaches_to_a_document_that_is_being_written(house: House) -> None:
    """Also where the first caller has left: its writing goes on, and the repeat sees all of it."""
    house.simulator.plan(Fault("stall", after_chunks=1, seconds=0.5), times=1)
    async with house.client() as client:
        left = asyncio.create_task(client.post("/v1/documents", json=BRIEF, headers=key()))
        await called(house)
        left.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await left
        answer = await client.post("/v1/documents", json=BRIEF, headers=key())
        assert answer.json()["status"] == "finished"
        assert len((await client.get("/v1/documents")).json()["data"]) == 1


async def test_a_rerun_is_begun_once(house: House) -> None:
    """Two re-runs under one key are one document; under two keys, two."""
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=BRIEF)).json()
        path = f"/v1/documents/{document['id']}/rerun"
        ids = [
            (await client.post(path, json={}, headers=key(name))).json()["id"]
            for name in ("k-1", "k-1", "k-2")
        ]
    assert ids[0] == ids[1]
    assert len({document["id"], *ids}) == 3


async def test_a_key_is_made_once_and_shown_to_its_maker_alone(house: House, addresses: Addresses) -> None:
    """The secret comes again for the same credential, is nowhere in the store, and no other credential gets it."""
    async with house.client() as client:
        first = await client.post("/v1/keys", json={"name": "ci"}, headers=key())
        again = await client.post("/v1/keys", json={"name": "ci"}, headers=key())
        assert first.status_code == again.status_code == 201
        assert again.text == first.text
        assert again.headers["cache-control"] == "no-store"
        assert replayed(again)
        assert first.headers["x-request-id"] != again.headers["x-request-id"]
        assert len((await client.get("/v1/keys")).json()["data"]) == 2
    secret = first.json()["key"]
    async with house.client(secret) as colleague:
        refused = await colleague.post("/v1/keys", json={"name": "ci"}, headers=key())
    assert refused.status_code == 409
    assert secret not in refused.text
    connection = await asyncpg.connect(addresses.admin)
    kept = await connection.fetchval("select answer from idempotency_keys where tenant_id = $1", house.tenant)
    await connection.close()
    assert secret.encode() not in kept


@pytest.mark.parametrize("what", ["quote", "replay", "cancel"])
async def test_what_makes_nothing_is_done_again(house: House, what: str) -> None:
    """The same answer; and another body under the key is refused all the same."""
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=BRIEF)).json()
        path = "/v1/documents/quote" if what == "quote" else f"/v1/documents/{document['id']}/{what}"
        answers = [await client.post(path, json=BRIEF, headers=key()) for _ in range(2)]
        assert answers[0].status_code == 200
        assert answers[0].content == answers[1].content
        other = await client.post(path, json=BRIEF | {"brief": "Another"}, headers=key())
    assert other.status_code == 409


@pytest.mark.parametrize("path", [CHAT, "/v1/documents", "/v1/keys"])
async def test_a_key_with_another_body_is_refused(house: House, path: str) -> None:
    """409 in words, before anything is done; another path, key or tenant is not concerned."""
    asked = {CHAT: HELLO, "/v1/documents": BRIEF, "/v1/keys": {"name": "ci"}}[path]
    async with house.client() as client:
        assert (await client.post(path, json=asked, headers=key())).status_code < 300
        calls = len(house.simulator.calls())
        other = await client.post(path, json={**asked, "user": "x"}, headers=key())
        assert other.status_code == 409
        assert "another request body" in other.text
        assert "retry-after" not in other.headers
        assert len(house.simulator.calls()) == calls
        elsewhere = await client.post("/v1/responses", json=ASKED["responses"][1], headers=key())
        assert not replayed(elsewhere)
    async with house.client(house.other_key) as stranger:
        theirs = await stranger.post(path, json=asked, headers=key())
    assert theirs.status_code < 300
    assert not replayed(theirs)


@pytest.mark.parametrize("wrong", [b"", b"a b", b"k" * 256, "käse".encode(), b"a\tb"])
async def test_a_key_that_is_none_is_a_400(house: House, wrong: bytes) -> None:
    """Naming the header, on every path, before anything is done."""
    async with house.client() as client:
        for path, asked in ((CHAT, HELLO), ("/v1/documents", BRIEF)):
            answer = await client.post(path, json=asked, headers={b"idempotency-key": wrong})
            assert answer.status_code == 400
            assert "Idempotency-Key" in answer.text
        twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
        assert (await client.post(CHAT, json=HELLO, headers=twice)).status_code == 400
        longest = {"idempotency-key": '"' + "~" * 254}
        assert (await client.post("/v1/keys", json={"name": "x"}, headers=longest)).status_code == 201
    assert not house.simulator.calls()


async def test_what_had_no_effect_frees_its_key(house: House, addresses: Addresses) -> None:
    """Refused requests leave nothing behind: the corrected one goes through under the same key."""
    async with house.client() as client:
        wrong: tuple[tuple[str, dict[str, Any], int], ...] = (
            (CHAT, HELLO | {"temperature": "hot"}, 400),
            (CHAT, HELLO | {"model": "gpt-0"}, 404),
            ("/v1/documents", BRIEF | {"budget_micros": 0}, 402),
            ("/v1/documents", {"pipeline": "none"}, 400),
            ("/v1/keys", {"name": ""}, 400),
            ("/v1/nothing", {}, 404),
            ("/v1/models", {}, 405),
        )
        for path, asked, status in wrong:
            assert (await client.post(path, json=asked, headers=key())).status_code == status
        assert (
            await client.post(CHAT, json=HELLO, headers=key() | {"authorization": "Bearer cs_" + "x" * 40})
        ).status_code == 401
        assert await rows(addresses, house) == 0
        assert (await client.post(CHAT, json=HELLO, headers=key())).status_code == 200
        assert (await client.post("/v1/documents", json=BRIEF, headers=key())).status_code == 201


@pytest.mark.parametrize("stream", [False, True])
async def test_an_outage_is_asked_again(house: House, stream: bool) -> None:
    """What cost nothing and may go better another time is not given again: the key is for the answer."""
    asked = HELLO | {"stream": stream}
    house.simulator.plan(Fault("status", status=500), "openai", times=1)
    async with house.client() as client:
        assert (await client.post(CHAT, json=asked, headers=key())).status_code == 503
        again = await client.post(CHAT, json=asked, headers=key())
    assert again.status_code == 200
    assert not replayed(again)


async def test_a_stream_that_broke_off_is_asked_again(house: House) -> None:
    """An answer that ended in an error event is no answer: the repeat is a new request, with whatever that meets (here
    a breaker that has just opened)."""
    asked = HELLO | {"stream": True}
    house.simulator.plan(Fault("reset", after_chunks=3), times=None)
    async with house.client() as client:
        broken = await client.post(CHAT, json=asked, headers=key())
        assert "data: [DONE]" not in broken.text
        assert broken.status_code == 200
        again = await client.post(CHAT, json=asked, headers=key())
    assert not replayed(again)
    assert again.headers.get("x-chatsmart-trace") != broken.headers["x-chatsmart-trace"]


async def test_an_error_that_stands_is_given_again(house: House) -> None:
    """What a provider will never take is told once by the provider and then by us."""
    house.simulator.plan(Fault("status", status=400, message="no"), times=1)
    async with house.client() as client:
        first = await client.post(CHAT, json=HELLO, headers=key())
        again = await client.post(CHAT, json=HELLO, headers=key())
    assert first.status_code == again.status_code == 400
    assert first.json() == again.json()
    assert (replayed(first), replayed(again)) == (False, True)
    assert len(house.simulator.calls()) == 1


async def test_a_caller_that_left_asks_again(house: House, addresses: Addresses) -> None:
    """A chat that nobody got the answer to is cancelled and frees its key: a lost POST may be sent again."""
    house.simulator.plan(Fault("stall", after_chunks=2, seconds=30), "openai", times=1)
    async with house.client() as client:
        request = client.build_request("POST", CHAT, json=HELLO | {"stream": True}, headers=key())
        answer = await client.send(request, stream=True)
        await anext(answer.aiter_bytes())
        await answer.aclose()
        async with asyncio.timeout(3):
            while await rows(addresses, house):  # noqa: ASYNC110  # Postgres tells nobody
                await asyncio.sleep(0.02)
        again = await client.post(CHAT, json=HELLO | {"stream": True}, headers=key())
    assert "data: [DONE]" in again.text
    assert not replayed(again)


async def test_nothing_is_done_while_the_keys_are_away(house: House) -> None:
    """503 before anything is sent, held or stored."""

    class Away:
        async def claim(self, *_: object) -> None:
            raise Unavailable("Postgres can't be reached.")

    present = house.services.idempotency
    object.__setattr__(house.services, "idempotency", Away())
    async with house.client() as client:
        for path, asked in ((CHAT, HELLO), ("/v1/documents", BRIEF), ("/v1/keys", {"name": "ci"})):
            assert (await client.post(path, json=asked, headers=key())).status_code == 503
            assert (await client.post(CHAT, json=HELLO)).status_code == 200
        assert len(house.simulator.calls()) == 1  # the other two are answered out of the cache
        object.__setattr__(house.services, "idempotency", present)
        assert (await client.post(CHAT, json=HELLO, headers=key())).status_code == 200


async def test_the_sweep_forgets_what_is_a_day_old(house: House, addresses: Addresses) -> None:
    """And nothing younger; a forgotten key is as new."""
    async with house.client() as client:
        first = await client.post(CHAT, json=HELLO, headers=key())
        await sweep.run(house.services)
        assert replayed(await client.post(CHAT, json=HELLO, headers=key()))
        connection = await asyncpg.connect(addresses.admin)
        await connection.execute(
            "update idempotency_keys set expires_at = expires_at - $2::interval where tenant_id = $1",
            house.tenant,
            KEPT,
        )
        await connection.close()
        assert await sweep.run(house.services) >= 1
        assert await rows(addresses, house) == 0
        again = await client.post(CHAT, json=HELLO, headers=key())
    assert not replayed(again)
    assert RunId(again.headers["x-chatsmart-trace"]) != first.headers["x-chatsmart-trace"]
