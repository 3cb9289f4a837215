"""What all parts of one run share: its mode, its purse, its log, its readers, and the figures of its steps."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, NoReturn

from shared.core.entry import Entry
from shared.core.event import Event, EventName
from shared.core.faults import Conflict, Diverged, Fault
from shared.core.frozen import quick
from shared.core.ids import RunId, TenantId, trace_of
from shared.core.leg import Caching, Servable, Served
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.core.usage import NO_USAGE
from shared.ports.clock import Clock, Ids
from shared.ports.log import Log
from shared.ports.models import Models
from shared.runtime.budget import Budget, Purse
from shared.runtime.checked import MakeFilter
from shared.runtime.journal import Conclude, Journal
from shared.runtime.tally import Tally, total
from shared.runtime.tape import Tape, fault_row, verbatim
from shared.runtime.telling import Emit, Telling
from shared.runtime.view import RunStatus, RunView, StepStatus, plain, usage_data

Render = Callable[[RunView], Mapping[str, Any]]
DONE: frozenset[str] = frozenset({"finished", "otherwise", "skipped"})
"""How a step can end well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a source knows. `source` is its name and version; its text is somebody else's words (law 10)."""

    source: str
    title: str
    url: str
    text: str


@quick
@dataclass(frozen=True, slots=True)
class Context:
    """Where a run runs: who asked (`tenant`, `actor`), its id, the ports, its readers and its cap in micro-dollars.

    `emit` gets events in order, several at a time, and may be slow; `render` makes the payload of `finished`, and the
    same one has to be given to `replay`.
    """

    tenant: TenantId
    run: RunId
    actor: str
    clock: Clock
    ids: Ids
    models: Models
    log: Log
    emit: Emit | None = None
    cap: Micros | None = None
    render: Render = plain
    hedge: bool = False
    """Whether a slow model may be raced against the next."""
    caching: Caching | None = None
    """How the cache is to treat the run's calls; None: it has nothing to do with them."""
    sources: Callable[[str], Awaitable[Sequence[Finding]]] | None = None
    """Looks something up in what the tenant added."""
    instead: Callable[[Prompt, Fault], Prompt | None] | None = None
    """What to ask where a model declined, or no money is left for the answer; None: the fault stands."""
    check: MakeFilter | None = None
    """Makes what an answer has to pass before its readers have it."""
    behind: Callable[[Coroutine[Any, Any, None]], None] | None = None
    """Takes the writing of the last rows of a session for which nobody was asked: nothing depends on them."""
    admit: Callable[[Served], Awaitable[None]] | None = None
    """Lets each leg through before anything is sent, or raises; it is told out of what the answer comes."""
    keep: Callable[[Sequence[Servable]], None] | None = None
    """Takes answers that passed their step's checks, to be served again."""


_NEVER = datetime.min.replace(tzinfo=UTC)
CANCELLED = "The run was cancelled before it was done."


class Mode(Enum):
    """Where acts come from."""

    RECORD = "record"
    """Act and write down."""
    RESUME = "resume"
    """Take what the run's log has, act on the rest."""
    REPLAY = "replay"
    """Take everything; what the log does not have is a divergence, or where an interrupted run stopped."""
    BORROW = "borrow"
    """As RESUME, but out of another run's log: what is taken is copied into this one's, at no cost."""


