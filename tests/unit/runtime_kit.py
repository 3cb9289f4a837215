"""Graphs to run and ways to run them, for the tests of the runtime."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.core.chunk import Chunk
from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Overloaded
from shared.core.ids import RunId, TenantId, run_id
from shared.core.leg import Call, LegEnded, LegItem
from shared.core.money import Micros
from shared.core.prompt import ask
from shared.fakes.clock import CountingIds, FakeClock
from shared.fakes.log import MemoryLog
from shared.fakes.models import FakeModels, Rule, says
from shared.models.catalogue import FLASH, FLASH_LITE, HAIKU, SONNET
from shared.ports.models import Models
from shared.runtime.budget import Budget
from shared.runtime.course import Context
from shared.runtime.edges import All, Each, Maybe, Skip
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.step import Retry, step
from shared.runtime.view import RunView

TENANT = TenantId("00000000-0000-7000-8000-00000000000a")
LADDER = (SONNET, FLASH)
CHEAP = (HAIKU, FLASH_LITE)
ROOM = Budget(micros=200_000, tokens=60_000, seconds=60)
QUICK = Retry(attempts=2, first=0.0)


@dataclass(frozen=True, slots=True)
class Brief:
    """What the test graphs are given."""

    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Findings."""

    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an outline."""

    heading: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One part, written."""

    text: str


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts to write, as a model gives them."""

    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that is not always there."""

    text: str


@dataclass(frozen=True, slots=True)
class Book:
    """Everything together."""

    notes: str
    parts: tuple[str, ...]
    aside: str | None


@step(ladder=LADDER, budget=ROOM, retry=QUICK)
async def research(fx: Fx, brief: Brief) -> Notes:
    """A call and a recorded time."""
    answer = await fx.write(ask(f"research {brief.text}", max_output=500))
    fx.note("length", len(answer.text))
    return Notes(answer.text, fx.now().isoformat())


@step(ladder=CHEAP, budget=ROOM, retry=QUICK)
async def outline(fx: Fx, brief: Brief) -> tuple[Part, ...]:
    """A structured call."""
    found = await fx.ask(ask(f"outline {brief.text}", max_output=500), Outline)
    return tuple(Part(heading) for heading in found.headings)


def short(brief: Brief, part: Part) -> Draft:
    """What stands in for a draft that nobody could write."""
    return Draft(f"({part.heading})")


@step(ladder=LADDER, budget=ROOM, retry=QUICK, otherwise=short, width=4)
async def draft(fx: Fx, brief: Brief, part: Each[Part]) -> Draft:
    """A lane per part, two calls each."""
    first = await fx.write(ask(f"draft {part.heading}", max_output=500))
    second = await fx.write(ask(f"polish {first.text}", max_output=500), label="polish")
    return Draft(second.text)


@step()
async def aside(fx: Fx, notes: Notes) -> Aside | Skip:
    """An acting step without models that may skip."""
    if "no aside" in notes.text:
        return Skip("nothing to say")
    return Aside(f"{notes.text} {fx.new_id()}")


@step()
def bind(notes: Notes, drafts: All[Draft], aside: Maybe[Aside]) -> Book:
    """Pure."""
    return Book(notes.text, tuple(one.text for one in drafts), None if aside is None else aside.text)


BOOK = Graph("book", given=Brief, steps=(research, outline, draft, aside, bind), goal=Book)
GIVEN = Brief("bees")
HEADINGS = ("one", "two", "three")
SCRIPT = (
    says("research", "Bees ", "dance.", between=0.0),
    says("outline", '{"headings":', '["one","two","three"]}', between=0.0),
    says("draft", "Written ", "well", between=0.0),
    says("polish", "Polished ", "better", between=0.0),
)


def script(*rules: Rule) -> tuple[Rule, ...]:
    """Rules that come before the usual ones."""
    return (*rules, *(says(r.when, *r.pieces, between=r.between) for r in SCRIPT))


def flaky() -> tuple[Rule, ...]:
    """Faults of each kind: before text, after text, on every rung, an answer that does not fit."""
    down = Overloaded("down")
    return script(
        says("research", "Bees ", "are", fault=down, after=1, model=SONNET.name, times=1),
        says("outline", "no json", times=1),
        says("draft one", fault=down, model=SONNET.name, times=1),
        says("draft two", "half ", "a", fault=down, after=1, times=2),
        says("draft three", fault=down),
    )


class Paced:
    """Models whose every item waits some turns of the loop: a schedule, without time."""

    def __init__(self, inner: Models, turns: Sequence[int]) -> None:
        self._inner, self._turns, self._at = inner, turns, 0

    async def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See the port."""
        source = self._inner.stream(call)
        try:
            async for item in source:
                for _ in range(self._turns[self._at % len(self._turns)] if self._turns else 0):
                    await asyncio.sleep(0)
                self._at += 1
                yield item
        finally:
            await source.aclose()

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """See the port."""
        return self._inner.partials(call)


@dataclass
class Home:
    """Everything that a run needs, in memory, and what came of it. `snapshots` are taken after every append: how many
    rows are durable, how many events are out."""

    rules: Iterable[Rule] = SCRIPT
    turns: Sequence[int] = ()
    cap: int | None = None
    run: RunId = field(default_factory=lambda: run_id("doc", CountingIds().uuid()))
    events: list[Event] = field(default_factory=list)
    snapshots: list[tuple[int, int]] = field(default_factory=list)
    lag: int = 0

    def __post_init__(self) -> None:
        self.clock, self.ids, self.log = FakeClock(), CountingIds(), MemoryLog()
        self.models = FakeModels(*self.rules, clock=self.clock)

    async def append(self, entries: Sequence[Entry]) -> None:
        """`ports.log.Log.append`, with a snapshot after it."""
        for _ in range(self.lag):
            await asyncio.sleep(0)
        await self.log.append(entries)
        self.snapshots.append((len(self.log.rows[TENANT]), len(self.events)))

    async def tape(self, tenant: TenantId = TENANT, run: RunId | None = None) -> tuple[Entry, ...]:
        """`ports.log.Log.tape`, of this run where none is named."""
        return await self.log.tape(tenant, run or self.run)

    async def emit(self, events: Sequence[Event]) -> None:
        """What readers get."""
        for _ in range(self.lag):
            await asyncio.sleep(0)
        self.events.extend(events)

    def context(self, **changes: Any) -> Context:
        """A context over all this."""
        values: dict[str, Any] = {
            "tenant": TENANT,
            "run": self.run,
            "actor": "key_test",
            "clock": self.clock,
            "ids": self.ids,
            "models": Paced(self.models, self.turns),
            "log": self,
            "emit": self.emit,
            "cap": None if self.cap is None else Micros(self.cap),
        }
        return Context(**(values | changes))

    @property
    def wire(self) -> bytes:
        """The stream as its readers got it."""
        return b"".join(event.wire() for event in self.events)


def output(view: RunView) -> Any:
    """What a run gave; its fault where it gave nothing."""
    if view.fault is not None:
        raise view.fault
    return view.output


def texts(chunks: Iterable[Chunk]) -> str:
    """The text of chunks."""
    return "".join(getattr(chunk, "text", "") for chunk in chunks)
