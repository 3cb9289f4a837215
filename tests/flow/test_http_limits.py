"""Caps and rates over HTTP on real stores: what a key may spend, how fast it may go, and what it is told."""

import asyncio
from typing import Any

import httpx
import pytest

from infra.simulator import Fault
from shared.core.ids import KeyId
from shared.core.limit import Cap
from tests.flow.house import House

CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "Say something about tea."}],
}
ARTICLE: dict[str, Any] = {"pipeline": "article", "brief": "A short piece about tea."}


async def bound(house: House, **limits: int) -> tuple[str, str]:
    """A key with limits: its id and its secret."""
    async with house.client() as client:
        made = (await client.post("/v1/keys", json={"name": "bound", "limits": limits})).json()
    return made["id"], made["key"]


ANEW = {"x-chatsmart-cache": "off"}
"""Past the cache: an answer out of it needs no money."""


async def worst(house: House) -> int:
    """What a chat holds at most, as its refusal tells it under a cap of 0."""
    _, secret = await bound(house, run_micros=0)
    async with house.client(secret) as client:
        refused = await client.post(CHAT, json=HELLO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_quota")
    assert "this key's cap of a run" in refused.json()["error"]["message"]
    dollars = refused.json()["error"]["message"].split("$")[1].split(",")[0]
    return round(float(dollars) * 1e6)


@pytest.mark.parametrize("period", ["day", "month"])
async def test_a_keys_cap_binds_that_key_alone(house: House, period: str) -> None:
    """The refusal names the cap and what is free, nothing is sent, and the tenant's other keys go on."""
    most = await worst(house)
    id_, secret = await bound(house, **{f"{period}_micros": most})
    sent = len(house.simulator.calls())
    async with house.client(secret) as client:
        first = await client.post(CHAT, json=HELLO, headers=ANEW)
        await house.quiet()
        second = await client.post(CHAT, json=HELLO, headers=ANEW)
        policy = (await client.get("/v1/policy")).json()
    async with house.client() as client:
        other = await client.post(CHAT, json=HELLO, headers=ANEW)
    assert (first.status_code, second.status_code, other.status_code) == (200, 402, 200)
    assert f"this key's cap of ${most / 1e6:.6f}".rstrip("0") in second.json()["error"]["message"]
    assert f"a {period} is free" in second.json()["error"]["message"]
    assert len(house.simulator.calls()) == sent + 2
    cost = int(first.headers["x-chatsmart-cost-micros"])
    (mine,) = [one for one in policy["now"] if one["scope"] == "key"]
    assert (mine["spent_micros"], mine["held_micros"], mine["left_micros"]) == (cost, 0, most - cost)
    await house.quiet()
    cap = Cap("key", KeyId(id_), "day", None)
    ledger = house.services.ledger
    await house.services.redis.commands.delete(f"cs:{{{house.tenant}}}:ledger:spent")
    assert (await ledger.balance(house.tenant, [cap]))[0].spent == cost  # rebuilt from the log, by its actor


async def test_a_cap_holds_however_many_ask_at_once(house: House) -> None:
    """As many are let through as fit, and what they cost stays under it."""
    most = await worst(house)
    _, secret = await bound(house, day_micros=3 * most)
    async with house.client(secret) as client:
        answers = await asyncio.gather(*(client.post(CHAT, json=HELLO, headers=ANEW) for _ in range(12)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 402}
    assert sum(int(a.headers["x-chatsmart-cost-micros"]) for a in answers if a.status_code == 200) <= 3 * most
    assert (await house.quiet()).held == 0


async def test_a_document_is_refused_before_anything_is_stored(house: House) -> None:
    """By the key's cap of a run; with a budget that fits it is written, and its tokens are charged."""
    _, secret = await bound(house, run_micros=200_000, tokens_per_minute=100_000)
    async with house.client(secret) as client:
        wide = await client.post("/v1/documents", json=ARTICLE | {"budget_micros": 300_000})
        fits = await client.post("/v1/documents", json=ARTICLE | {"budget_micros": 150_000})
        await house.quiet()
        after = await client.post(CHAT, json=HELLO)
        listed = (await client.get("/v1/documents")).json()["data"]
    assert (wide.status_code, wide.json()["code"]) == (402, "over_budget")
    assert "this key's cap of a run" in wide.json()["detail"]
    assert fits.status_code in (200, 201, 202)
    assert len(listed) == 1
    assert int(after.headers["x-ratelimit-remaining-tokens"]) < 49_990


async def test_a_keys_requests_are_limited_by_the_minute(house: House) -> None:
    """Whichever paths they go to; the answers count down, and the refusal says when to come back."""
    _, secret = await bound(house, requests_per_minute=6)
    async with house.client(secret) as client:
        answers = [
            await client.post(CHAT, json=HELLO),
            await client.get("/v1/models"),
            await client.post(CHAT, json=HELLO | {"stream": True}),
            await client.post(CHAT, json=HELLO),
        ]
        listed = await client.get("/v1/keys")
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 10
    assert (listed.status_code, listed.json()["code"]) == (429, "rate_limited")
    assert (await house.quiet()).held == 0


async def test_a_chat_that_a_provider_fails_tells_what_is_left(house: House) -> None:
    """It was charged by its hold, once, and its answer says so."""
    house.simulator.plan(Fault("status", status=400), "openai", times=None)
    _, secret = await bound(house, requests_per_minute=6)
    async with house.client(secret) as client:
        answers = [await client.post(CHAT, json=HELLO) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1"]


async def test_tokens_are_charged_at_last_as_they_were_used(house: House) -> None:
    """The estimate when it begins, the rest when it is over; a debt is waited for."""
    _, secret = await bound(house, tokens_per_minute=60)
    async with house.client(secret) as client:
        first = await client.post(CHAT, json=HELLO, headers=ANEW)
        await house.quiet()
        used = first.json()["usage"]["total_tokens"]
        second: httpx.Response = await client.post(CHAT, json=HELLO, headers=ANEW)
    assert used > 60
    assert first.headers["x-ratelimit-limit-tokens"] == "60"
    assert (second.status_code, second.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert "60 tokens a minute of this key" in second.json()["error"]["message"]
    assert int(second.headers["retry-after"]) >= used - 60


async def test_a_tenants_policy_binds_its_keys(house: House) -> None:
    """Lowered by the tenant itself it holds at once, for every key of it and for nobody else."""
    async with house.client() as client:
        put = await client.put("/v1/policy", json={"spend": {"day_micros": 1}})
        refused = await client.post(CHAT, json=HELLO)
        back = await client.put("/v1/policy", json={"spend": {}})
        served = await client.post(CHAT, json=HELLO)
    async with house.client(house.other_key) as client:
        other = await client.post(CHAT, json=HELLO)
    assert (put.status_code, refused.status_code) == (200, 402)
    assert "this tenant's cap of $0.000001 a day" in refused.json()["error"]["message"]
    assert (back.status_code, served.status_code, other.status_code) == (200, 200, 200)
