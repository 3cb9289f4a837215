"""A tenant's policy over HTTP on real stores: put, shown, remembered, and one tenant's alone."""

import asyncio
import re
import time
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from shared.bootstrap import services
from shared.core.ids import TenantId
from shared.core.rules import Rules
from shared.core.tenant import Principal
from shared.ports.rules import Edition
from shared.tenancy.keys import Keyring
from tests.contract.samples import AT
from tests.flow.house import House, served
from tests.stores import Addresses, Stores

CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "Say something about tea."}],
}
PARTS = ("models", "redact", "cache", "log", "fallback", "output", "retention", "legal_hold")
FULL: dict[str, Any] = {
    "models": {"providers": ["anthropic", "llama"], "regions": ["global", "own"], "models": None},
    "redact": ["CARD", "EMAIL"],
    "cache": {"tier": "exact", "seconds": 600},
    "log": {"bodies": False},
    "fallback": {"when_refused": "Say why not.", "when_over_budget": "Be brief. \u00e9"},
    "output": {"phrases": ["Project Nimbus"], "types": ["SECRET"], "then": "mask"},
    "retention": {"bodies": 30, "vault": 7},
    "legal_hold": True,
}


async def operator_of(house: House) -> str:
    """An operator's key of the tenant."""
    engine = house.services
    owner = Principal(house.tenant, "test", scopes=frozenset({"member", "operator"}))
    _, secret = await Keyring(engine.keys, engine.clock, engine.ids).create(
        owner, "operator", scopes=frozenset({"member", "operator"})
    )
    return secret


async def test_a_policy_is_put_and_shown(house: House) -> None:
    """Every part as it was given, with a version; a part that is left out stays, and limits make no version."""
    async with house.client(await operator_of(house)) as client:
        before = (await client.get("/v1/policy")).json()
        put = await client.put("/v1/policy", json=FULL | {"spend": {"day_micros": 9}})
        again = await client.put("/v1/policy", json=FULL)
        part = (await client.put("/v1/policy", json={"cache": {"tier": "off"}})).json()
        limits = (await client.put("/v1/policy", json={"rate": {"requests_per_minute": 50}})).json()
        shown = (await client.get("/v1/policy")).json()
    assert (before["version"], before["redact"], before["models"]["providers"]) == (0, ["*"], None)
    assert put.status_code == 200
    assert {name: put.json()[name] for name in PARTS} == FULL
    assert (put.json()["version"], put.json()["own"]["day_micros"]) == (1, 9)
    assert again.json()["version"] == 1  # the same is no new version
    assert (part["version"], part["cache"]) == (2, {"tier": "off", "seconds": 86_400})
    assert {name: part[name] for name in PARTS if name != "cache"} == {
        name: FULL[name] for name in PARTS if name != "cache"
    }
    assert (limits["version"], limits["own"]["day_micros"]) == (2, 9)
    assert shown == limits


async def test_a_history_is_kept(house: House) -> None:
    """Every version, newest first, in pages, with who put it in force; what was shown can be put back."""
    async with house.client(await operator_of(house)) as client:
        for seconds in (1, 2, 3):
            await client.put("/v1/policy", json={"cache": {"seconds": seconds}})
        first = (await client.get("/v1/policy/history", params={"limit": 2})).json()
        rest = (await client.get("/v1/policy/history", params={"limit": 2, "after": first["next"]})).json()
        old = {name: rest["data"][0][name] for name in PARTS}
        back = (await client.put("/v1/policy", json=old)).json()
        wrong = await client.get("/v1/policy/history", params={"after": "x"})
    rows = first["data"] + rest["data"]
    assert [(row["version"], row["cache"]["seconds"]) for row in rows] == [(3, 3), (2, 2), (1, 1)]
    assert (first["next"], rest["next"]) == ("2", None)
    assert {row["by"][:4] for row in rows} == {"key_"}
    assert rows[0]["at"] > rows[1]["at"] > rows[2]["at"]
    assert (back["version"], back["cache"]["seconds"]) == (4, 1)
    assert wrong.status_code == 400


async def test_two_tenants_have_two_policies(house: House) -> None:
    """Neither sees, changes nor obeys the other's."""
    async with house.client() as one, house.client(house.other_key) as two:
        await one.put("/v1/policy", json={"models": {"providers": ["anthropic"]}})
        await two.put("/v1/policy", json={"models": {"providers": ["gemini"]}})
        shown = [(await client.get("/v1/policy")).json() for client in (one, two)]
        pages = [(await client.get("/v1/policy/history")).json()["data"] for client in (one, two)]
    assert [policy["models"]["providers"] for policy in shown] == [["anthropic"], ["gemini"]]
    assert [policy["version"] for policy in shown] == [1, 1]
    assert [[row["models"]["providers"] for row in page] for page in pages] == [[["anthropic"]], [["gemini"]]]


async def test_a_policy_binds_at_once(house: House) -> None:
    """The next request of the tenant is routed by it, and refused with its name where nobody is left."""
    async with house.client() as client:
        before = await client.post(CHAT, json=HELLO)
        await client.put("/v1/policy", json={"models": {"providers": ["anthropic"]}})
        sent = len(house.simulator.calls())
        refused = await client.post(CHAT, json=HELLO)
        assert len(house.simulator.calls()) == sent
        chosen = await client.post(CHAT, json=HELLO | {"model": "auto"})
    async with house.client(house.other_key) as client:
        other = await client.post(CHAT, json=HELLO)
    assert (before.status_code, refused.status_code, chosen.status_code, other.status_code) == (
        200,
        403,
        200,
        200,
    )
    assert "policy (version 1) does not allow the model 'gpt-6-luna'" in refused.json()["error"]["message"]
    assert chosen.json()["model"].startswith("claude-")
    assert (await house.quiet()).held == 0


