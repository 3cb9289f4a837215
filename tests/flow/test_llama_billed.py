"""What an answer of the Llama tier costs its reader where it broke off and was gone on with by its tokens (law 7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from infra.simulator import Fault
from shared.adapters.workers import OwnWorkers
from shared.bootstrap import Services, services
from shared.core.entry import Entry
from shared.core.ids import RunId
from shared.documents.desk import Documents
from shared.documents.work import Works
from shared.models.catalogue import LLAMA
from shared.pipelines import PIPELINES
from tests.flow.house import House, opened, served
from tests.stores import Addresses

QUESTION: dict[str, Any] = {
    "model": LLAMA.name,
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 400,
    "messages": [{"role": "user", "content": "Describe a lighthouse keeper's evening in eighty words."}],
}
ORDER = {"pipeline": "article", "brief": "How lighthouses are run today", "words": 300}
BREAKS = [Fault(kind, after_chunks=after) for kind in ("cut", "reset", "close") for after in (1, 30)]


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """A product without a cache: each answer is made."""
    async with opened(addresses, cache=False) as found:
        yield found


@dataclass(frozen=True)
class Bill:
    """What a reader got and pays; the run's legs of the Llama tier as the log has them."""

    text: str
    cost: int
    tokens: int
    legs: tuple[Entry, ...]

    @property
    def lost(self) -> int:
        """What the legs that failed cost the house."""
        return sum(leg.cost or 0 for leg in self.legs if leg.fault)


async def legs(house: House, run: str) -> tuple[Entry, ...]:
    """The outcomes of a run's calls to the tier, in order."""
    tape = await house.services.log.tape(house.tenant, RunId(run))
    return tuple(row for row in tape if row.kind == "outcome" and row.provider == "llama")


async def chat(house: House, fault: Fault | None = None) -> Bill:
    """One streamed answer; the pool's first reply to it meets the fault."""
    house.simulator.clear()
    if fault is not None:
        house.simulator.plan(fault, "llama")
    before = (await house.quiet()).spent
    async with house.client() as client:
        answer = await client.post("/v1/chat/completions", json=QUESTION)
    assert answer.status_code == 200
    events = [orjson.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
    usage = next(event["usage"] for event in reversed(events) if event.get("usage"))
    spent = (await house.quiet()).spent - before
    found = await legs(house, f"chat_{answer.headers['x-chatsmart-trace']}")
    return Bill(text, spent, usage["total_tokens"], found)


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: f"{fault.kind}-{fault.after_chunks}")
async def test_an_answer_that_was_gone_on_with_costs_no_more_than_an_uncut_one(
    house: House, fault: Fault
) -> None:
    """The same text; the reader pays the leg that ended it, which read what was there, and the house the other one."""
    whole, broken = await chat(house), await chat(house, fault)
    assert [call.path.rpartition("/")[2] for call in house.simulator.calls("llama")] == ["completions"] * 2
    assert (whole.text, len(whole.legs), whole.lost) == (broken.text, 1, 0)
    (failed, ended) = broken.legs
    assert (failed.fault, ended.fault) == ("provider_cut", "")
    assert failed.usage is not None
    assert ended.usage is not None
    assert whole.legs[0].usage is not None
    read = whole.legs[0].usage.input
    assert ended.usage.input == read + failed.usage.output
    assert failed.usage.provenance == "provider"
    assert failed.usage.output + ended.usage.output == whole.legs[0].usage.output
    assert broken.cost == ended.cost
    assert broken.cost <= whole.cost == whole.legs[0].cost
    assert broken.lost == failed.cost != 0
    assert broken.tokens == whole.tokens


@asynccontextmanager
async def on_llama(house: House) -> AsyncIterator[House]:
    """The same product, whose articles are drafted by the Llama tier."""
    engine = services(house.services.settings)
    _drafting(engine)
    async with served(engine) as url:
        yield replace(house, url=url, services=engine)


def _drafting(engine: Services) -> None:
    article = PIPELINES["article"]
    mine = replace(article, graph=article.graph.with_ladders({"draft": (LLAMA,)}))
    stores = replace(engine.documents.stores, registry={"article": mine})
    own = OwnWorkers()
    engine.documents = Documents(stores, engine.catalogue, Works(stores, own))
    own.adopt = engine.documents.adopt


async def test_a_document_that_was_gone_on_with_costs_no_more_than_an_uncut_one(house: House) -> None:
    """What was lost shows beside what is paid; and with its tenant's salt in what was sent, it replays the same."""
    bills = []
    async with on_llama(house) as busy, busy.client() as client:
        for fault in (None, Fault("cut", after_chunks=40)):
            busy.simulator.clear()
            if fault is not None:
                busy.simulator.plan(fault, "llama")
            before = (await busy.quiet()).spent
            written = (await client.post("/v1/documents", json=ORDER)).json()
            assert written["status"] == "finished"
            spent = (await busy.quiet()).spent - before
            assert spent == written["cost_micros"]
            found = await legs(busy, written["id"])
            text = written["text"]
            bills.append(Bill(text, spent, 0, found))
            assert all(b'"cache_salt"' in call.body for call in busy.simulator.calls("llama"))
            sent = len(busy.simulator.calls())
            replayed = (await client.post(f"/v1/documents/{written['id']}/replay")).json()
            assert replayed["identical"]
            assert len(busy.simulator.calls()) == sent
    whole, broken = bills
    assert ([leg.fault for leg in whole.legs], [leg.fault for leg in broken.legs]) == (
        [""],
        ["provider_cut", ""],
    )
    assert whole.text == broken.text
    assert broken.cost <= whole.cost
    assert broken.lost > 0
