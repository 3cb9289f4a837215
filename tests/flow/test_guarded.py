"""What a tenant's policy does to chats and documents, through the product's own surface."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from infra.simulator import Fault
from shared.core.rules import OutputRules, Rules
from shared.ports.rules import Edition
from tests.flow.house import House

CHAT = "/v1/chat/completions"


def question(text: str = "Say something about tea", **more: Any) -> dict[str, Any]:
    """A chat that nobody else asks."""
    said = f"{text}, number {uuid4().hex}."
    return {"model": "auto", "messages": [{"role": "user", "content": said}], **more}


async def in_force(house: House, **rules: Any) -> None:
    """Put a policy in force, as an operator would."""
    edition = Edition(Rules(version=1, **rules), house.services.clock.now(), "test")
    await house.services.keys.book.add(house.tenant, edition)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_may_not_be_said_is_not(house: House, stream: bool) -> None:
    """It ends with an error that says so before the phrase is out, it is not stored, and nothing stays held."""
    await in_force(house, output=OutputRules(phrases=("camellia  SINENSIS",)))
    asked = question(stream=stream)
    async with house.client() as client:
        for _ in range(2):
            answer = await client.post(CHAT, json=asked)
            assert "sinensis" not in answer.text.lower()
            assert "content_filter" in answer.text
            assert answer.status_code in (200, 400) if stream else answer.status_code == 400
            assert "[DONE]" not in answer.text
            assert (await house.quiet()).held == 0
    assert house.simulator.calls()


async def test_what_may_not_be_said_is_masked(house: House) -> None:
    """Readers, log and cache have the mask, to the byte the same."""
    await in_force(house, output=OutputRules(phrases=("Camellia sinensis",), then="mask"))
    asked = question()
    async with house.client() as client:
        first = await client.post(CHAT, json=asked)
        await house.quiet()
    assert "\N{FULL BLOCK}" in first.json()["choices"][0]["message"]["content"]
    assert "sinensis" not in first.text


async def test_types_are_removed_from_answers(house: House) -> None:
    """What a model says of its own is taken out; what the caller said comes back."""
    await in_force(
        house, redact=frozenset({"PHONE"}), output=OutputRules(types=frozenset({"EMAIL"}), then="mask")
    )
    async with house.client() as client:
        answer = await client.post(CHAT, json=question("Say something about ada@example.com"))
    assert answer.status_code == 200
    assert "ada@example.com" not in answer.text


async def test_only_what_is_allowed_is_asked(house: House) -> None:
    """A choice goes among the models allowed; one that is named and is not is a 403; so is a step with none left."""
    await in_force(house, providers=frozenset({"anthropic"}))
    async with house.client() as client:
        for model in ("auto", "auto:cheap", "auto:best"):
            answer = await client.post(CHAT, json=question(model=model))
            assert answer.headers["x-chatsmart-model"].startswith("claude")
        refused = await client.post(CHAT, json=question(model="gpt-6-luna"))
        document = await client.post("/v1/documents", json={"pipeline": "article", "brief": "Why tea cools"})
    assert (refused.status_code, document.status_code) == (403, 403)
    assert "policy" in refused.json()["error"]["message"]
    assert "step 'research'" in document.json()["detail"]
    assert {call.provider for call in house.simulator.calls()} == {"anthropic"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_asked_once_more_in_the_tenants_words(house: House, stream: bool) -> None:
    """The caller gets the second answer; the model was told what to do instead."""
    await in_force(house, when_refused="Answer in general terms, without instructions.")
    house.simulator.plan(Fault("refuse"), times=1)
    async with house.client() as client:
        answer = await client.post(CHAT, json=question(model="gpt-6-luna", stream=stream))
        assert (await house.quiet()).held == 0
    assert answer.status_code == 200
    assert '"refusal":"' not in answer.text
    one, two = (call.body.decode() for call in house.simulator.calls())
    assert "in general terms" not in one
    assert "in general terms" in two


@pytest.mark.parametrize("model", ["gpt-6-luna", "gemini-4-argon"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_repeat_knows_nothing_of_what_was_declined(house: House, stream: bool, model: str) -> None:
    """What is told again out of the log is what the caller got: the second answer."""
    await in_force(house, when_refused="Answer in general terms.")
    house.simulator.plan(Fault("refuse"), times=1)
    asked, headers = question(model=model, stream=stream), {"idempotency-key": uuid4().hex}
    async with house.client() as client:
        first = await client.post(CHAT, json=asked, headers=headers)
        await house.quiet()
        again = await client.post(CHAT, json=asked, headers=headers)
    assert len(house.simulator.calls()) == 2
    assert told(again.text, stream=stream) == told(first.text, stream=stream)


def told(answer: str, *, stream: bool) -> list[tuple[str, str, str | None]]:
    """Text, refusal and ends of an answer."""
    bodies = [line[6:] for line in answer.splitlines() if line.startswith("data: {")] if stream else [answer]
    choices = [choice for body in bodies for choice in orjson.loads(body)["choices"]]
    pieces = [choice["delta" if stream else "message"] for choice in choices]
    said = ["".join(piece.get(what) or "" for piece in pieces) for what in ("content", "refusal")]
    return [(said[0], said[1], choice["finish_reason"]) for choice in choices if choice["finish_reason"]]


async def test_without_words_for_it_a_refusal_stands(house: House) -> None:
    """Nobody else is asked."""
    house.simulator.plan(Fault("refuse"), times=1)
    async with house.client() as client:
        answer = await client.post(CHAT, json=question(model="gpt-6-luna"))
    assert answer.json()["choices"][0]["message"]["refusal"]
    assert len(house.simulator.calls()) == 1


async def test_a_refused_step_goes_on_in_the_tenants_words(house: House) -> None:
    """The document is written, and its replay knows the words that were used."""
    await in_force(house, when_refused="Write for children.", cache="off")
    house.simulator.plan(Fault("refuse"), times=1)
    brief = {"pipeline": "product_description", "brief": f"A teapot of cast iron, {uuid4().hex}"}
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=brief)).json()
        replay = (await client.post(f"/v1/documents/{document['id']}/replay")).json()
    assert document["status"] == "finished"
    assert any("Write for children." in call.body.decode() for call in house.simulator.calls())
    assert (replay["identical"], replay["drift"]) == (True, "")


async def test_a_short_answer_where_money_is_short(house: House) -> None:
    """Instead of a refusal, the cheapest model is asked for a short one in the tenant's words."""
    async with house.client() as client:
        asked = question(max_completion_tokens=30_000)
        await client.put("/v1/policy", json={"spend": {"run_micros": 20_000}})
        refused = await client.post(CHAT, json=asked)
        assert refused.status_code == 402
        assert not house.simulator.calls()
        await in_force(house, when_over_budget="Answer in two sentences.")
        other = await house.services.keys.rules(house.tenant)
        assert other.when_over_budget
        await client.put(
            "/v1/policy", json={"spend": {"run_micros": 20_000}}
        )  # binds the new policy here at once
        answer = await client.post(CHAT, json=asked)
    assert answer.status_code == 200
    (call,) = house.simulator.calls()
    assert "Answer in two sentences." in call.body.decode()


async def test_money_is_held_for_a_short_answer_with_a_key(house: House) -> None:
    """The hold that was refused and the one for less are of the same run: the end of the first is not the second's."""
    await in_force(house, when_over_budget="Be brief.", cache="off")
    house.simulator.plan(Fault("pace", tpot_ms=20), times=None)
    asked = question(model="gpt-6-luna", max_tokens=30_000, stream=True)
    async with house.client() as client:
        await client.put("/v1/policy", json={"spend": {"day_micros": 20_000}})
        headers = {"idempotency-key": uuid4().hex}
        async with client.stream("POST", CHAT, json=asked, headers=headers) as answer:
            assert answer.status_code == 200
            assert (await house.balance()).held > 0
    assert (await house.quiet()).held == 0
