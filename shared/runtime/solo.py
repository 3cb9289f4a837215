"""One logged step outside a graph: what a chat completion is. The same log, events, purse and replay as a graph's.

async with Session(context, "chat", given={...}, ladder=ladder) as session:
    async with aclosing(session.fx.chunks(prompt)) as chunks: ...
session.view
"""

from asyncio import CancelledError
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from shared.core.answer import Answer
from shared.core.chunk import Completion, Text
from shared.core.entry import Entry
from shared.core.faults import Conflict, Fault, OurFault
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.runtime.answer import from_row
from shared.runtime.asked import Asked
from shared.runtime.budget import Budget
from shared.runtime.course import Context, Course, Mode, Plan, Render
from shared.runtime.edges import Slot
from shared.runtime.effects import Fx
from shared.runtime.journal import Conclude, shielded
from shared.runtime.lanes import of_ours
from shared.runtime.retelling import left_over, retold
from shared.runtime.step import Ladder, Retry, Step
from shared.runtime.tally import Tally, status_of
from shared.runtime.tape import Record, Tape, fault_of
from shared.runtime.view import Replay, RunStatus, RunView, StepStatus, plain

VERSION = "solo"
_LIMIT = Budget(seconds=600.0)
_ANSWERS: TypeAdapter[tuple[Completion, ...]] = TypeAdapter(tuple[Completion, ...])


@dataclass(slots=True)
class _Kept(Tally):
    """A tally that keeps its rows: a session's output is made of them."""

    rows: list[Entry] = field(default_factory=list)

    def add(self, outcome: Entry, void: bool = False) -> None:
        self.rows.append(outcome)
        Tally.add(self, outcome, void)

    def answers(self) -> tuple[Completion, ...]:
        """The delivered answers, in the order in which they were asked for."""
        calls: dict[tuple[str, int], list[Entry]] = {}
        for row in sorted(self.rows, key=lambda row: row.body["intent"]):
            calls.setdefault((row.key, row.occurrence), []).append(row)
        return tuple(_completion(rows) for rows in calls.values() if not rows[-1].fault)


def _completion(rows: list[Entry]) -> Completion:
    answer, texts = Answer(), list[str]()
    for row in rows:
        for _, _, what in row.body["pieces"]:
            if type(what) is str:
                texts.append(what)
                continue
            if texts:
                answer.add(Text("".join(texts)))
                texts = []
            answer.add(from_row(what))
    if texts:
        answer.add(Text("".join(texts)))
    return answer.completion()


