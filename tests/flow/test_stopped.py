"""The kill switch over HTTP, on real stores and in two processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from infra.simulator import Pace
from shared.adapters.sealed import fresh_key
from shared.bootstrap import services
from shared.core.tenant import Principal
from shared.tenancy.keys import Keyring
from tests.flow.house import House, opened, served
from tests.stores import Addresses

ORDER = {"pipeline": "article", "brief": "How lighthouses are run today", "words": 300}
STOP = {"scope": "all", "reason": "the bill runs away"}


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """A product in which nothing is stopped, before and after."""
    pace = Pace(ttft=0.01, tpot=0.003)
    async with opened(addresses, pace=pace, secret_key=fresh_key()) as found:
        yield found
        for scope in ("all", "llama"):
            await found.services.stops.resume(scope, "test", found.services.clock.now())


async def _operator(house: House) -> str:
    engine = house.services
    owner = Principal(house.tenant, "test", scopes=frozenset({"member", "operator"}))
    _, secret = await Keyring(engine.keys, engine.clock, engine.ids).create(owner, "ops", scopes=owner.scopes)
    return secret


@asynccontextmanager
async def _beside(house: House) -> AsyncIterator[str]:
    """A second process of the same product: its address."""
    async with served(services(house.services.settings)) as url:
        yield url


def _question(text: str, model: str = "auto") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


async def test_all_that_costs_money_is_a_503_in_every_process(house: House) -> None:
    """From the moment that the operator is answered; what is stored, read and replayed goes on; and back again."""
    key = await _operator(house)
    async with house.client(key) as client, _beside(house) as url:
        asked = _question("Why does tea cool?")
        assert (await client.post("/v1/chat/completions", json=asked)).status_code == 200
        written = (await client.post("/v1/documents", json=ORDER)).json()
        assert written["status"] == "finished"
        async with asyncio.timeout(5):
            while house.services.recalled._storing:  # noqa: ASYNC110  # nobody is told when it is stored
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=url, headers=client.headers, timeout=30) as other:
            assert (await other.post("/v1/chat/completions", json=_question("warm"))).status_code == 200
            assert (await client.put("/v1/operator/stop", json=STOP)).status_code == 200
            sent = len(house.simulator.calls())
            for each in (client, other):
                refused = await each.post("/v1/chat/completions", json=_question("Is it new?"))
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "stopped"
                assert refused.headers["retry-after"] == "30"
                assert "the bill runs away" in refused.json()["error"]["message"]
                order = await each.post("/v1/documents", json=ORDER)
                assert (order.status_code, order.headers["retry-after"]) == (503, "30")
                again = f"/v1/documents/{written['id']}/rerun"
                assert (await each.post(again, json={})).status_code == 503
                hit = await each.post("/v1/chat/completions", json=asked)
                assert (hit.status_code, hit.headers["x-chatsmart-cache"]) == (200, "hit")
                assert (await each.get(f"/v1/documents/{written['id']}")).status_code == 200
                replay = await each.post(f"/v1/documents/{written['id']}/replay")
                assert replay.json()["identical"]
            assert len(house.simulator.calls()) == sent
            assert (await house.quiet()).held == 0
            assert (await other.delete("/v1/operator/stop?scope=all")).status_code == 204
            for each in (client, other):
                answer = await each.post("/v1/chat/completions", json=_question("Is it new again?"))
                assert answer.status_code == 200


async def test_a_document_under_way_waits_and_goes_on(house: House) -> None:
    """Its next step is not asked; nothing fails, nothing paid for is lost; let go on, it is finished."""
    key = await _operator(house)
    engine, who = house.services, Principal(house.tenant, "test")
    async with house.client(key) as client:
        document = await engine.documents.start(who, engine.documents.read(ORDER))
        async for event in engine.documents.follow(who, document.id):
            if event.name in ("step", "token"):
                break
        assert (await client.put("/v1/operator/stop", json=STOP)).status_code == 200
        async with asyncio.timeout(10):
            while document.id in engine.documents.works.tasks:  # noqa: ASYNC110  # it ends when its step ends
                await asyncio.sleep(0.02)
        assert (await engine.documents.get(who, document.id)).status == "running"
        assert await engine.documents.adopt_orphans() == 0
        assert not await engine.documents.adopt(document.id)
        assert (await client.delete("/v1/operator/stop")).status_code == 204
        assert await engine.documents.see_through(document.id)
        done = await engine.documents.get(who, document.id)
        assert done.status == "finished"
        assert (await engine.documents.replay(who, document.id)).identical
        assert len(house.simulator.calls("perplexity")) == 1


async def test_our_own_tier_stops_alone(house: House) -> None:
    """Its models are not asked, also where Redis forgot that they are in quarantine; a ladder goes on without them."""
    async with house.client(await _operator(house)) as client:
        stop = {"scope": "llama", "reason": "GPUs are short"}
        assert (await client.put("/v1/operator/stop", json=stop)).status_code == 200
        rows = (await client.get("/v1/operator/providers")).json()["data"]
        ours = [row for row in rows if row["provider"] == "llama"]
        assert ours
        assert {row["state"] for row in ours} == {"quarantined"}
        assert all("GPUs are short" in row["why"] for row in ours)
        early = await client.post("/v1/chat/completions", json=_question("Hi", ours[0]["model"]))
        assert (early.status_code, early.json()["error"]["code"]) == (503, "stopped")
        await house.services.health.forget()
        refused = await client.post("/v1/chat/completions", json=_question("Hi", ours[0]["model"]))
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "stopped"
        assert house.simulator.calls("llama") == ()
        assert (await client.post("/v1/chat/completions", json=_question("Hi"))).status_code == 200
        assert (await client.delete("/v1/operator/stop?scope=llama")).status_code == 204
        answer = await client.post("/v1/chat/completions", json=_question("Hi", ours[0]["model"]))
        assert answer.status_code == 200


async def test_what_is_stopped_is_told_and_kept(house: House) -> None:
    """What, why, since when, by whom; afterwards it is in the record."""
    async with house.client(await _operator(house)) as client:
        told = (await client.put("/v1/operator/stop", json=STOP)).json()
        assert (told["scope"], told["reason"]) == ("all", "the bill runs away")
        assert told["by"].startswith("key_")
        found = (await client.get("/v1/operator/stop")).json()
        assert [row["scope"] for row in found["data"]] == ["all"]
        await client.delete("/v1/operator/stop")
        found = (await client.get("/v1/operator/stop")).json()
        assert found["data"] == []
        assert [(row["scope"], row["stopped"], row["reason"]) for row in found["history"][:2]] == [
            ("all", False, ""),
            ("all", True, "the bill runs away"),
        ]
        assert found["history"][0]["by"] == told["by"]


@pytest.mark.parametrize(
    "body", [{}, {"scope": "some", "reason": "x"}, {"scope": "all"}, {"scope": "all", "reason": " "}]
)
async def test_a_stop_without_scope_or_reason_is_refused(house: House, body: dict[str, str]) -> None:
    """And stops nothing."""
    async with house.client(await _operator(house)) as client:
        assert (await client.put("/v1/operator/stop", json=body)).status_code == 400
        assert (await client.get("/v1/operator/stop")).json()["data"] == []


async def test_the_switch_is_for_operators(house: House) -> None:
    """A tenant's key may not even look."""
    async with house.client() as client:
        assert (await client.put("/v1/operator/stop", json=STOP)).status_code == 403
        assert (await client.get("/v1/operator/stop")).status_code == 403
        assert (await client.delete("/v1/operator/stop")).status_code == 403
        assert (await client.get("/v1/operator/capacity")).status_code == 403
