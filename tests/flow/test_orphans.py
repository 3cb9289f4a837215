"""A document whose process ends is finished by another one, from the log: nothing that was paid for is paid twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from infra.simulator import Pace, Simulator, start
from shared.bootstrap import Services, services
from shared.chat import desk
from shared.config import Settings
from shared.core.event import Event
from shared.core.ids import RunId, TenantId
from shared.core.tenant import Principal
from shared.documents import work
from tests.contract.samples import month
from tests.stores import Addresses

ORDER = {"pipeline": "article", "brief": "How lighthouses are run today", "words": 300}
SLOW = Pace(ttft=0.01, tpot=0.01)


@asynccontextmanager
async def engine(addresses: Addresses, simulator: Simulator) -> AsyncIterator[Services]:
    """A process's engine on the shared stores."""
    settings = Settings().with_simulator(simulator.origin)
    built = services(settings.with_stores(database=addresses.app, redis=addresses.redis))
    await built.start()
    try:
        yield built
    finally:
        await built.close()


async def until_step(engine: Services, who: Principal, run: RunId, step: str) -> list[Event]:
    """The events up to the first text of a step."""
    seen = []
    async for event in engine.documents.follow(who, run):
        seen.append(event)
        if event.name == "token" and event.data["step"] == step:
            break
    return seen


async def adopted(engine: Services, who: Principal, run: RunId) -> list[Event]:
    """Sweep until the document is taken over, and follow it to its end."""
    async with asyncio.timeout(10):
        while run not in engine.documents.works.tasks:
            await engine.documents.adopt_orphans()
    return [event async for event in engine.documents.follow(who, run)]


async def check_whole(
    engine: Services, who: Principal, run: RunId, events: list[Event], seen: list[Event]
) -> None:
    """Finished, replayable, settled; readers saw one stream without a gap."""
    document = await engine.documents.wait(who, run, 10)
    assert document.status == "finished"
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert events[: len(seen)] == seen
    replayed = await engine.documents.replay(who, run)
    assert (replayed.identical, replayed.detail, replayed.drift) == (True, "", "")
    assert replayed.events == tuple(events)
    (balance,) = await engine.documents.stores.ledger.balance(who.tenant, month(who.tenant, 10**12))
    assert (balance.held, balance.spent) == (0, document.cost)


async def test_a_closing_process_hands_over(addresses: Addresses, tenant: TenantId) -> None:
    """Closing in the middle of the second step leaves a running document; the next engine finishes it without asking
    for the first step again."""
    who = Principal(tenant, "test")
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator) as first:
            document = await first.documents.start(who, first.documents.read(ORDER))
            seen = await until_step(first, who, document.id, "draft")
        async with engine(addresses, simulator) as second:
            left = await second.documents.get(who, document.id)
            assert left.status == "running"
            events = await adopted(second, who, document.id)
            await check_whole(second, who, document.id, events, seen)
        assert len(simulator.calls("perplexity")) == 1
        assert [call.cancelled for call in simulator.calls("anthropic")] == [True, False]


_VICTIM = """
import asyncio, sys
from shared.bootstrap import services
from shared.config import Settings
from shared.core.tenant import Principal
from shared.core.ids import TenantId

async def main(origin, app, redis, tenant):
    settings = Settings().with_simulator(origin).with_stores(database=app, redis=redis)
    engine = services(settings)
    await engine.start()
    who = Principal(TenantId(tenant), "test")
    order = engine.documents.read({"pipeline": "article", "brief": "How lighthouses are run today", "words": 300})
    document = await engine.documents.start(who, order)
    async for event in engine.documents.follow(who, document.id):
        if event.name == "token" and event.data["step"] == "draft":
            print(document.id, flush=True)
            await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_process_is_replaced(
    addresses: Addresses, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the middle of a step: the sweep of another process finishes the document; one call is paid twice at
    most, the one that was cut."""
    who = Principal(tenant, "test")
    monkeypatch.setattr(work, "BEAT_SECONDS", 0.05)
    async with start(pace=SLOW) as simulator:
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _VICTIM, simulator.origin, addresses.app, addresses.redis, tenant,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert victim.stdout is not None
        run = RunId((await victim.stdout.readline()).decode().strip())
        os.kill(victim.pid, signal.SIGKILL)
        await victim.wait()
        async with engine(addresses, simulator) as second:
            now = second.clock.now()
            await second.documents.stores.shelf.beat(tenant, run, now - timedelta(minutes=1))
            seen = list(await second.documents.stores.bus.so_far(tenant, run))
            assert seen
            events = await adopted(second, who, run)
            await check_whole(second, who, run, events, seen)
        assert len(simulator.calls("perplexity")) == 1
        assert len(simulator.calls("anthropic")) == 2


