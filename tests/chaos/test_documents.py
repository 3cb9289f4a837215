"""A document while its providers misbehave on the wire: whole text or a clear error, a correct log, no held money."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from infra.simulator import Fault
from tests.flow.house import House, opened
from tests.stores import Addresses

ORDER = {"pipeline": "article", "brief": "How canals are dug and kept", "words": 250}
QUICK: dict[str, Any] = {
    "first_token_seconds": 0.3,
    "thinking_first_token_seconds": 0.3,
    "between_tokens_seconds": 0.3,
}


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """The whole product with short patience."""
    async with opened(addresses, **QUICK) as found:
        yield found


async def article(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """A document, waited for."""
    answer = await client.post("/v1/documents", json=ORDER | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def outcomes(client: httpx.AsyncClient, document: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """The log's rows on the legs of a step; every intent has its outcome."""
    rows = (await client.get(f"/v1/audit/{document['id']}/tape")).json()["entries"]
    mine = [row for row in rows if row["step"] == step]
    intents = [row for row in mine if row["kind"] == "intent"]
    ended = [row for row in mine if row["kind"] == "outcome"]
    assert len(intents) == len(ended)
    return ended


BROKEN = [
    Fault("status", status=500),
    Fault("status", status=503),
    Fault("status", status=529),
    Fault("status", status=429, retry_after=1),
    Fault("status", status=401),
    Fault("status", status=403),
    Fault("status", status=404),
    Fault("drop"),
    Fault("stall_headers"),
    Fault("stall"),
    Fault("stall", after_chunks=7),
    Fault("reset", after_chunks=0),
    Fault("reset", after_chunks=7),
    Fault("cut", after_chunks=7),
    Fault("close", after_chunks=7),
    Fault("cut", after_bytes=1234),
    Fault("malformed", after_chunks=7),
    Fault("error_event", after_chunks=7),
    Fault("junk_body"),
]


@pytest.mark.parametrize(
    "fault", BROKEN, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.after_chunks}"
)
async def test_a_failing_provider_is_replaced_by_the_next_rung(house: House, fault: Fault) -> None:
    """The draft's first model fails in some way: another one writes it, the document is whole, the failed leg is in
    the log and not on the bill, and the replay gives the same bytes."""
    house.simulator.plan(fault, "anthropic")
    async with house.client() as client:
        document = await article(client)
        assert (document["status"], document["error"]) == ("finished", None)
        step = next(step for step in document["steps"] if step["name"] == "draft")
        assert (step["model"], step["legs"]) == ("gpt-6.1-terra", 2)
        first, second = await outcomes(client, document, "draft")
        assert first["fault"]
        assert first["finish"] == "error"
        assert not second["fault"]
        assert step["cost_micros"] == second["cost"]
        replayed = (await client.post(f"/v1/documents/{document['id']}/replay")).json()
        assert (replayed["identical"], replayed["drift"], replayed["text"]) == (True, "", document["text"])
    assert (await house.quiet()).spent == document["cost_micros"]


async def test_readers_are_told_who_goes_on(house: House) -> None:
    """Text of a leg that broke stands: `spliced` says how another goes on from it, and all of it is the whole text."""
    house.simulator.plan(Fault("reset", after_chunks=7), "anthropic")
    async with house.client() as client:
        answer = await client.post("/v1/documents", json=ORDER | {"stream": True})
    shown, joins = "", []
    for block in answer.text.split("\n\n"):
        name, data = block.partition("event: ")[2].partition("\ndata: ")[::2]
        told = httpx.Response(200, content=data).json() if name in ("spliced", "token") else {}
        if name == "spliced":
            assert shown
            joins.append(told["how"])
        elif told.get("step") == "draft":
            shown += told["text"]
    assert len(joins) == 1
    assert joins[0] in ("continued", "exact", "folded", "fuzzy")
    assert shown.startswith("# ")
    assert shown.count("\n# ") == 0


async def test_a_refusal_is_the_callers_answer(house: House) -> None:
    """A model that declines is not routed round: the document fails with the refusal, nobody else is asked."""
    house.simulator.plan("refuse", "anthropic", times=None)
    async with house.client() as client:
        document = await article(client)
        assert (document["status"], document["error"]["code"]) == ("failed", "content_refused")
    assert [call.provider for call in house.simulator.calls()] == ["perplexity", "anthropic"]
    assert (await house.quiet()).held == 0


@pytest.mark.parametrize(
    "fault",
    [Fault("status", status=503), Fault("drop"), Fault("stall_headers"), Fault("reset", after_chunks=5)],
)
async def test_everything_down_is_a_clear_failure(house: House, fault: Fault) -> None:
    """No provider answers: the document fails naming a provider's fault, costs its owner nothing and holds nothing."""
    house.simulator.plan(replace(fault), times=None)
    async with house.client() as client:
        document = await article(client)
        assert (document["status"], document["text"], document["cost_micros"]) == ("failed", "", 0)
        assert document["error"]["code"].startswith("provider_")
        assert document["error"]["message"]
        replayed = (await client.post(f"/v1/documents/{document['id']}/replay")).json()
        assert (replayed["identical"], replayed["drift"]) == (True, "")
    balance = await house.quiet()
    assert (balance.held, balance.spent) == (0, 0)


async def test_a_shape_that_fails_is_tried_again(house: House) -> None:
    """A polish that ends before it has its sections is retried by the step; the second attempt is whole."""
    house.simulator.plan("empty", "openai", match="You are an editor")
    async with house.client() as client:
        document = await article(client)
        assert document["status"] == "finished"
        assert len(await outcomes(client, document, "polish")) == 2


async def test_a_budget_that_runs_out_ends_before_it_is_passed(house: House) -> None:
    """A budget that pays for the research but not for the rest: a clear failure, never a cent over."""
    async with house.client() as client:
        document = await article(client, budget_micros=20_000)
        assert (document["status"], document["error"]["code"]) == ("failed", "over_budget")
        assert "would fit" in document["error"]["message"]
        assert document["cost_micros"] <= 20_000
    assert (await house.quiet()).spent == document["cost_micros"]