class Session:
    """A run of one step whose body is the `async with` block. Its output is a tuple of the answers it got.

    `given` is JSON that says what was asked; `ladder` the default for `fx.chunks`; `budget` holds for all calls
    together. `conclude` and `context.render` are as for `run`. A Fault that leaves the block ends the run as failed, a
    cancellation or a closed generator as cancelled; both go on to the caller. `view` is there afterwards.
    """

    def __init__(
        self,
        context: Context,
        name: str = "chat",
        *,
        given: Mapping[str, Any],
        ladder: Ladder = (),
        budget: Budget = _LIMIT,
        conclude: Conclude | None = None,
    ) -> None:
        self._step = _step(name, ladder, budget)
        quote = Micros(budget.micros or context.cap or 0)
        plan = Plan(
            name,
            VERSION,
            dict(given),
            dict(given),
            (name,),
            {},
            quote,
            budget,
            solo=True,
            model=ladder[0].name if ladder else "",
        )
        self._course = Course(plan, Mode.RECORD, context)
        self._course.conclude = conclude
        self._clock = context.clock
        self._began = 0.0
        self.view: RunView | None = None

    @property
    def refused(self) -> bool:
        """Whether it was not let through: nothing was done, and nothing is written."""
        return self._course.refused

    async def __aenter__(self) -> Self:
        """Begin: nothing is written before the first intent."""
        self._began = self._clock.monotonic()
        seconds = self._step.budget.seconds
        self.fx = _open(self._course, self._step, None if seconds is None else self._began + seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: settle, write the last rows, tell the end. Shielded from cancellation."""
        self._course.ending()
        status: RunStatus = "finished"
        fault: Fault | None = None
        if isinstance(error, Exception):
            status, fault = "failed", of_ours(error, self._step.name)
        elif error is not None:
            status = "cancelled"
        course = self._course
        if course.refused:
            return
        if error is None:
            course.keep(self.fx.servable)
        journal, context = course.journal, course.context
        assert journal is not None
        assert context is not None
        if context.behind is not None and error is None and not course.asked:
            context.behind(self._end(status, fault))
            return
        if journal.busy or course.conclude is not None or course.telling.heard:
            await shielded(self._end(status, fault))
        else:
            # Waits for nothing but the last rows, which are written whatever happens: a shield would be a task more.
            await self._end(status, fault)
        if journal.left is not None:
            raise journal.left

    async def _end(self, status: RunStatus, fault: Fault | None) -> None:
        """Shielded, so that a cancellation at the very end can't lose what the session came to."""
        self.view = await _over(self._course, self._step.name, status, fault, self._began)


async def replay_session(tape: Tape, *, render: Render = plain) -> Replay:
    """`replay` of a session: its calls told again in the order in which they were sent. Raises Diverged, Conflict."""
    row, end = tape.run, tape.end
    if end is None:
        raise Conflict(f"The run {row.run} is not over yet.")
    plan, name = _plan_of(tape), row.body["graph"]
    course = Course(plan, Mode.REPLAY, None, tape, render=render)
    fx = _open(course, _step(name, (), plan.cap), None)
    for ident in tape.known:
        if ident.startswith("repair:"):
            course.say("spliced", ident, {"trace": course.trace, "step": name, "how": "repair"})
    for asked, record in _sent(tape):
        try:
            async for _ in retold(fx, asked, record):
                pass
        except Fault:
            continue  # the session saw it too; what it made of it stands in the end row
        except CancelledError:
            if not course.cut:
                raise
    status: RunStatus = (
        "cancelled" if end.finish == "cancelled" else "failed" if end.finish == "failed" else "finished"
    )
    fault = None if end.body["fault"] is None else fault_of(end.body["fault"])
    return Replay(await _over(course, name, status, fault, 0.0), course.telling.ordered())


async def end_abandoned(entries: Sequence[Entry], context: Context) -> RunView:
    """End a session whose process died: what was delivered is kept, the leg that it died in is closed, and the run has
    failed. Raises Conflict where it is over, OurFault where another process ends it at the same moment."""
    tape = Tape(entries)
    if tape.end is not None:
        raise Conflict(f"The run {tape.run.run} is over: {tape.end.finish}.")
    name: str = tape.run.body["graph"]
    course = Course(_plan_of(tape), Mode.RESUME, context, tape)
    fx = _open(course, _step(name, (), course.plan.cap), None)
    for asked, record in _sent(tape):
        if not (record.over or record.left):
            left_over(fx, asked, record)
            continue
        with suppress(Fault):
            async for _ in retold(fx, asked, record):
                pass
    fault = OurFault("The process that answered this was lost before it was done.")
    return await shielded(_over(course, name, "failed", fault, context.clock.monotonic()))


def _plan_of(tape: Tape) -> Plan:
    """A recorded session's plan."""
    body = tape.run.body
    given, quote = body["given"], Micros(body["quote"])
    name, cap = body["graph"], Budget(*body["cap"])
    return Plan(name, VERSION, given, given, (name,), {}, quote, cap, solo=True, model=body["model"])


def _sent(tape: Tape) -> Iterator[tuple[Asked, Record]]:
    """A recorded session's calls in the order in which they were sent."""
    records = [record for found in tape.calls.values() for record in found if record.legs]
    for record in sorted(records, key=lambda one: one.legs[0].intent.position):
        was = record.legs[0].intent
        yield Asked(Prompt(()), b"", was.key, was.occurrence, (), stream=True), record


def _step(name: str, ladder: Ladder, budget: Budget) -> Step:
    async def body() -> None:
        """The body is the caller's block."""

    return Step(
        name, body, name, (), Slot(Completion), True, False, ladder, budget, Retry(), None, False, frozenset(), 0, True,
        0, _ANSWERS, None, "",
    )  # fmt: skip


def _open(course: Course, step: Step, until: float | None) -> Fx:
    course.begin()
    course.tallies[step.name] = _Kept(attempt=1)
    data = {"trace": course.trace, "step": step.name, "model": course.plan.model, "attempt": 1}
    course.say("step", f"step:{step.name}:1", data)
    return Fx(course, step, step.name, until)


async def _over(course: Course, name: str, status: RunStatus, fault: Fault | None, began: float) -> RunView:
    kept = course.tallies[name]
    assert isinstance(kept, _Kept)
    value = kept.answers()
    output = _ANSWERS.dump_json(value)
    ended: StepStatus = status_of(status)
    finished = status == "finished"
    digest = blake2b(output, digest_size=16).hexdigest() if finished else ""
    course.step_over(name, kept, ended, digest, fault, began)
    return await course.finish(status, output if finished else None, value if finished else None, fault, name)
