"""Runs a graph: `run`, `resume` after a killed process, `replay` from the log alone, `what_if` with other models."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Conflict, Diverged, Fault, TimedOut
from shared.core.money import Micros
from shared.runtime.budget import Budget
from shared.runtime.course import Context, Course, Mode, Plan, Render
from shared.runtime.graph import Graph
from shared.runtime.journal import Conclude, shielded
from shared.runtime.lanes import Retrace, Walk, dumped, of_ours
from shared.runtime.solo import replay_session
from shared.runtime.step import Ladder
from shared.runtime.tally import recorded
from shared.runtime.tape import Tape, fault_of
from shared.runtime.view import Delta, Replay, RunStatus, RunView, StepDelta, plain

__all__ = ["Context", "replay", "resume", "run", "what_if"]
In = TypeVar("In")
Out = TypeVar("Out")


async def run(
    graph: Graph[In, Out], given: In, context: Context, *, conclude: Conclude | None = None
) -> RunView:
    """Run `graph` on `given`. The view has the output, or the fault that ended the run; a cancellation is written down
    and raised. `conclude(view, entries)` is awaited in place of the last append, so that what depends on the end can
    stand in its transaction. Raises what the log raises where not even the end could be written."""
    course = Course(_plan(graph, given), Mode.RECORD, context)
    course.conclude = conclude
    course.begin()
    return await _live(graph, given, course)


async def resume(
    graph: Graph[In, Out],
    tape: Sequence[Entry],
    context: Context,
    *,
    seen: Sequence[Event] = (),
    conclude: Conclude | None = None,
) -> RunView:
    """Go on with a run whose process died, from its log and the events that its readers got. No finished call is paid
    twice, unless the step's models or result type have changed since. Raises Conflict where the run is over."""
    known = Tape(tape)
    if known.end is not None:
        raise Conflict(f"The run {known.run.run} is over: {known.end.finish}.")
    given = _given(graph, known)
    course = Course(_plan(graph, given, known), Mode.RESUME, context, known, _stale(graph, known))
    course.conclude = conclude
    course.begin(seen)
    return await _live(graph, given, course)


async def replay(graph: Graph[In, Out] | None, tape: Sequence[Entry], *, render: Render = plain) -> Replay:
    """Rebuild a run from its log: output, every event with its position, the view; both digests must be as recorded.
    A session (`runtime.solo`) has no graph.
    Models, clock and network are not there to be used. Raises Diverged naming what differs and where, Conflict where
    the run is not over."""
    known = Tape(tape)
    if known.end is None:
        raise Conflict(f"The run {known.run.run} is not over yet.")
    if known.run.body["solo"]:
        return await replay_session(known, render=render)
    if graph is None:
        raise Conflict(f"The run {known.run.run} needs its graph, {known.run.body['graph']}, to be replayed.")
    given = _given(graph, known)
    course = Course(_plan(graph, given, known), Mode.REPLAY, None, known, render=render)
    course.begin()
    value = await Retrace(graph, course, given).all()
    unused = known.unused()
    if unused is not None:
        raise Diverged(f"Step {unused.step} no longer asks what the log has at position {unused.position}.")
    status, fault, path = _ending(known.end, course.failed)
    finished = status == "finished"
    output = dumped(graph, value) if finished else None
    view = await course.finish(status, output, value if finished else None, fault, path)
    return Replay(view, course.telling.ordered())


async def what_if(
    graph: Graph[In, Out],
    tape: Sequence[Entry],
    ladders: Mapping[str, Ladder],
    context: Context,
    *,
    conclude: Conclude | None = None,
) -> Delta:
    """Run again what a log has, with other models for some steps. Their calls, and those after them whose prompts have
    changed, are sent and paid for; everything else comes from the log, free. A run of its own, that replays too."""
    known = Tape(tape)
    given = _given(graph, known)
    changed = graph.with_ladders(ladders)
    stale = frozenset(ladders) | _stale(graph, known)
    course = Course(_plan(changed, given), Mode.BORROW, context, known, stale)
    course.conclude = conclude
    course.begin()
    view = await _live(changed, given, course)
    before = {step.name: step for step in recorded(known, graph.acting)}
    after = {step.name: step for step in view.steps}
    deltas = tuple(StepDelta(name, before.get(name), after.get(name)) for name in {**before, **after})
    document = "" if known.end is None else known.end.body["document"]
    return Delta(view, deltas, document == view.document_digest)


async def _live(graph: Graph[In, Out], given: In, course: Course) -> RunView:
    walk = Walk(graph, course, given)
    try:
        async with asyncio.timeout(graph.cap.seconds):
            value = await walk.all()
        course.ending()
        output = dumped(graph, value)
    except asyncio.CancelledError:
        await shielded(course.finish("cancelled", None, None, None, ""))
        raise
    except TimeoutError:
        late = TimedOut(f"The run took longer than its {graph.cap.seconds:g} seconds.")
        return await shielded(course.finish("failed", None, None, late, ""))
    except Exception as error:  # noqa: BLE001 - the process edge of a run: whatever ends it stands in its log
        path, fault = course.failed[0] if course.failed else ("", of_ours(error, graph.name))
        return await shielded(course.finish("failed", None, None, fault, path))
    return await shielded(course.finish("finished", output, value, None, ""))


def _plan(graph: Graph[Any, Any], given: Any, known: Tape | None = None) -> Plan:
    """What is to be run; of a run that was begun already, as it was then."""
    quote = graph.quote(given).micros
    version, digests, cap = graph.version, graph.digests, graph.cap
    if known is not None:
        row = known.run.body
        quote, version, digests, cap = (
            Micros(row["quote"]),
            row["version"],
            row["digests"],
            Budget(*row["cap"]),
        )
    given_json = (
        graph.given_adapter.dump_python(given, mode="json") if known is None else known.run.body["given"]
    )
    ladders = {
        node.step.name: [rung.name for rung in node.step.ladder] for node in graph.nodes if node.step.ladder
    }
    return Plan(graph.name, version, given, given_json, graph.acting, digests, quote, cap, ladders)


def _given(graph: Graph[In, Out], known: Tape) -> In:
    """What the recorded run was given. Raises Diverged where it is not what the graph takes."""
    row = known.run.body
    if row["graph"] != graph.name:
        raise Diverged(f"This is a run of {row['graph']}, not of {graph.name}.")
    try:
        given: In = graph.given_adapter.validate_json(orjson.dumps(row["given"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Diverged(
            f"What the run was given is no {graph.given.__name__} any more: {first['msg']}."
        ) from None
    return given


def _stale(graph: Graph[Any, Any], known: Tape) -> frozenset[str]:
    """Steps that would ask other models, or for another type, than when the log was written."""
    digests = known.run.body["digests"]
    return frozenset(name for name, digest in graph.digests.items() if digests.get(name) != digest)


def _ending(end: Entry, failures: Sequence[tuple[str, Fault]]) -> tuple[RunStatus, Fault | None, str]:
    """How the replayed run ends: as its lanes did, where the recorded end does not say that it was stopped."""
    if end.finish == "cancelled":
        return "cancelled", None, ""
    path = end.body["step"]
    if end.finish == "failed" and not path:
        return "failed", fault_of(end.body["fault"]), ""
    if not failures:
        return "finished", None, ""
    failed = dict(failures)
    first = path if path in failed else failures[0][0]
    return "failed", failed[first], first