@quick
@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, in words and numbers: what the log's first row holds."""

    graph: str
    version: str
    given: Any
    given_json: Any
    steps: tuple[str, ...]
    digests: Mapping[str, str]
    quote: Micros
    cap: Budget
    ladders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The models of each step, in order: a run that is resumed elsewhere keeps them."""
    solo: bool = False
    model: str = ""
    """Whom a session asks first."""


class Course:
    """One run on its way. `tape` is what it takes from: its own log (resume, replay) or another run's (borrow).

    `stale` names the steps whose recorded answers don't count, because they would be asked otherwise now.
    """

    __slots__ = (
        "_began",
        "_shown",
        "_started",
        "actor",
        "asked",
        "conclude",
        "context",
        "cut",
        "failed",
        "journal",
        "mode",
        "plan",
        "purse",
        "refused",
        "render",
        "run",
        "say",
        "stale",
        "tallies",
        "tape",
        "telling",
        "tenant",
        "trace",
    )  # fmt: skip

    def __init__(
        self,
        plan: Plan,
        mode: Mode,
        context: Context | None,
        tape: Tape | None = None,
        stale: frozenset[str] = frozenset(),
        render: Render = plain,
    ) -> None:
        self.plan, self.mode, self.context, self.tape, self.stale = plan, mode, context, tape, stale
        if context is None:
            assert tape is not None
            row = tape.run
            self.tenant, self.run, self.actor, self.render = row.tenant, row.run, row.actor, render
        else:
            self.tenant, self.run, self.actor = context.tenant, context.run, context.actor
            self.render = context.render
        self.trace = trace_of(self.run)
        cap = plan.cap if context is None else plan.cap & Budget(micros=context.cap)
        self.purse = Purse("the run", cap)
        self.tallies: dict[str, Tally] = {}
        self.cut = False
        """In a replay: whether a lane has come to where the recorded run stopped."""
        self.journal: Journal | None = None
        emit: Emit | None = None
        if context is not None:
            self.journal = Journal(self.tenant, self.run, self.trace, self.actor, context.clock, context.log)
            emit = context.emit
            self._began = context.clock.monotonic()
        self.telling = Telling(self.trace, emit, None if self.journal is None else self.journal.told.append)
        self.say = self._say_again if mode is Mode.REPLAY else self.telling.say
        """Tell an event: its name, what it is within the run, its data."""
        self.asked = False
        """Whether any model was asked."""
        self.refused = False
        """Whether the first leg was not let through: nothing was done, and nothing need be written down."""
        self.conclude: Conclude | None = None
        self.failed: list[tuple[str, Fault]] = []
        """The lanes that failed, the first failure first."""
        self._started = _NEVER
        self._shown: dict[int, Event] = {}

    @property
    def replaying(self) -> bool:
        """Whether nothing may be done but what the log holds."""
        return self.mode is Mode.REPLAY

    def begin(self, seen: Sequence[Event] = ()) -> None:
        """Write the first row and tell `started`; or go on where the log ends."""
        tape, journal, plan = self.tape, self.journal, self.plan
        steps = list(plan.steps)
        if tape is not None and self.mode is not Mode.BORROW:
            self._started, steps = tape.run.at, tape.run.body["steps"]
            self._go_on(tape, seen)
        data = {
            "trace": self.trace, "id": self.run, "pipeline": plan.graph, "steps": steps,
            "quote_micros": plan.quote,
        }  # fmt: skip
        self.say("started", "started", data)
        if journal is not None and self.mode in (Mode.RECORD, Mode.BORROW):
            self._started = journal.add("run", self._run_body()).at

    def _run_body(self) -> dict[str, Any]:
        plan = self.plan
        body = {
            "graph": plan.graph, "version": plan.version, "given": plan.given_json, "quote": plan.quote,
            "cap": [plan.cap.micros, plan.cap.tokens, plan.cap.seconds], "steps": list(plan.steps),
            "digests": dict(plan.digests), "solo": plan.solo, "model": plan.model,
            "budget": self.context.cap if self.context else None, "ladders": dict(plan.ladders),
        }  # fmt: skip
        if self.mode is Mode.BORROW and self.tape is not None:
            body["from"] = self.tape.run.run
        return body

    def _go_on(self, tape: Tape, seen: Sequence[Event]) -> None:
        """Take over an earlier process's positions; write down what its readers saw and its log does not explain."""
        explained = tape.positions()
        extra = {event.position: event for event in seen if event.position not in explained}
        seen_upto = max((event.position for event in seen), default=0)
        upto = max((*explained, seen_upto), default=0)
        gaps = sorted(set(range(1, upto + 1)) - explained - extra.keys()) if self.journal is not None else []
        shown = self._shown = {event.position: event for event in seen}
        dropped = {ident: place for ident, place in tape.known.items() if self._is_stale(ident)}
        fresh = [*extra.values(), *(self._lost(position) for position in gaps)]
        fresh += [shown.get(place) or tape.told.get(place) or self._lost(place) for place in dropped.values()]
        tape.verbatim += fresh
        tape.forget(dropped)
        self.telling.go_on(tape.known, {} if self.journal is None else tape.told, upto, seen_upto)
        for event in tape.verbatim:
            self.telling.put(event)
        if self.journal is None:
            return
        self.journal.go_on(len(tape.entries))
        rows = [verbatim(event) for event in fresh]
        body = {"seen": rows, "dropped": list(dropped)}
        self.journal.add("effect", body, key="resumed", occurrence=len(tape.entries))
        for row in tape.delivered():
            used = row.usage or NO_USAGE
            self.purse.book(row.cost or 0, used.input + used.output)

    def _lost(self, position: int) -> Event:
        """What stands where an event was that neither the log nor its readers know: positions have no gap."""
        return Event(position, "spliced", {"trace": self.trace, "step": "", "how": "lost"})

    def _say_again(self, name: EventName, ident: str, data: dict[str, Any]) -> None:
        """In a replay: tell an event, where the recorded run did."""
        if ident not in self.telling.known:
            self.absent(f"event '{name}' ({ident})")
        self.telling.say(name, ident, data)

    def absent(self, what: str, diverged: Diverged | None = None) -> NoReturn:
        """The log does not have it: the recorded run was stopped before, or this one is another."""
        if self.tape is not None and self.tape.interrupted:
            self.cut = True
            raise CancelledError
        raise diverged or Diverged(f"{self.run}: the log has no {what}.")

    def _is_stale(self, ident: str) -> bool:
        """Whether an event tells of a step that runs again, so that its words may be others now."""
        kind, _, path = ident.partition(":")
        return kind in ("step", "done", "repair") and self.is_stale(path.partition(":")[0])

    def is_stale(self, path: str) -> bool:
        """Whether what the tape says of this step does not count."""
        return bool(self.stale) and path.partition("[")[0] in self.stale

    def keep(self, answers: list[Servable]) -> None:
        """Answers that were of use may be served again."""
        if answers and self.context is not None and self.context.keep is not None:
            self.context.keep(answers)

    def tally(self, path: str) -> Tally:
        """The figures of a lane."""
        found = self.tallies.get(path)
        if found is None:
            found = self.tallies[path] = Tally()
        return found

    def step_over(
        self, path: str, tally: Tally, status: StepStatus, digest: str, fault: Fault | None, began: float
    ) -> None:
        """A step's lane has ended. In a replay its recorded row decides how; raises Diverged where that is not so."""
        row = self.tape.steps.get(path) if self.tape is not None and self.mode is not Mode.BORROW else None
        if row is not None and self.is_stale(path):
            row = None
        if self.replaying:
            self._compare_step(path, status, digest, row)
        tally.status = status
        if row is not None and row.finish == status:
            tally.total_ms = row.total_ms
        elif self.context is not None:
            tally.total_ms = round((self.context.clock.monotonic() - began) * 1000)
        cost = None if tally.unpriced else tally.cost
        if status in DONE:
            data = {
                "trace": self.trace, "step": path, "model": tally.model, "cost_micros": cost,
                "usage": usage_data(tally.usage, cost), "status": status, "attempt": tally.attempt,
                "total_ms": tally.total_ms, "simulated": tally.simulated,
            }  # fmt: skip
            self.say("step_done", "done:" + path, data)
        if self.journal is not None and (row is None or row.finish != status):
            self.journal.add(
                "step", {"digest": digest} if digest else {}, step=path, attempt=tally.attempt, model=tally.model,
                usage=tally.usage, cost=cost, finish=status, fault=fault.code if fault else "",
                total_ms=tally.total_ms,
            )  # fmt: skip

    def _compare_step(self, path: str, status: StepStatus, digest: str, row: Entry | None) -> None:
        if status == "cancelled":
            return
        if row is None or row.finish == "cancelled":
            self.absent(f"end of step {path}")
        if row.finish != status:
            raise Diverged(f"Step {path} was {row.finish} and is now {status}.")
        was = row.body.get("digest", "")
        if was != digest:
            raise Diverged(f"Step {path} gives another value: its digest was {was!r} and is now {digest!r}.")

    def ending(self) -> None:
        """Nothing more will be done: rows that wait go out with the last ones."""
        if self.journal is not None:
            self.journal.ending = True

    async def finish(
        self, status: RunStatus, output: bytes | None, value: Any, fault: Fault | None, path: str
    ) -> RunView:
        """Tell the end, write the last rows, and only then let readers have it. `output` is `value` as JSON."""
        journal, context, tape = self.journal, self.context, self.tape
        end = tape.end if tape is not None and self.replaying else None
        document = "" if output is None else sha256(output).hexdigest()
        if context is not None and journal is not None:
            await journal.settled()
            ended, total_ms = context.clock.now(), round((context.clock.monotonic() - self._began) * 1000)
            overrun = self.purse.overrun
        elif end is not None:
            ended, total_ms, overrun = end.at, end.total_ms or 0, end.body["overrun"]
        else:
            raise Conflict(f"The run {self.run} is not over; only its own log's end can be replayed.")
        untold = self.telling.missing() if journal is not None else []
        lost = [self._shown.get(position) or self._lost(position) for position in untold]
        for event in lost:
            self.telling.put(event)
        for tally in self.tallies.values():
            tally.end(status)
        found = total(self.tallies, self.plan.steps)
        facts = (
            self.run, self.tenant, self.trace, self.plan.graph, self.plan.version, status, self.plan.given, value,
            fault,
            found.steps, found.cost, found.lost, Micros(overrun), found.unpriced, found.usage, found.simulated,
            self.plan.quote, self.actor, self._started, ended, total_ms,
        )  # fmt: skip
        view = RunView(*facts, document_digest=document)
        used = usage_data(view.usage, None if view.unpriced else view.cost)
        # Both wait until the end is written: a run that is handed over has not told how it ends.
        last = [self.telling.reserve("usage", "usage", {"trace": self.trace, **used})]
        last.append(self.telling.reserve(*self._final(view)))
        view = RunView(*facts, self.telling.count, self.telling.digest(), document)
        if journal is not None:
            rows = [verbatim(event) for event in lost]
            journal.add("end", _end_body(view, path, rows), **_end_columns(view))
            try:
                if await journal.conclude(view, self.conclude):
                    for event in last:
                        self.telling.put(event)
            finally:
                await self.telling.close()
        elif end is not None:
            _compare_end(view, end)
        return view

    def _final(self, view: RunView) -> tuple[EventName, str, dict[str, Any]]:
        head: dict[str, Any] = {"trace": self.trace}
        if view.status == "finished":
            return "finished", "end", head | dict(self.render(view))
        fault = view.fault
        if fault is None:
            return "failed", "end", head | {"code": "cancelled", "message": CANCELLED, "advice": ""}
        return "failed", "end", head | {"code": fault.code, "message": fault.message, "advice": fault.advice}


