"""Promises about money, ends and readers that once did not hold."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import httpx
import pytest

from infra.simulator import Fault as Misbehaviour
from infra.simulator import Pace, start
from shared.adapters.workers import OwnWorkers
from shared.bootstrap import services
from shared.config import Settings
from shared.core.event import Event
from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.core.tenant import Limits, Principal
from shared.documents.desk import Documents
from shared.documents.replayed import replayed
from shared.documents.work import Works
from shared.fakes.workers import NotingWorkers
from shared.guard.hiding import Hiding
from shared.ports.bus import Bus
from tests.flow.house import House, opened
from tests.stores import Addresses

ORDER = {"pipeline": "product_description", "brief": "A kettle of steel, 1.2 litres, with a thermometer"}
QUESTION = {
    "model": "gpt-6-luna",
    "stream": True,
    "messages": [{"role": "user", "content": "Tell me about kettles."}],
}


@dataclass
class AwayBus:
    """A bus that refuses everything from a moment on, for a number of attempts."""

    inner: Bus
    refuses_after: int
    times: int
    published: int = 0
    refused: int = field(default=0)

    async def publish(self, tenant: TenantId, run: RunId, events: Sequence[Event]) -> None:
        """Refuse, or pass on."""
        if self.published >= self.refuses_after and self.refused < self.times:
            self.refused += 1
            raise Unavailable("the bus is away")
        self.published += 1
        await self.inner.publish(tenant, run, events)

    def follow(self, tenant: TenantId, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        """Passed on."""
        return self.inner.follow(tenant, run, after)

    async def so_far(self, tenant: TenantId, run: RunId) -> Sequence[Event]:
        """Passed on."""
        return await self.inner.so_far(tenant, run)


async def test_leaving_before_the_end_is_paid_for(house: House) -> None:
    """A chat client that reads nearly all and leaves pays for what it read: leaving early makes nothing free."""
    house.simulator.plan(Misbehaviour("stall", after_chunks=20, seconds=30), "openai")
    async with (
        house.client() as client,
        client.stream("POST", "/v1/chat/completions", json=QUESTION) as answer,
    ):
        read = 0
        async for piece in answer.aiter_bytes():
            read += piece.count(b"data: ")
            if read >= 15:
                break
    assert (await house.quiet()).spent > 0


@pytest.mark.parametrize("times", [1, 10_000])
async def test_readers_reach_the_end_though_the_bus_was_away(
    addresses: Addresses, tenant: TenantId, times: int
) -> None:
    """One failed publish, or a bus that never comes back: whoever follows gets every event once, in order, to the
    final one, because what the bus missed is rebuilt from the log."""
    who = Principal(tenant, "test")
    async with start(pace=Pace(tpot=0.002)) as simulator:
        settings = Settings().with_simulator(simulator.origin)
        engine = services(settings.with_stores(database=addresses.app, redis=addresses.redis))
        await engine.start()
        try:
            stores = replace(engine.documents.stores, bus=AwayBus(engine.documents.stores.bus, 3, times))
            desk = Documents(stores, engine.catalogue, Works(stores, NotingWorkers()))
            document = await desk.start(who, desk.read(ORDER))
            async with asyncio.timeout(20):
                events = [event async for event in desk.follow(who, document.id)]
            assert [event.position for event in events] == list(range(1, len(events) + 1))
            assert events[-1].name == "finished"
            assert tuple(events) == (await desk.replay(who, document.id)).events
        finally:
            await engine.close()


async def test_a_silent_provider_is_left_also_without_streaming(addresses: Addresses) -> None:
    """The default call of every client does not stream; a provider that says nothing is left all the same."""
    quick = {"first_token_seconds": 0.3, "thinking_first_token_seconds": 0.3}
    async with opened(addresses, **quick) as house, house.client() as client:  # type: ignore[arg-type]
        house.simulator.plan(Misbehaviour("stall_headers", seconds=60), "openai")
        asked = QUESTION | {"model": "auto", "stream": False}
        async with asyncio.timeout(10):
            answer = await client.post("/v1/chat/completions", json=asked)
        assert answer.status_code == 200
        assert answer.headers["x-chatsmart-model"] != "gpt-6.1-terra"


async def test_an_old_document_replays_whatever_became_of_its_pipeline(house: House) -> None:
    """The log alone gives the bytes; that today's code would tell it otherwise is said beside it, not instead."""
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=ORDER)).json()
    desk = house.services.documents
    tape = await desk.stores.log.tape(house.tenant, RunId(document["id"]))
    now = await replayed(desk.stores.registry, tape)
    gone = await replayed({}, tape)
    assert (now.identical, now.drift) == (True, "")
    assert "write" in now.drawing
    assert (gone.identical, gone.sse, gone.document.text) == (True, now.sse, document["text"])
    assert "not served" in gone.drift


