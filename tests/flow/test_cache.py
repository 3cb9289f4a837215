"""The cache through the product's own surface: real stores, a real server, simulated providers."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

from infra.simulator import Pace
from shared.adapters.sealed import fresh_key
from tests.flow.house import House, opened
from tests.stores import Addresses

CHAT = "/v1/chat/completions"


def question(text: str = "", **more: Any) -> dict[str, Any]:
    """A chat about something that nobody else asks."""
    said = text or f"Say something about tea and the number {uuid4().hex}."
    return {"model": "auto", "messages": [{"role": "user", "content": said}], **more}


async def stored(house: House) -> None:
    """Wait until what was answered is stored: it is done behind the answer."""
    await house.quiet()
    async with asyncio.timeout(5):
        while house.services.recalled._storing:  # noqa: ASYNC110  # nobody is told: a caller never waits for it
            await asyncio.sleep(0.005)


def told(answer: httpx.Response) -> str:
    """Out of what an answer came."""
    return answer.headers["x-chatsmart-cache"]


def words(stream: str) -> str:
    """The text of a streamed answer."""
    import json

    events = [line[6:] for line in stream.splitlines() if line.startswith("data: {")]
    chunks = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in chunks)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_question_is_answered_once(house: House, stream: bool) -> None:
    """The second answer is the first, it says so, it costs nothing and no provider hears of it."""
    asked = question(stream=stream)
    async with house.client() as client:
        first = await client.post(CHAT, json=asked)
        await stored(house)
        before = await house.quiet()
        again = await client.post(CHAT, json=asked)
        after = await house.quiet()
    assert (told(first), told(again)) == ("miss", "hit")
    assert len(house.simulator.calls()) == 1
    assert after.spent == before.spent
    assert first.headers["x-chatsmart-model"] == again.headers["x-chatsmart-model"]
    if stream:
        assert words(first.text) == words(again.text) != ""
    else:
        one, two = first.json(), again.json()
        assert one["choices"] == two["choices"]
        assert one["usage"] == two["usage"]
        assert (two["chatsmart"]["cost_micros"], two["chatsmart"]["cache"]) == (0, "hit")
        assert again.headers["x-chatsmart-cost-micros"] == "0"
    assert first.headers["x-chatsmart-trace"] != again.headers["x-chatsmart-trace"]


async def test_who_asks_right_after_the_answer_gets_a_hit(house: House) -> None:
    """Also before it is stored."""
    async with house.client() as client:
        for _ in range(5):
            asked = question()
            found = [told(await client.post(CHAT, json=asked)) for _ in range(3)]
            assert found == ["miss", "hit", "hit"]


async def test_invisible_characters_make_no_other_question(house: House) -> None:
    """What differs in nothing that can be seen is one question, and the provider is sent the canonical text."""
    text = f"Tell me about caf\N{LATIN SMALL LETTER E WITH ACUTE}s {uuid4().hex}."
    async with house.client() as client:
        first = await client.post(CHAT, json=question(text))
        await stored(house)
        odd = text.replace("\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}").replace(
            " me ", " \N{ZERO WIDTH SPACE}me\N{NO-BREAK SPACE}"
        )
        again = await client.post(CHAT, json=question(odd))
    assert (told(first), told(again)) == ("miss", "hit")


@pytest.mark.parametrize(
    ("headers", "calls", "said"),
    [
        ({"x-chatsmart-cache": "refresh"}, 2, "miss"),
        ({"cache-control": "no-cache"}, 2, "miss"),
        ({"x-chatsmart-cache": "off"}, 2, "miss"),
        ({"cache-control": "no-store"}, 2, "miss"),
        ({"x-chatsmart-cache": "use"}, 1, "hit"),
    ],
)
async def test_a_caller_may_want_another_answer(
    house: House, headers: dict[str, str], calls: int, said: str
) -> None:
    """A header decides."""
    asked = question()
    async with house.client() as client:
        await client.post(CHAT, json=asked)
        await stored(house)
        again = await client.post(CHAT, json=asked, headers=headers)
    assert (len(house.simulator.calls()), told(again)) == (calls, said)


async def test_a_wish_that_is_none_is_a_400(house: House) -> None:
    """It says what there is."""
    async with house.client() as client:
        answer = await client.post(CHAT, json=question(), headers={"x-chatsmart-cache": "maybe"})
    assert answer.status_code == 400
    assert "use, refresh, off" in answer.json()["error"]["message"]


async def test_randomness_is_not_remembered(house: House) -> None:
    """Who asks for a temperature wants another answer each time, unless they say otherwise."""
    asked = question(model="claude-haiku-5-5", temperature=0.9)
    async with house.client() as client:
        for _ in range(2):
            assert told(await client.post(CHAT, json=asked)) == "miss"
            await stored(house)


async def test_another_tenant_is_served_nothing(house: House) -> None:
    """The same question of another tenant is another question."""
    asked = question()
    async with house.client() as client, house.client(house.other_key) as other:
        await client.post(CHAT, json=asked)
        await stored(house)
        assert told(await other.post(CHAT, json=asked)) == "miss"


async def test_many_at_once_share_one_call(addresses: Addresses) -> None:
    """Two hundred equal streams: one provider call, the same text for all, and each has a run of its own in the log."""
    async with opened(addresses, pace=Pace(ttft=0.3, tpot=0.01)) as house:
        asked = question(stream=True)
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=house.url, headers=house.auth, timeout=60, limits=limits
        ) as client:
            found = await asyncio.gather(*(client.post(CHAT, json=asked) for _ in range(200)))
        assert len(house.simulator.calls()) == 1
        assert len({words(one.text) for one in found}) == 1
        assert sorted({told(one) for one in found}) == ["joined", "miss"]
        assert len({one.headers["x-chatsmart-trace"] for one in found}) == 200
        await house.quiet()


async def test_two_servers_share_one_call(addresses: Addresses) -> None:
    """Equal requests to two servers of one deployment are one call; where the leading caller goes away, one of those
    who follow goes on from the word that all have read."""
    same: dict[str, Any] = {"namespace": uuid4().hex, "secret_key": fresh_key()}
    pace = Pace(ttft=0.2, tpot=0.05)
    async with (
        opened(addresses, pace=pace, **same) as one,
        opened(addresses, **same) as two,
    ):
        asked = question(stream=True)
        async with one.client() as leading, two.client(one.key) as following:
            async with leading.stream("POST", CHAT, json=asked) as leader:
                lines = leader.aiter_lines()
                async for line in lines:
                    if '"content":"' in line and '"content":""' not in line:
                        break
                second = asyncio.create_task(following.post(CHAT, json=asked))
                await asyncio.sleep(0.4)
            answer = await second
        assert told(answer) == "joined"
        assert '"finish_reason":"stop"' in answer.text
        assert "data: [DONE]" in answer.text
        # The one who took over asked its own simulator, once.
        assert (len(one.simulator.calls()), len(two.simulator.calls())) == (1, 1)
        assert words(answer.text)


async def test_half_an_answer_is_not_stored(house: House) -> None:
    """One that its caller's own limit cut short is asked anew."""
    asked = question(max_completion_tokens=3)
    async with house.client() as client:
        for _ in range(2):
            answer = await client.post(CHAT, json=asked)
            await stored(house)
            assert answer.json()["choices"][0]["finish_reason"] == "length"
            assert told(answer) == "miss"


