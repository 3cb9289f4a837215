"""The deployed functions in Modal's own container entry point, over the mounted files alone, on real stores."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import psutil
import pytest

from functions.jobs.schedule import JOBS
from infra.simulator import Fault, Pace
from infra.simulator.modal import Plane
from infra.simulator.modal.container import CallFailed
from shared.adapters.clock import RandomIds
from tests.deploy.command import REVISION
from tests.deploy.house import CHAT, HELLO, Deployed, deployed_on
from tests.stores import Addresses, Stores

pytestmark = pytest.mark.xdist_group("modal-containers")  # one deployment for all of them


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the containers' files lie: one place for all, so that they are compiled once."""
    return tmp_path_factory.mktemp("tree")


@pytest.fixture
async def house(
    poolless: Plane, addresses: Addresses, stores: Stores, tmp_path: Path, tree: Path
) -> AsyncIterator[Deployed]:
    """A deployment with a tenant."""
    pace = Pace(0.0, 0.02)
    async with deployed_on(poolless, addresses, stores, tmp_path, tree=tree, pace=pace) as found:
        yield found


async def test_the_web_class_serves(house: Deployed) -> None:
    """It answers on the real stores, says which revision it is, and at the container's end it goes down in order."""
    async with house.container("Web.*") as web:
        health = await web.request("GET", "/healthz").answer()
        assert (health.status, health.json()["status"]) == (200, "ok"), web.log
        assert health.json()["revision"] == REVISION
        ready = await web.request("GET", "/readyz").answer()
        assert (ready.status, ready.json()["status"]) == (200, "ready"), ready.body
        exchange = house.post(web, HELLO)
        answer = await exchange.answer()
        assert answer.status == 200, answer.body
        assert answer.json()["choices"][0]["message"]["content"]
        assert await exchange.ended() == "success"
        assert await web.stop() == 0
        assert "Traceback" not in web.log, web.log


async def test_the_web_class_refuses_strangers(house: Deployed) -> None:
    """Without a key there is nothing to be had at the public address."""
    async with house.container("Web.*") as web:
        answer = await web.request("POST", CHAT, body=orjson.dumps(HELLO)).answer()
        assert answer.status == 401
        assert house.simulator.calls() == ()


async def test_a_stream_arrives_as_it_is_made(house: Deployed) -> None:
    """A provider that falls silent half-way: what it had said until then is with the client, not in a buffer."""
    house.simulator.plan(Fault("stall", after_chunks=3, seconds=30.0), times=None)
    async with house.container("Web.*") as web:
        exchange = house.post(web, HELLO | {"stream": True})
        status, headers = await exchange.start()
        assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        async for chunk in exchange.chunks():
            if b'"content":"' in chunk and b'"content":""' not in chunk:
                break
        (call,) = house.simulator.calls()
        assert call.finished is None
        await exchange.disconnect()
        assert await exchange.ended() == "success"
        assert await web.stop() == 0


async def test_chunks_and_the_providers_alternate(house: Deployed) -> None:
    """Of a stream that takes its time, the client holds a part before the provider has sent the rest."""
    async with house.container("Web.*") as web:
        exchange = house.post(web, HELLO | {"stream": True})
        await exchange.start()
        sent, last = [], b""
        async for chunk in exchange.chunks():
            sent.append(house.simulator.calls()[0].tokens_sent)
            last = chunk
        assert last.endswith(b"data: [DONE]\n\n")
        assert len(set(sent)) > 2, sent
        assert sent == sorted(sent)


async def test_a_client_that_leaves_cancels_the_provider(house: Deployed) -> None:
    """A disconnect at Modal's edge ends the provider's call; what was used is charged, and nothing stays held."""
    house.simulator.plan(Fault("stall", after_chunks=3, seconds=30.0), times=None)
    async with house.container("Web.*") as web:
        exchange = house.post(web, HELLO | {"stream": True})
        await exchange.start()
        async for chunk in exchange.chunks():
            if b'"content":"' in chunk and b'"content":""' not in chunk:
                break
        await exchange.disconnect()
        assert await exchange.ended() == "success"
        async with asyncio.timeout(5):
            while house.simulator.calls()[0].finished is None:  # noqa: ASYNC110  # the simulator tells nobody
                await asyncio.sleep(0.01)
        (call,) = house.simulator.calls()
        assert call.cancelled
        assert await web.stop() == 0


async def test_a_snapshot_holds_no_connection(house: Deployed) -> None:
    """At the cut of the memory snapshot the app is built and nothing is connected; woken, it serves on real stores."""
    async with house.container("Web.*", snapshot=True) as web:
        asked = web.request("GET", "/readyz")
        await web.frozen()
        await closed(web.process.pid)
        assert house.simulator.calls() == ()
        web.wake()
        assert (await asked.answer()).status == 200
        assert await web.stop() == 0
        assert "Traceback" not in web.log, web.log


