"""Idempotency keys across processes: that race for one, that are killed while they hold one."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from infra.simulator import Fault
from shared.bootstrap import services
from shared.core.ids import RunId
from tests.flow.house import House, served
from tests.flow.keyed import BRIEF, CHAT, HELLO, called, key, lapse, replayed
from tests.stores import Addresses


@asynccontextmanager
async def another(house: House) -> AsyncIterator[str]:
    """A second server with an engine and connections of its own, on the same stores."""
    async with served(services(house.services.settings)) as url:
        yield url


@pytest.mark.parametrize("kind", ["chat", "document"])
async def test_of_many_at_once_in_two_processes_one_is_served(house: House, kind: str) -> None:
    """Twenty POSTs with one key: one run, one charge. The other chats are told to come back, then get its answer; the
    other documents are the same document."""
    path, asked = (CHAT, HELLO) if kind == "chat" else ("/v1/documents", BRIEF)
    async with another(house) as url, house.client() as one:
        async with httpx.AsyncClient(base_url=url, headers=house.auth, timeout=30) as two:
            many = [(one, two)[number % 2].post(path, json=asked, headers=key()) for number in range(20)]
            answers = await asyncio.gather(*many)
            last = await two.post(path, json=asked, headers=key())
        busy = [answer for answer in answers if answer.status_code == 409]
        done = [answer for answer in answers if answer.status_code != 409]
        assert sum(not replayed(answer) for answer in done) == 1
        assert {answer.headers["retry-after"] for answer in busy} <= {"1"}
        traces = {answer.headers["x-chatsmart-trace"] for answer in (*done, last)}
        assert len(traces) == 1
        if kind == "chat":
            assert {answer.content for answer in (*done, last)} == {last.content}
            assert len(house.simulator.calls()) == 1
            cost = int(last.headers["x-chatsmart-cost-micros"])
        else:
            document = (await one.get(f"/v1/documents/{last.json()['id']}")).json()
            assert len((await one.get("/v1/documents")).json()["data"]) == 1
            cost = document["cost_micros"]
    assert (await house.quiet()).spent == cost > 0


async def test_a_repeat_takes_over_from_a_process_that_was_killed(house: House, addresses: Addresses) -> None:
    """Not while its lease lasts; then the request is done, once."""
    requests: tuple[tuple[str, dict[str, Any]], ...] = (
        (CHAT, HELLO),
        ("/v1/documents", BRIEF),
        ("/v1/keys", {"name": "ci"}),
    )
    async with house.client() as client:
        for path, asked in requests:
            whole = await client.post(path, json=asked, headers=key("found"))
            assert whole.status_code < 300
        connection = await asyncpg.connect(addresses.admin)
        # What a process leaves that died right after its claims: holders of which nothing came, and no answer.
        await connection.execute(
            "update idempotency_keys set answer = null, lease_until = now() + interval '1 minute', "
            "holder = regexp_replace(holder, '.{8}$', 'deadbeef') where tenant_id = $1",
            house.tenant,
        )
        await connection.close()
        for path, asked in requests:
            busy = await client.post(path, json=asked, headers=key("found"))
            assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
        await lapse(addresses, house)
        for path, asked in requests:
            taken, again = [await client.post(path, json=asked, headers=key("found")) for _ in range(2)]
            assert (replayed(taken), replayed(again)) == (False, True)
            assert again.content == taken.content


_SERVER = """
import asyncio, sys
from functions.web.app import create_app
from shared.bootstrap import services
from shared.config import Settings
from tests.flow.house import served

async def main(origin, app, redis):
    async with served(services(Settings().with_simulator(origin).with_stores(database=app, redis=redis))) as url:
        print(url, flush=True)
        await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def victim(house: House, addresses: Addresses) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A server in a process of its own, to be killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, house.simulator.origin, addresses.app, addresses.redis,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_chat_whose_server_is_killed_is_answered_once(house: House, addresses: Addresses) -> None:
    """kill -9 in the middle of the answer: the repeat waits for the lease and is then answered by another process;
    one answer is paid for, whoever asks again."""
    house.simulator.plan(Fault("stall", after_chunks=2, seconds=30), "openai", times=1)
    async with victim(house, addresses) as (url, process), house.client() as client:
        async with httpx.AsyncClient(base_url=url, headers=house.auth, timeout=30) as lost:
            asking = asyncio.create_task(lost.post(CHAT, json=HELLO, headers=key()))
            await called(house)
            process.kill()
            with pytest.raises(httpx.TransportError):
                await asking
        assert (await client.post(CHAT, json=HELLO, headers=key())).status_code == 409
        await lapse(addresses, house)
        answers = [await client.post(CHAT, json=HELLO, headers=key()) for _ in range(2)]
    assert [replayed(answer) for answer in answers] == [False, True]
    assert answers[0].content == answers[1].content
    assert (await house.balance()).spent == int(answers[0].headers["x-chatsmart-cost-micros"])


async def test_a_document_whose_server_is_killed_stays_the_one(house: House, addresses: Addresses) -> None:
    """The repeat is at once given the document that was begun, whoever finishes it."""
    house.simulator.plan(Fault("stall", after_chunks=2, seconds=30), times=1)
    quick = {"prefer": "respond-async"}
    async with victim(house, addresses) as (url, process), house.client() as client:
        async with httpx.AsyncClient(base_url=url, headers=house.auth, timeout=30) as lost:
            first = await lost.post("/v1/documents", json=BRIEF, headers=key() | quick)
            await called(house)
            process.kill()
        again = await client.post("/v1/documents", json=BRIEF, headers=key() | quick)
        assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "running")
        later = house.services.clock.now().replace(year=2020)
        await house.services.documents.stores.shelf.beat(house.tenant, RunId(first.json()["id"]), later)
        async with asyncio.timeout(10):
            while not await house.services.documents.adopt_orphans():  # noqa: ASYNC110  # it is found when it is found
                await asyncio.sleep(0.05)
        done = await client.post("/v1/documents", json=BRIEF, headers=key())
        assert (done.json()["id"], done.json()["status"]) == (first.json()["id"], "finished")
        assert len((await client.get("/v1/documents")).json()["data"]) == 1


async def test_a_run_that_ended_before_its_process_died_is_not_paid_twice(
    house: House, addresses: Addresses
) -> None:
    """The log holds the answer, so the repeat is told it, whatever became of the claim."""
    async with house.client() as client:
        first = await client.post(CHAT, json=HELLO, headers=key())
        await lapse(addresses, house)
        again = await client.post(CHAT, json=HELLO, headers=key())
    assert again.content == first.content
    assert len(house.simulator.calls()) == 1
