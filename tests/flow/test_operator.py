"""What an operator sees of a provider that fails, and does about it, over HTTP on real stores."""

import asyncio
from typing import Any

import httpx

from infra.simulator.faults import Fault
from shared.adapters.redis.health import BEAT
from shared.core.tenant import Principal
from shared.models.breaker import RULES
from shared.tenancy.keys import Keyring
from tests.flow.house import House

LUNA = "gpt-6-luna"


async def _operator(house: House) -> str:
    services = house.services
    owner = Principal(house.tenant, "test", scopes=frozenset({"member", "operator"}))
    _, secret = await Keyring(services.keys, services.clock, services.ids).create(
        owner, "ops", scopes=owner.scopes
    )
    return secret


async def _asked(client: httpx.AsyncClient, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Why does tea cool?"}]}
    return await client.post("/v1/chat/completions", json=body)


async def _row(client: httpx.AsyncClient, model: str) -> dict[str, Any]:
    answer = await client.get("/v1/operator/providers")
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = next(row for row in answer.json()["data"] if row["model"] == model)
    return row


async def test_a_failing_model_is_seen_and_spared(house: House) -> None:
    """Its breaker opens though it is the only route, is shown with reason and time, and no more calls are sent."""
    house.simulator.plan(Fault("status", status=500), "openai", times=None)
    async with house.client(await _operator(house)) as client:
        for _ in range(RULES.in_a_row):
            assert (await _asked(client, LUNA)).status_code >= 500
        sent = len(house.simulator.calls())
        assert (await _asked(client, LUNA)).status_code == 503
        assert len(house.simulator.calls()) == sent
        row = await _row(client, LUNA)
    assert (row["state"], row["calls"], row["failures"]) == ("open", RULES.in_a_row, RULES.in_a_row)
    assert row["until"]
    assert LUNA in row["why"]


async def test_a_quarantined_model_is_not_called(house: House) -> None:
    """From the moment that the operator is answered, and again from the moment that it is released."""
    async with house.client(await _operator(house)) as client:
        why = {"model": LUNA, "why": "drifts"}
        assert (await client.post("/v1/operator/quarantine", json=why)).status_code == 200
        sent = len(house.simulator.calls())
        assert (await _asked(client, LUNA)).status_code >= 400
        assert len(house.simulator.calls()) == sent
        await asyncio.sleep(BEAT + 0.1)  # a new picture says the same
        assert (await _row(client, LUNA))["why"] == "drifts"
        assert (await _asked(client, LUNA)).status_code >= 400
        assert (await client.delete(f"/v1/operator/quarantine/{LUNA}")).status_code == 204
        assert (await _asked(client, LUNA)).status_code == 200


async def test_members_see_none_of_it(house: House) -> None:
    """Other tenants' traffic is in these figures."""
    async with house.client() as client:
        answer = await client.get("/v1/operator/providers")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