async def test_a_change_in_another_process_binds_within_seconds(house: House) -> None:
    """What was looked up of a key is remembered for two of them."""
    async with (
        served(services(house.services.settings)) as url,
        house.client() as here,
        httpx.AsyncClient(base_url=url, headers=house.auth) as there,
    ):
        assert (await here.post(CHAT, json=HELLO)).status_code == 200
        put = await there.put("/v1/policy", json={"models": {"providers": ["anthropic"]}})
        changed = time.monotonic()
        assert put.status_code == 200
        assert (await there.post(CHAT, json=HELLO)).status_code == 403
        async with asyncio.timeout(5):
            while (await here.post(CHAT, json=HELLO)).status_code == 200:  # noqa: ASYNC110  # it is another process's
                await asyncio.sleep(0.05)
        assert time.monotonic() - changed < 2.5


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (
            {"models": {"providers": ["anthropic", "acme"]}},
            "models.providers",
            "'acme'.*anthropic, gemini, llama",
        ),
        ({"models": {"models": ["gpt-5"]}}, "models.models", "'gpt-5'.*gpt-6-luna"),
        ({"models": {"regions": ["moon"]}}, "models.regions", "'moon'.*eu, global, own, us"),
        ({"redact": ["EMAIL", "AURA"]}, "redact", "'AURA'.*EMAIL"),
        ({"retention": {"dreams": 3}}, "retention.dreams", "bodies.*vault"),
        ({"cache": {"tier": "far"}}, "cache.tier", "off, exact, near"),
        ({"moods": {}}, "moods", "spend, rate, models, redact"),
        ({"cache": {"tier": "off"}, "spend": {"day_micros": -1}}, "day_micros", "between"),
        ({"spend": {"day_micros": 5}, "output": {"phrases": [1]}}, "output.phrases", "text"),
        ({}, "spend", "At least one part"),
    ],
)
async def test_what_cannot_be_changes_nothing(house: House, body: Any, param: str, said: str) -> None:
    """The field is named, with those that there are; of several parts none is taken."""
    async with house.client() as client:
        before = (await client.get("/v1/policy")).json()
        refused = await client.put("/v1/policy", json=body)
        after = (await client.get("/v1/policy")).json()
    assert (refused.status_code, refused.json()["param"]) == (400, param)
    assert re.search(said, refused.json()["detail"])
    assert after == before


async def test_a_member_tightens_and_an_operator_loosens(house: House) -> None:
    """The refusal names the field."""
    async with house.client() as member, house.client(await operator_of(house)) as operator:
        tight = {"models": {"providers": ["openai"]}, "legal_hold": True, "output": {"phrases": ["x"]}}
        assert (await member.put("/v1/policy", json=tight)).status_code == 200
        loose: list[tuple[dict[str, Any], str]] = [
            ({"models": {}}, "models.providers"),
            ({"legal_hold": False}, "legal_hold"),
            ({"output": {}}, "output.phrases"),
            ({"redact": []}, "redact"),
            ({"log": {"bodies": False}}, "log.bodies"),
            ({"retention": {"bodies": 1}}, "retention"),
        ]
        for body, param in loose:
            refused = await member.put("/v1/policy", json=body)
            assert (refused.status_code, refused.json()["param"]) == (403, param)
        for body, _ in loose:
            assert (await operator.put("/v1/policy", json=body)).status_code == 200
        bound = (await member.post("/v1/keys", json={"name": "b", "limits": {"day_micros": 5}})).json()["key"]
    async with house.client(bound) as client:
        assert (await client.put("/v1/policy", json={"cache": {}})).status_code == 403


async def test_a_policy_that_is_not_understood_opens_nothing(house: House, addresses: Addresses) -> None:
    """A newer release's rule is not ignored: the tenant's requests end with a fault that says so; nobody else's do."""
    connection = await asyncpg.connect(addresses.admin)
    await connection.execute(
        "insert into tenant_rules values ($1, 1, '{\"telepathy\": true}', now(), 'newer')", house.tenant
    )
    await connection.close()
    async with house.client() as client:
        answers = [await client.get("/v1/policy"), await client.post(CHAT, json=HELLO)]
    async with house.client(house.other_key) as client:
        other = await client.get("/v1/policy")
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].json()["code"] == "policy_unreadable"
    assert "'telepathy'" in answers[0].json()["detail"]
    assert answers[1].json()["error"]["code"] == "policy_unreadable"
    assert not house.simulator.calls()
    assert other.status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "update tenant_rules set rules = '{}' where tenant_id = $1",
        "delete from tenant_rules where tenant_id = $1",
    ],
)
async def test_no_version_is_ever_changed(
    stores: Stores, addresses: Addresses, tenant: TenantId, statement: str
) -> None:
    """Not by the app acting for the tenant itself."""
    await stores.keys.ensure_tenant(tenant, "One")
    await stores.keys.book.add(tenant, Edition(Rules(version=1), AT, "test"))
    connection = await asyncpg.connect(addresses.app)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('role', 'authenticated', true)")
            claims = orjson.dumps({"role": "authenticated", "tenant_id": tenant}).decode()
            await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement, tenant)
    finally:
        await connection.close()
    assert (await stores.keys.rules(tenant)).version == 1