async def test_openais_client_gets_a_hit_as_any_answer(house: House) -> None:
    """The unchanged client reads it, streamed and whole."""
    text = f"Say something about tea {uuid4().hex}."
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as client:
        first = await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": text}]
        )
        await stored(house)
        async with await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": text}], stream=True
        ) as stream:
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(pieces) == first.choices[0].message.content
    assert len(house.simulator.calls()) == 1


async def test_a_document_asked_for_twice_is_written_once(house: House) -> None:
    """The second document has its own run and the first one's steps, at no cost; it replays from its own log."""
    brief = {"pipeline": "article", "brief": f"Green tea for beginners {uuid4().hex}", "words": 200}
    async with house.client() as client:
        first = (await client.post("/v1/documents", json=brief)).json()
        calls = len(house.simulator.calls())
        await stored(house)
        second = (await client.post("/v1/documents", json=brief)).json()
        assert len(house.simulator.calls()) == calls
        assert second["id"] != first["id"]
        assert second["text"] == first["text"]
        assert (second["cost_micros"], second["status"]) == (0, "finished")
        replay = (await client.post(f"/v1/documents/{second['id']}/replay")).json()
        assert (replay["identical"], replay["drift"]) == (True, "")
        again = (await client.post(f"/v1/documents/{second['id']}/rerun", json={})).json()
        assert again["cost_micros"] > 0


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("Please, can you tell me how tall the tower in {0} is? Thank you!", "near"),
        ("Can you tell me how tall the towre in {0} is?", "near"),
        ("Can you tell me how tall the tower in {0} was?", "miss"),
        ("Can you tell me how tall the tower near {0} is?", "miss"),
        ("Can you tell me how tall the tower in {0} is not?", "miss"),
    ],
)
async def test_the_same_in_other_words_is_near(house: House, other: str, said: str) -> None:
    """Politeness and a slip of the hand ask the same; a word that matters does not."""
    town = "Springfield"
    async with house.client() as client:
        first = await client.post(CHAT, json=question(f"Can you tell me how tall the tower in {town} is?"))
        await stored(house)
        again = await client.post(CHAT, json=question(other.format(town)))
    assert (told(first), told(again)) == ("miss", said)
    if said == "near":
        assert again.json()["choices"] == first.json()["choices"]
        assert again.headers["x-chatsmart-cost-micros"] == "0"


async def test_a_policy_decides_which_tiers_there_are(house: House) -> None:
    """`exact` serves no other wording, `off` nothing at all."""
    texts = ("How tall is the tower in Springfield?", "Please, how tall is the tower in Springfield?")
    async with house.client() as client:
        for tier, said in (("exact", ["miss", "miss", "hit"]), ("off", ["miss", "miss", "miss"])):
            await client.put("/v1/policy", json={"cache": {"tier": tier, "seconds": 60}})
            found = []
            for text in (texts[0], texts[1], texts[0]):
                found.append(told(await client.post(CHAT, json=question(text))))
                await stored(house)
            assert found == said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pace", [Pace(), Pace(ttft=0.01, tpot=0.002)], ids=["burst", "token by token"])
async def test_every_model_s_answer_is_served_again(addresses: Addresses, stream: bool, pace: Pace) -> None:
    """Whatever reads a wire brings, of which some hold nothing that is stored: a hit is the answer as it was."""
    async with opened(addresses, pace=pace) as house, house.client() as client:
        names = [spec.name for spec in house.services.catalogue.models()]
        assert len(names) >= 12
        for name in names:
            asked = question(model=name, stream=stream)
            first = await client.post(CHAT, json=asked)
            await stored(house)
            again = await client.post(CHAT, json=asked)
            assert (first.status_code, again.status_code) == (200, 200), name
            assert (told(first), told(again)) == ("miss", "hit"), name
            if stream:
                assert words(first.text) == words(again.text) != "", name
                assert "[DONE]" in again.text, name
            else:
                assert first.json()["choices"] == again.json()["choices"], name
