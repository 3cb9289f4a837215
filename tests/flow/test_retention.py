"""What is kept, over HTTP and on the command line, on real stores: erased, held, swept, and the log still verifies."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from infra.cli import audit
from infra.cli import retention as verbs
from shared.core.ids import RunId
from shared.core.tenant import Principal
from shared.tenancy.keys import Keyring
from tests.flow.house import House
from tests.stores import Addresses

CHAT = {
    "model": "gpt-6-luna",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "Write to anna.schmidt@example.com about tea."}],
}


async def operator_of(house: House) -> str:
    """An operator's key of the tenant."""
    engine = house.services
    owner = Principal(house.tenant, "test", scopes=frozenset({"member", "operator"}))
    _, secret = await Keyring(engine.keys, engine.clock, engine.ids).create(owner, "ops", scopes=owner.scopes)
    return secret


async def written(client: httpx.AsyncClient) -> str:
    """A finished document's id."""
    answer = await client.post("/v1/documents", json={"pipeline": "article", "brief": "Why bread rises"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def chatted(client: httpx.AsyncClient) -> str:
    """A chat's id."""
    answer = await client.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200, answer.text
    return f"chat_{answer.headers['x-chatsmart-trace']}"


async def sealed(house: House) -> None:
    """Seal the tenant's rows: other workers' transactions may make some wait."""
    seals = house.services.seals
    async with asyncio.timeout(30):
        while (await seals.verify(house.tenant)).unsealed:
            await seals.seal(house.tenant, house.services.clock.now())
            await asyncio.sleep(0.02)


async def verdict(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/v1/audit/verify")).json()
    return found


async def test_a_document_can_be_erased(house: House) -> None:
    """Its words are gone everywhere and at once, its figures are not; the log verifies, and says who did it."""
    async with house.client() as client:
        doc = await written(client)
        before = (await client.get(f"/v1/documents/{doc}")).json()
        await house.quiet()
        await sealed(house)
        erased = await client.delete(f"/v1/documents/{doc}")
        again = await client.delete(f"/v1/documents/{doc}")
        after = (await client.get(f"/v1/documents/{doc}")).json()
        ways = [
            await client.post(f"/v1/documents/{doc}/replay"),
            await client.get(f"/v1/audit/{doc}/tape"),
            await client.get(f"/v1/documents/{doc}/events"),
            await client.post(f"/v1/documents/{doc}/rerun"),
        ]
        evidence = (await client.get("/v1/retention/tombstones", params={"run": doc, "limit": 1})).json()
        found = await verdict(client)
        await sealed(house)
        later = await verdict(client)
    assert erased.status_code == 200
    removed = erased.json()["removed"]
    assert removed["documents"] == removed["streams"] == 1
    assert removed["bodies"] == found["tombstones"] > 3
    assert set(again.json()["removed"].values()) == {0}
    assert (after["text"], after["data"], after["given"], after["status"]) == ("", None, {}, "finished")
    assert (after["cost_micros"], after["steps"]) == (before["cost_micros"], before["steps"])
    assert after["removed"] == erased.json()["at"]
    assert [answer.status_code for answer in ways] == [410] * 4
    assert ways[0].json()["code"] == "gone"
    assert "deletion on demand" in ways[0].json()["detail"]
    assert evidence["next"] == f"{doc}:1"
    assert evidence["data"][0]["by"].startswith("key_")
    assert len(evidence["data"][0]["sha256"]["body"]) == 64
    assert (found["intact"], later["intact"], later["unsealed"]) == (True, True, 0)


async def holding(admin: Any, house: House, word: str) -> set[str]:
    """The tables in which a row of the tenant holds a word, as text or as bytes."""
    tables = await admin.fetch(
        "select c.table_name from information_schema.columns c "
        "join information_schema.tables t using (table_schema, table_name) "
        "where c.table_schema = 'public' and c.column_name = 'tenant_id' and t.table_type = 'BASE TABLE'"
    )
    found = set()
    for (table,) in tables:
        rows = await admin.fetch(
            f'select row_to_json(r)::text as row from public."{table}" r where tenant_id = $1', house.tenant
        )
        if any(word in row["row"] or word.encode().hex() in row["row"] for row in rows):
            found.add(table)
    return found


async def test_nothing_of_it_is_left_in_the_database(house: House, addresses: Addresses) -> None:
    """No row of any table holds a word of an erased chat, and the vault nothing of what was hidden in it."""
    admin = await asyncpg.connect(addresses.admin)
    try:
        async with house.client() as client:
            chat = await chatted(client)
            await house.quiet()
            before = await holding(admin, house, "about tea")
            assert (await client.delete(f"/v1/documents/{chat}")).status_code == 200
        assert "call_log" in before
        assert await holding(admin, house, "about tea") == set()
        assert await holding(admin, house, "anna.schmidt") == set()
        assert await house.services.vault.marks(house.tenant, RunId(chat)) == {}
    finally:
        await admin.close()


async def test_another_tenant_erases_nothing(house: House) -> None:
    """It is told that there is nothing, and sees neither evidence nor holds."""
    async with house.client() as client, house.client(house.other_key) as other:
        doc = await written(client)
        await client.post("/v1/retention/holds", json={"reason": "mine"})
        refused = [
            await other.delete(f"/v1/documents/{doc}"),
            await other.post("/v1/retention/holds", json={"run": doc, "reason": "not mine"}),
        ]
        seen = (await other.get("/v1/retention")).json()
        assert [answer.status_code for answer in refused] == [404, 404]
        assert seen["holds"] == []
        assert (await client.get(f"/v1/documents/{doc}")).json()["text"]


async def test_a_hold_keeps(house: House) -> None:
    """Against a request and against a sweep long after, until an operator releases it."""
    async with house.client() as client, house.client(await operator_of(house)) as boss:
        doc = await written(client)
        await house.quiet()
        hold = await client.post("/v1/retention/holds", json={"run": doc, "reason": "Case 4711"})
        kept = await client.delete(f"/v1/documents/{doc}")
        await later_sweep(house)
        whole = await client.get(f"/v1/audit/{doc}/tape")
        denied = await client.delete(f"/v1/retention/holds/{hold.json()['id']}")
        released = await boss.delete(f"/v1/retention/holds/{hold.json()['id']}")
        await later_sweep(house)
        gone = await client.get(f"/v1/audit/{doc}/tape")
        listed = (await client.get("/v1/retention")).json()
    assert (hold.status_code, kept.status_code, whole.status_code) == (201, 409, 200)
    assert "Case 4711" in kept.json()["detail"]
    assert (denied.status_code, released.status_code, gone.status_code) == (403, 200, 410)
    assert [one["id"] for one in listed["holds"]] == [hold.json()["id"]]
    assert listed["holds"][0]["released_by"].startswith("key_")


async def later_sweep(house: House) -> dict[str, int]:
    """What the job does a hundred days on."""
    services = house.services
    found = await services.retention.sweep(services.clock.now() + timedelta(days=100))
    assert (found.failed, found.unfinished) == (0, False)
    return {str(name): number for name, number in found.figures.items()}


async def test_a_sweep_long_after(house: House) -> None:
    """Words, placeholders and stored answers go together, texts of documents stay; twice changes nothing."""
    async with house.client() as client:
        document, chat = await written(client), await chatted(client)
        await house.quiet()
        await house.services.recalled.close()
        await sealed(house)
        first, second = await later_sweep(house), await later_sweep(house)
        gone = [(await client.get(f"/v1/audit/{run}/tape")).status_code for run in (document, chat)]
        kept = (await client.get(f"/v1/documents/{document}")).json()
        found = await verdict(client)
    assert first["bodies"] >= 2
    assert set(second.values()) == {0}
    assert gone == [410, 410]
    assert kept["text"]
    assert "removed" not in kept
    assert await house.services.vault.marks(house.tenant, RunId(chat)) == {}
    assert (found["intact"], found["tombstones"] > 6) == (True, True)


async def test_the_rules_are_the_policys(house: House) -> None:
    """What an operator puts is shown with the day on which the oldest is due, and binds the sweep."""
    async with house.client(await operator_of(house)) as client:
        doc = await written(client)
        await house.quiet()
        changed = await client.put("/v1/policy", json={"retention": {"documents": 5}})
        assert changed.status_code == 200, changed.text
        shown = {rule["class"]: rule for rule in (await client.get("/v1/retention")).json()["rules"]}
        await later_sweep(house)
        after = (await client.get(f"/v1/documents/{doc}")).json()
    assert (shown["documents"]["days"], shown["documents"]["own"]) == (5, True)
    assert shown["documents"]["next_due"] > shown["documents"]["oldest"]
    assert (shown["bodies"]["days"], shown["bodies"]["own"]) == (90, False)
    assert (after["text"], bool(after["removed"])) == ("", True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/retention/holds", {}),
        ("POST", "/v1/retention/holds", {"reason": 5}),
        ("POST", "/v1/retention/holds", {"reason": "x", "runs": "doc"}),
        ("POST", "/v1/operator/retention/sweep", {"dry_run": "yes"}),
        ("POST", "/v1/operator/retention/sweep", {"force": True}),
        ("GET", "/v1/retention/tombstones?after=doc_1", None),
        ("GET", "/v1/retention/tombstones?run=x", None),
    ],
)
async def test_what_is_malformed_is_named(house: House, method: str, path: str, body: Any) -> None:
    """With a 400."""
    async with house.client(await operator_of(house)) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code == 400, answer.text


async def test_sweeping_takes_an_operator(house: House) -> None:
    """A member is told so; an unknown hold or run is not there."""
    async with house.client() as client:
        assert (await client.post("/v1/operator/retention/sweep")).status_code == 403
        assert (await client.delete("/v1/documents/doc_1")).status_code == 404
    async with house.client(await operator_of(house)) as boss:
        assert (await boss.delete("/v1/retention/holds/hold_1")).status_code == 404


async def test_the_command_line(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Shows, counts, sweeps, holds, releases, erases; an audit says how many rows have a tombstone."""
    key = await operator_of(house)
    async with house.client() as client:
        doc = await written(client)
    await house.quiet()

    async def said(verb: Any, *arguments: Any, **options: Any) -> str:
        await asyncio.to_thread(verb, *arguments, url=house.url, key=key, **options)
        captured = capsys.readouterr()
        return captured.out + captured.err

    assert "bodies      90 days (house), next due" in await said(verbs.show, as_json=False)
    dry = json.loads(await said(verbs.sweep, dry_run=True, as_json=True))
    assert (dry["dry_run"], dry["failed"]) == (True, 0)
    assert "removed: " in await said(verbs.sweep, dry_run=False, as_json=False)
    hold = json.loads(await said(verbs.hold, "Case 1", doc, as_json=True))
    assert f"{hold['id']} {doc} in force: Case 1" in await said(verbs.show, as_json=False)
    assert "is released" in await said(verbs.release, hold["id"], as_json=False)
    assert "1 documents" in await said(verbs.erase, doc, as_json=False)
    assert "had gone before" in await said(verbs.erase, "last", as_json=False)
    assert "with a tombstone in place of their words" in await said(audit.verify, as_json=False)