async def test_a_snapshot_holds_what_requests_load_late(house: Deployed) -> None:
    """What a plain start leaves to the first chat is in the snapshot, and in no start without one."""
    async with house.container("Web.*", snapshot=True) as web, house.container("Web.*") as plain:
        await web.frozen()
        await plain.request("GET", "/healthz").answer()
        assert late(web.process.pid) == {"numpy", "tokenizers"}
        assert late(plain.process.pid) == set()
        asked = house.post(web, HELLO)
        web.wake()
        assert (await asked.answer()).status == 200, web.log


async def test_what_changed_since_the_snapshot_counts(house: Deployed) -> None:
    """A secret that was changed after the snapshot was taken is read anew when it is restored."""
    async with house.container(
        "Web.*", snapshot=True, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none"
    ) as web:
        asked = web.request("GET", "/readyz")
        await web.frozen()
        web.wake(database_url=house.values["DATABASE_URL"])
        assert (await asked.answer()).status == 200, web.log


async def test_an_interrupted_container_ends(house: Deployed) -> None:
    """A worker that must have the machine back interrupts the container: it is gone well within its grace."""
    async with house.container("Web.*") as web:
        await web.request("GET", "/healthz").answer()
        await web.interrupt()


async def test_the_ingress_serves(house: Deployed) -> None:
    """The webhooks' own class answers, and refuses an event that nobody signed."""
    async with house.container("Webhooks.*", snapshot=True) as ingress:
        await ingress.frozen()
        await closed(ingress.process.pid)
        ingress.wake()
        answer = await ingress.request("POST", "/webhooks/stripe", body=b"{}").answer()
        assert 400 <= answer.status < 500, ingress.log
        assert await ingress.stop() == 0


@pytest.mark.parametrize("name", [one.name for one in JOBS])
async def test_every_job_runs(house: Deployed, name: str) -> None:
    """Each scheduled function does its turn in its container, on the mounted files and real stores."""
    async with house.container(name) as worker:
        assert await worker.call() >= 0
        assert await worker.stop() == 0
        assert "Traceback" not in worker.log, worker.log


async def test_the_worker_leaves_alone_what_is_not_there(house: Deployed) -> None:
    """`write` for a document that does not exist has nothing to do, and says so."""
    async with house.container("write") as worker:
        assert await worker.call(str(RandomIds().uuid())) is False
        assert await worker.stop() == 0


async def test_a_document_outlives_its_container(house: Deployed) -> None:
    """The web's container ends in the middle of a document: it spawns the worker, which sees the document through."""
    brief = {"pipeline": "article", "brief": "How lighthouses are run today", "words": 300, "stream": True}
    house.simulator.plan(Fault("pace", tpot_ms=4.0), times=None)
    async with house.container("Web.*") as web:
        exchange = house.post(web, brief, "/v1/documents")
        _, headers = await exchange.start()
        async for chunk in exchange.chunks():
            if b"event: token" in chunk:
                break
        await exchange.disconnect()
        assert await exchange.ended() == "success"
        assert await web.stop() == 0
    path = headers["content-location"]
    handed = house.plane.calls()[-1]
    assert (handed.function, handed.args) == ("write", (path.rpartition("/")[2],))
    async with house.container("write") as worker:
        assert await worker.finished(handed.id) is True, worker.log
        assert await worker.stop() == 0
    async with house.container("Web.*") as web:
        auth = {"authorization": f"Bearer {house.key}"}
        document = (await web.request("GET", path, headers=auth).answer()).json()
    assert document["status"] == "finished"


async def test_a_container_has_only_what_was_mounted(house: Deployed) -> None:
    """Neither infra nor tests are in a container, and a build that went wrong is reported, not served."""
    async with house.container("seal", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none") as worker:
        with pytest.raises(CallFailed):
            await worker.call()
        there = {path.name for path in (worker.tree / "root").iterdir()}
        assert there == {"functions", "shared"}


def late(pid: int) -> set[str]:
    """The packages, of those which are not needed to be ready, whose compiled parts a process holds."""
    files = {part for one in psutil.Process(pid).memory_maps() for part in Path(one.path).parts}
    return files & {"numpy", "tokenizers"}


async def closed(pid: int) -> None:
    """Wait until a process has no connection. Raises TimeoutError where it keeps one."""
    process = psutil.Process(pid)
    async with asyncio.timeout(5):
        while process.net_connections(kind="inet"):  # noqa: ASYNC110  # the kernel tells nobody
            await asyncio.sleep(0.01)