async def test_two_sweeps_at_once_take_an_orphan_once(addresses: Addresses, tenant: TenantId) -> None:
    """Two processes that look for orphans at the same moment do not both go on with the same document."""
    who = Principal(tenant, "test")
    async with start(pace=SLOW) as simulator:
        async with engine(addresses, simulator) as first:
            document = await first.documents.start(who, first.documents.read(ORDER))
            await until_step(first, who, document.id, "draft")
        async with engine(addresses, simulator) as one, engine(addresses, simulator) as two:
            taken = await asyncio.gather(one.documents.adopt_orphans(), two.documents.adopt_orphans())
            assert sum(taken) == 1
            done = [await each.documents.wait(who, document.id, 10) for each in (one, two)]
            assert "finished" in {each.status for each in done}


async def test_a_document_that_runs_is_nobodys_orphan(addresses: Addresses, tenant: TenantId) -> None:
    """A document whose process lives is left alone by other processes' sweeps."""
    who = Principal(tenant, "test")
    async with (
        start(pace=replace(SLOW, tpot=0.003)) as simulator,
        engine(addresses, simulator) as one,
        engine(addresses, simulator) as two,
    ):
        document = await one.documents.start(who, one.documents.read(ORDER))
        await two.documents.adopt_orphans()
        assert document.id not in two.documents.works.tasks
        assert (await one.documents.wait(who, document.id, 20)).status == "finished"


_CHAT_VICTIM = """
import asyncio, sys
from shared.bootstrap import services
from shared.chat.orders import ChatOrder
from shared.config import Settings
from shared.core.prompt import ask
from shared.core.tenant import Principal
from shared.core.ids import TenantId

async def main(origin, app, redis, tenant):
    engine = services(Settings().with_simulator(origin).with_stores(database=app, redis=redis))
    await engine.start()
    who, order = Principal(TenantId(tenant), "test"), ChatOrder("gpt-6-luna", ask("Tell me of sails"))
    answering = await engine.chat.open(who, order)
    print(answering.run, flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_chat_whose_process_was_killed_is_ended(
    addresses: Addresses, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it any longer: its open leg is closed, the run has failed, nothing is held, and it replays."""
    who = Principal(tenant, "test")
    monkeypatch.setattr(desk, "ABANDONED_AFTER", timedelta(0))
    async with start(pace=SLOW) as simulator:
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHAT_VICTIM, simulator.origin, addresses.app, addresses.redis, tenant,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert victim.stdout is not None
        run = RunId((await victim.stdout.readline()).decode().strip())
        os.kill(victim.pid, signal.SIGKILL)
        await victim.wait()
        async with engine(addresses, simulator) as second:
            assert await second.chat.end_abandoned() >= 1
            tape = await second.log.tape(tenant, run)
            assert [row.kind for row in tape[-3:]] == ["outcome", "step", "end"]
            assert (tape[-3].fault, tape[-1].finish) == ("abandoned", "failed")
            replayed = await second.documents.replay(who, run)
            assert (replayed.identical, replayed.drift) == (True, "")
            (balance,) = await second.documents.stores.ledger.balance(tenant, month(tenant, 10**12))
            assert balance.held == 0
            assert (tenant, run) not in await second.log.open_runs("chat", second.clock.now(), 100)
