"""What a tenant's policy hides, through the product's own surface: nobody but the caller sees it."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from infra.simulator import Fault
from shared.core.ids import RunId
from shared.core.rules import Rules
from shared.ports.rules import Edition
from tests.flow.house import House

CHAT = "/v1/chat/completions"
MAIL = "ada.lovelace@example.com"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"


def question(text: str, **more: Any) -> dict[str, Any]:
    """A chat that nobody else asks."""
    return {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": f"{text} {uuid4().hex}"}],
        **more,
    }


def sent(house: House) -> str:
    """All that the providers were sent."""
    return "\n".join(call.body.decode() for call in house.simulator.calls())


async def logged(house: House, trace: str, kind: str = "chat") -> str:
    """All that the log has of a run."""
    tape = await house.services.log.tape(house.tenant, RunId(f"{kind}_{trace}"))
    return repr([(entry.request, entry.response, entry.body) for entry in tape])


@pytest.mark.parametrize("path", [CHAT, "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_hidden_is_seen_by_nobody_and_comes_back(house: House, stream: bool, path: str) -> None:
    """Provider, log and cache have placeholders; the caller reads its own words."""
    text = f"Say something about {MAIL} and the card {CARD}."
    if path == CHAT:
        asked = question(text, stream=stream)
    else:
        asked = {"model": "gpt-6-luna", "input": f"{text} {uuid4().hex}", "stream": stream}
    async with house.client() as client:
        answer = await client.post(path, json=asked)
        await house.quiet()
    assert answer.status_code == 200
    seen = sent(house)
    assert "EMAIL_1" in seen
    assert "CARD_1" in seen
    assert MAIL not in seen
    assert "4111 1111" not in seen  # "4111" alone may stand in any id
    kept = await logged(house, answer.headers["x-chatsmart-trace"])
    assert MAIL not in kept
    assert "4111 1111" not in kept
    assert MAIL in answer.text.replace("\\u0040", "@")
    assert "EMAIL_1" not in answer.text


async def test_a_repeat_with_a_key_gives_the_same_words(house: House) -> None:
    """What is told again out of the log is what its caller read the first time, to the byte."""
    asked = question(f"Say something about {MAIL}.")
    headers = {"idempotency-key": uuid4().hex}
    async with house.client() as client:
        first = await client.post(CHAT, json=asked, headers=headers)
        await house.quiet()
        again = await client.post(CHAT, json=asked, headers=headers)
    assert MAIL in first.text
    assert again.content == first.content


async def test_two_people_share_an_answer_and_read_their_own_names(house: House) -> None:
    """Requests that differ in nothing but what is hidden are one request to everybody else."""
    number = uuid4().hex
    texts = [f"Say something about {who}@example.com, number {number}." for who in ("ada", "grace")]
    found = []
    async with house.client() as client:
        for text in texts:
            asked = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": text}]}
            found.append(await client.post(CHAT, json=asked))
            await house.quiet()
            await asyncio.sleep(0.2)
    assert found[0].headers["x-chatsmart-cache"] == "miss"
    assert found[1].headers["x-chatsmart-cache"] in {"hit", "joined"}  # it may not be stored yet
    one, two = (one.json()["choices"][0]["message"]["content"] for one in found)
    assert "ada@example.com" in one
    assert "grace@example.com" in two
    assert one.replace("ada@", "grace@") == two


async def test_a_policy_that_hides_nothing_sends_all(house: House) -> None:
    """Operators may switch it off; what was sent is then what was asked."""
    edition = Edition(Rules(version=1, redact=frozenset()), house.services.clock.now(), "test")
    await house.services.keys.book.add(house.tenant, edition)
    async with house.client() as client:
        await client.post(CHAT, json=question(f"Say something about {MAIL}."))
    assert MAIL in sent(house)


async def test_a_document_is_written_without_knowing_whom_it_is_about(house: House) -> None:
    """Steps, log and shelf have placeholders; the owner reads names, live, later and in a replay."""
    brief: dict[str, Any] = {
        "pipeline": "product_description",
        "brief": f"A lamp by {MAIL}, number {uuid4().hex}.",
    }
    async with house.client() as client:
        catalogue = (await client.get("/v1/pipelines")).json()["data"]
        fields = {one["name"] for one in catalogue}
        if "article" in fields:
            brief = {"pipeline": "article", "brief": f"A letter to {MAIL}, {uuid4().hex}", "words": 200}
        async with client.stream("POST", "/v1/documents", json=brief | {"stream": True}) as answer:
            live = "".join([piece async for piece in answer.aiter_text()])
        finished = [json.loads(line[6:]) for line in live.splitlines() if line.startswith("data: ")][-1]
        run = finished["id"]
        document = (await client.get(f"/v1/documents/{run}")).json()
        replay = (await client.post(f"/v1/documents/{run}/replay")).json()
        tape = (await client.get(f"/v1/audit/{run}/tape")).text
    assert MAIL not in sent(house)
    assert MAIL not in tape
    assert "EMAIL_1" in tape
    assert MAIL in json.dumps(document["given"])
    assert "EMAIL_1" not in live
    assert (replay["identical"], replay["drift"]) == (True, "")
    assert replay["sse"].replace("\r\n", "\n") == live.replace("\r\n", "\n")
    assert replay["text"] == document["text"] == finished["text"]


async def test_what_broke_off_is_restored_whole(house: House) -> None:
    """A stream that another model finishes shows no half of a placeholder."""
    house.simulator.plan(Fault("reset", after_chunks=2), times=1)
    asked = question(f"Say something about {MAIL} and {MAIL} and {MAIL}.", model="auto", stream=True)
    async with house.client() as client:
        answer = await client.post(CHAT, json=asked)
    assert "[DONE]" in answer.text
    assert "EMAIL_" not in answer.text
    assert "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}" not in answer.text


async def test_a_rerun_hides_what_the_policy_hides_now(house: House) -> None:
    """Nobody is sent what was not hidden when the document was first written; its owner reads it all the same."""
    book, now = house.services.keys.book, house.services.clock.now()
    await book.add(house.tenant, Edition(Rules(version=1, redact=frozenset()), now, "test"))
    brief = {"pipeline": "product_description", "brief": f"A lamp by {MAIL}, number {uuid4().hex}."}
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=brief)).json()
        await client.put("/v1/policy", json={"redact": ["*"]})
        house.simulator.clear()
        swaps = await client.post(
            f"/v1/documents/{document['id']}/rerun", json={"set": {"write": "gpt-6-luna"}}
        )
        again = await client.post(f"/v1/documents/{document['id']}/rerun", json={})
    assert (document["status"], again.json()["status"]) == ("finished", "finished")
    assert swaps.status_code == 409
    assert "EMAIL_1" in sent(house)
    assert MAIL not in sent(house)
    assert MAIL in json.dumps(again.json()["given"])