async def test_a_row_that_was_changed_shows(house: House) -> None:
    """A tape whose words are not those that were sent is not identical, and says so."""
    async with house.client() as client:
        document = (await client.post("/v1/documents", json=ORDER)).json()
    desk = house.services.documents
    tape = await desk.stores.log.tape(house.tenant, RunId(document["id"]))
    where = next(n for n, row in enumerate(tape) if row.kind == "outcome")
    pieces = [
        [p, ms, "forged" if isinstance(what, str) else what] for p, ms, what in tape[where].body["pieces"]
    ]
    forged = replace(tape[where], body={**tape[where].body, "pieces": pieces})
    found = await replayed(desk.stores.registry, (*tape[:where], forged, *tape[where + 1 :]))
    assert found.identical is False
    assert "digest" in found.detail


async def test_a_rerun_pays_only_for_what_changes(house: House) -> None:
    """Steps before the changed one come from the old document's log, free; the new one is whole and replays."""
    async with house.client() as client:
        first = (await client.post("/v1/documents", json=ORDER)).json()
        calls = len(house.simulator.calls())
        path = f"/v1/documents/{first['id']}/rerun"
        again = (await client.post(path, json={"set": {"write": "gpt-6-luna"}})).json()
        assert again["status"] == "finished"
        assert again["rerun_of"] == first["id"]
        assert len(house.simulator.calls()) == calls + 1
        costs = {step["name"]: step["cost_micros"] for step in again["steps"]}
        assert costs["extract"] == 0 < costs["write"] == again["cost_micros"]
        replay = (await client.post(f"/v1/documents/{again['id']}/replay")).json()
        assert (replay["identical"], replay["drift"]) == (True, "")
        whole = (await client.post(path, json={})).json()
        assert len(house.simulator.calls()) == calls + 3
        assert whole["cost_micros"] > 0


async def test_an_orphan_that_nobody_can_finish_ends_with_a_reason(house: House) -> None:
    """A document whose month has no room ends as failed, saying why, and the next orphan is taken all the same."""
    desk = house.services.documents
    who = Principal(house.tenant, "test")
    order = desk.read(ORDER)
    poor = replace(desk.stores, house=Limits(month_micros=Micros(1)))
    own = OwnWorkers()
    sweeper = Documents(poor, house.services.catalogue, Works(poor, own))
    own.adopt = sweeper.adopt
    documents = [await desk._shelved(who, order, Hiding(who.rules)) for _ in range(2)]
    for document in documents:
        await desk.stores.shelf.beat(house.tenant, document.id, document.created.replace(year=2020))
        await desk.stores.ledger.settle(house.tenant, document.id, Micros(0))
    assert await sweeper.adopt_orphans() >= 2
    for document in documents:
        ended = await desk.get(who, document.id)
        assert (ended.status, (ended.fault or {})["code"]) == ("failed", "over_budget")
    assert (await house.balance()).held == 0


async def test_a_client_that_leaves_while_money_is_held_leaves_none(house: House) -> None:
    """Cancelled at any moment of the first milliseconds, nothing stays held."""
    async with house.client() as client:
        for wait in (n / 1000 for n in range(24)):
            sending = asyncio.create_task(
                client.post("/v1/chat/completions", json=QUESTION | {"stream": False})
            )
            await asyncio.sleep(wait)
            sending.cancel()
            await asyncio.wait((sending,))
    assert (await house.quiet()).held == 0


async def test_the_whole_answer_names_its_cost(house: House) -> None:
    """The header and the ledger agree to the micro-dollar."""
    async with house.client() as client:
        answer: httpx.Response = await client.post("/v1/chat/completions", json=QUESTION | {"stream": False})
    assert int(answer.headers["x-chatsmart-cost-micros"]) == (await house.quiet()).spent > 0
