"""A container that ends hands its documents to a worker, and the worker sees exactly one through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.cloud.working import run_job, write_one
from functions.jobs.schedule import JOBS
from infra.simulator import Pace, Simulator, start
from shared.bootstrap import Services, services
from shared.config import Settings
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.fakes.workers import NotingWorkers
from shared.ports.workers import Workers
from tests.stores import Addresses

ORDER = {"pipeline": "article", "brief": "How lighthouses are run today", "words": 300}
SLOW = Pace(ttft=0.01, tpot=0.005)


@asynccontextmanager
async def engine(
    addresses: Addresses, simulator: Simulator, workers: Workers | None
) -> AsyncIterator[Services]:
    """A container's engine on the shared stores."""
    settings = Settings().with_simulator(simulator.origin)
    built = services(settings.with_stores(database=addresses.app, redis=addresses.redis), workers=workers)
    await built.start()
    try:
        yield built
    finally:
        await built.close()


async def test_what_a_container_leaves_is_handed_over_and_written_once(
    addresses: Addresses, tenant: TenantId
) -> None:
    """Named as the container closes; of two calls for it one does the work, and what is paid for is not asked again."""
    who, noting = Principal(tenant, "test"), NotingWorkers()
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator, noting) as web:
            document = await web.documents.start(who, web.documents.read(ORDER))
            async for event in web.documents.follow(who, document.id):
                if event.name == "token" and event.data["step"] == "draft":
                    break
            assert noting.enqueued == []
        assert noting.enqueued == [document.id]
        async with engine(addresses, simulator, noting) as one, engine(addresses, simulator, noting) as two:
            assert await one.documents.adopt(document.id)
            assert not await two.documents.see_through(document.id)
            assert (await one.documents.wait(who, document.id, 20)).status == "finished"
            assert not await one.documents.see_through(document.id)
            assert (await one.documents.replay(who, document.id)).identical
        assert len(simulator.calls("perplexity")) == 1


async def test_a_worker_waits_for_the_end(addresses: Addresses, tenant: TenantId) -> None:
    """Its container would be taken away under the document otherwise."""
    who, noting = Principal(tenant, "test"), NotingWorkers()
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator, noting) as web:
            document = await web.documents.start(who, web.documents.read(ORDER))
        async with engine(addresses, simulator, noting) as worker:
            assert await worker.documents.see_through(document.id)
            assert (await worker.documents.get(who, document.id)).status == "finished"


async def test_a_container_that_can_not_hand_over_leaves_it_to_the_sweep(
    addresses: Addresses, tenant: TenantId
) -> None:
    """The cron hands it to the workers, every turn until one takes it, and does none of the work itself."""
    who, noting, again = Principal(tenant, "test"), NotingWorkers(), NotingWorkers()
    noting.away = True
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator, noting) as web:
            document = await web.documents.start(who, web.documents.read(ORDER))
        assert noting.enqueued == []
        for _ in range(2):
            again.enqueued.clear()
            async with engine(addresses, simulator, again) as cron:
                assert await cron.documents.adopt_orphans() >= 1
                assert document.id in again.enqueued
                assert document.id not in cron.documents.works.tasks
        async with engine(addresses, simulator, again) as worker:
            assert await worker.documents.see_through(document.id)
            assert (await worker.documents.get(who, document.id)).status == "finished"


async def test_the_deployed_worker_and_jobs_do_their_work(addresses: Addresses, tenant: TenantId) -> None:
    """What Modal runs, run here: services of their own, started, used and closed."""
    who, noting = Principal(tenant, "test"), NotingWorkers()
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator, noting) as web:
            document = await web.documents.start(who, web.documents.read(ORDER))
        settings = web.settings
        assert await write_one(settings, document.id)
        assert not await write_one(settings, document.id)
        async with engine(addresses, simulator, noting) as reader:
            assert (await reader.documents.get(who, document.id)).status == "finished"
        for one in JOBS:
            if one.name != "orphans":  # others' orphans would be handed to a cloud that is not there
                assert await run_job(settings, one.name) >= 0