def _end_body(view: RunView, path: str, lost: Sequence[Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "document": view.document_digest, "events": view.events_digest, "count": view.events, "step": path,
        "overrun": view.overrun, "lost": view.lost, "simulated": view.simulated,
        "fault": None if view.fault is None else fault_row(view.fault),
    }  # fmt: skip
    if lost:
        body["seen"] = lost
    return body


def _end_columns(view: RunView) -> dict[str, Any]:
    return {
        "usage": view.usage, "cost": None if view.unpriced else view.cost, "finish": view.status,
        "fault": view.fault.code if view.fault is not None else "", "total_ms": view.total_ms, "at": view.ended,
    }  # fmt: skip


def _compare_end(view: RunView, end: Entry) -> None:
    """The last word of a replay. Raises Diverged naming what is not as recorded."""
    if view.status != end.finish:
        raise Diverged(f"The run was {end.finish} and is now {view.status}.")
    for name, was, now in (
        ("fault", end.fault, view.fault.code if view.fault is not None else ""),
        ("document", end.body["document"], view.document_digest),
        ("cost", end.cost, None if view.unpriced else view.cost),
        ("number of events", end.body["count"], view.events),
        ("event stream", end.body["events"], view.events_digest),
    ):
        if was != now:
            raise Diverged(f"The {name} of {view.run} was {was!r} and is now {now!r}.")
