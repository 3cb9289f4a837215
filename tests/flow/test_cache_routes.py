"""The cache's figures and its purge, over HTTP and on the command line, on real stores."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from tests.flow.house import House

CHAT = "/v1/chat/completions"


async def ask(house: House, client: httpx.AsyncClient, text: str) -> str:
    """A question; out of what its answer came, once all is stored."""
    answer = await client.post(CHAT, json={"model": "auto", "messages": [{"role": "user", "content": text}]})
    assert answer.status_code == 200
    await house.quiet()
    async with asyncio.timeout(5):
        while house.services.recalled._storing:  # noqa: ASYNC110  # nobody is told: a caller never waits for it
            await asyncio.sleep(0.005)
    return answer.headers["x-chatsmart-cache"]


async def figures(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/v1/cache")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_the_figures_tell_what_was_served(house: House) -> None:
    """What is stored, hits, misses, their share, and what the hits had cost."""
    text = f"Say something about tea and {uuid4().hex}."
    async with house.client() as client:
        before = await figures(client)
        assert [await ask(house, client, text) for _ in range(3)] == ["miss", "hit", "hit"]
        after = await figures(client)
    assert after["entries"] - before["entries"] == 1
    assert after["bytes"] > before["bytes"]
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (2, 1)
    assert after["saved_micros"] > before["saved_micros"]
    assert 0 < after["hit_rate"] < 1
    assert after["near"] == {"open": True, "checked": 0, "wrong": 0}


async def test_what_is_purged_is_asked_anew(house: House) -> None:
    """What fits, and nothing else."""
    text = f"Say something about tea and {uuid4().hex}."
    async with house.client() as client:
        assert await ask(house, client, text) == "miss"
        nothing = await client.post("/v1/cache/purge", json={"model": "no-such-model"})
        assert nothing.json() == {"object": "cache_purge", "purged": 0}
        assert await ask(house, client, text) == "hit"
        all_ = await client.post("/v1/cache/purge", json={})
        assert all_.json()["purged"] >= 1
        assert (await figures(client))["entries"] == 0
        assert await ask(house, client, text) == "miss"


@pytest.mark.parametrize(
    ("body", "param"),
    [({"key": "x"}, "key"), ({"model": ""}, "model"), ({"tag": "a" * 201}, "tag"), ({"tag": 1}, "tag")],
)
async def test_a_purge_that_says_nothing_sensible_is_refused(
    house: House, body: dict[str, Any], param: str
) -> None:
    """It names the field; nothing is forgotten."""
    async with house.client() as client:
        answer = await client.post("/v1/cache/purge", json=body)
    assert (answer.status_code, answer.json()["param"]) == (400, param)


async def test_near_hits_are_opened_again(house: House) -> None:
    """The checks count from nought."""
    record, now = house.services.recalled.lookup.record, house.services.clock.now()
    for _ in range(50):
        await record.checked(house.tenant, True, now)
    async with house.client() as client:
        near = (await figures(client))["near"]
        assert (near["open"], near["wrong"]) == (False, near["checked"])
        opened = await client.post("/v1/cache/near/reopen")
        assert opened.json()["near"] == {"open": True, "checked": 0, "wrong": 0}


async def run(house: House, *words: str) -> Result:
    """The command, on the house's server."""
    args: Sequence[str] = ["cache", *words, "--url", house.url, "--key", house.key]
    return await asyncio.to_thread(CliRunner().invoke, app, args)


async def test_the_command_line_shows_and_purges(house: House) -> None:
    """What to forget has to be said."""
    async with house.client() as client:
        await ask(house, client, f"Say something about tea and {uuid4().hex}.")
    shown = await run(house, "stats")
    assert shown.exit_code == 0
    assert "stored    1 answers" in shown.output
    for wrong in (["purge"], ["purge", "--all", "--model", "x"]):
        assert (await run(house, *wrong)).exit_code == 2
    assert '"purged":0' in (await run(house, "purge", "--tag", "none", "--json")).output
    assert '"purged":1' in (await run(house, "purge", "--all", "--json")).output
