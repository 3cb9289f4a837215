"""Walks a graph: ready steps run in line where they are alone, side by side where they are not."""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from shared.core.faults import (
    BadGraph,
    Diverged,
    Fault,
    Malformed,
    OurFault,
    OverBudget,
    ProviderFault,
    Refused,
)
from shared.runtime.course import Course
from shared.runtime.edges import Skip
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph, Node
from shared.runtime.step import Step
from shared.runtime.view import StepStatus

MISSING: Any = object()
"""In the place of a value that is not there yet."""


class Walk:
    """One way through a graph."""

    __slots__ = ("_course", "_graph", "_values", "_waits")

    def __init__(self, graph: Graph[Any, Any], course: Course, given: Any) -> None:
        self._graph, self._course = graph, course
        self._values: list[Any] = [given] + [MISSING] * len(graph.nodes)
        self._waits = [node.waits for node in graph.nodes]

    async def all(self) -> Any:
        """Run every step. The goal's value; raises the first failure, after its siblings are cancelled."""
        ready: list[Node] = []
        for at in self._graph.first:
            ready += self._reached(self._graph.nodes[at])
        while len(ready) == 1:
            ready = self._done(ready[0], await self._node(ready[0]))
        if ready:
            async with asyncio.TaskGroup() as group:
                for node in ready:
                    group.create_task(self._branch(node, group))
        return self._values[self._graph.goal_at]

    async def _branch(self, node: Node, group: asyncio.TaskGroup) -> None:
        """From one node on; where the way forks, the others get tasks of their own."""
        while True:
            ready = self._done(node, await self._node(node))
            if not ready:
                return
            for other in ready[1:]:
                group.create_task(self._branch(other, group))
            node = ready[0]

    def _done(self, node: Node, value: Any) -> list[Node]:
        """Note a value, run the pure steps that were waiting for it; the acting ones that are ready now."""
        self._values[node.at + 1] = value
        ready: list[Node] = []
        for at in node.feeds:
            self._waits[at] -= 1
            if not self._waits[at]:
                ready += self._reached(self._graph.nodes[at])
        return ready

    def _reached(self, node: Node) -> list[Node]:
        return [node] if node.step.acts else self._done(node, self._pure(node))

    def _arguments(self, node: Node) -> list[Any]:
        known = self._values
        if node.optional:
            return [None if isinstance(known[source], Skip) else known[source] for source in node.sources]
        return [known[source] for source in node.sources]

    async def _node(self, node: Node) -> Any:
        """Run an acting step: one lane, or one per element."""
        values, at = self._arguments(node), node.step.each
        if at is None:
            return await lane(self._course, node.step, node.step.name, values)
        lanes = self._fan(node.step, values, at)
        return tuple(
            value for value in await self._side_by_side(node.step, lanes) if not isinstance(value, Skip)
        )

    def _fan(self, step: Step, values: list[Any], at: int) -> list[list[Any]]:
        elements = values[at]
        if len(elements) > step.width:
            fault = Malformed(
                f"Step {step.name} was given {len(elements)} elements; its width is {step.width}."
            )
            self._course.failed.append((step.name, fault))
            raise fault
        return [[*values[:at], element, *values[at + 1 :]] for element in elements]

    async def _side_by_side(self, step: Step, lanes: list[list[Any]]) -> Sequence[Any]:
        if len(lanes) == 1:
            return [await lane(self._course, step, f"{step.name}[0]", lanes[0])]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(lane(self._course, step, f"{step.name}[{n}]", one))
                for n, one in enumerate(lanes)
            ]
        return [task.result() for task in tasks]

    def _pure(self, node: Node) -> Any:
        """Run a pure step, in line."""
        step, values, at = node.step, self._arguments(node), node.step.each
        try:
            if at is None:
                return checked(step, _call(step, step.function, values))
            found = [checked(step, _call(step, step.function, one)) for one in self._fan(step, values, at)]
        except Exception as error:
            fault = of_ours(error, step.name)
            fault.add_note(f"in step {step.name}")
            self._course.failed.append((step.name, fault))
            raise fault from error
        return tuple(value for value in found if not isinstance(value, Skip))


class Retrace(Walk):
    """A replay's way: one lane after the other, each as far as the recorded run took it."""

    __slots__ = ()

    async def all(self) -> Any:
        """Run every step that can be reached. The goal's value; MISSING where the recorded run did not come to it."""
        for node in self._graph.nodes:
            if any(self._values[source] is MISSING for source in node.sources):
                continue
            try:
                value = await self._node(node) if node.step.acts else self._pure(node)
            except asyncio.CancelledError:
                if not self._course.cut:
                    raise
            except Diverged:
                raise
            except Fault:
                continue
            else:
                self._values[node.at + 1] = value
        return self._values[self._graph.goal_at]

    async def _side_by_side(self, step: Step, lanes: list[list[Any]]) -> Sequence[Any]:
        found, stopped = [], False
        for n, values in enumerate(lanes):
            try:
                found.append(await lane(self._course, step, f"{step.name}[{n}]", values))
            except asyncio.CancelledError:
                if not self._course.cut:
                    raise
                stopped = True
            except Diverged:
                raise
            except Fault:
                stopped = True
        if stopped:
            self._course.cut = True
            raise asyncio.CancelledError
        return found


async def lane(course: Course, step: Step, path: str, values: Sequence[Any]) -> Any:
    """One lane of an acting step: attempts, waits, `otherwise`. Its value; raises the last attempt's fault with a note
    of every attempt before."""
    context = course.context
    began = 0.0 if context is None else context.clock.monotonic()
    seconds = step.budget.seconds
    fx = Fx(course, step, path, None if seconds is None else began + seconds)
    try:
        value, status = await _attempts(fx, step, values)
        if type(value) is not step.gives.type:
            checked(step, value)
    except asyncio.CancelledError:
        course.step_over(path, fx.tally, "cancelled", "", None, began)
        raise
    except Diverged:
        raise
    except Fault as fault:
        course.step_over(path, fx.tally, "failed", "", fault, began)
        course.failed.append((path, fault))
        raise
    digest = blake2b(step.adapter.serializer.to_json(value), digest_size=16).hexdigest()
    course.step_over(path, fx.tally, status, digest, None, began)
    if status == "finished":
        course.keep(fx.servable)
    return value


async def _attempts(fx: Fx, step: Step, values: Sequence[Any]) -> tuple[Any, StepStatus]:
    course, path = fx.course, fx.path
    before: list[str] = []
    while True:
        attempt = fx.tally.attempt = fx.attempt
        data = {"trace": course.trace, "step": path, "model": step.first, "attempt": attempt}
        course.say("step", f"step:{path}:{attempt}", data)
        try:
            value = await step.function(fx, *values)
        except Diverged:
            raise
        except Exception as error:
            fault = of_ours(error, path)
            fault.add_note(f"in step {path}, attempt {attempt}" + (f", rung {fx.rung}" if fx.rung else ""))
            wait = _wait(fx, step, fault)
            if wait is None:
                if step.otherwise is not None and _falls(fault):
                    return await _instead(fx, step, step.otherwise, values), "otherwise"
                for line in before:
                    fault.add_note(line)
                if fault is error:
                    raise
                raise fault from error
            before.append(f"before: attempt {attempt}, {fault.code}: {fault.message}")
            if wait:
                await asyncio.sleep(wait)
            fx.attempt += 1
            fx.servable.clear()
        else:
            return value, "skipped" if type(value) is Skip else "finished"


def _wait(fx: Fx, step: Step, fault: Fault) -> float | None:
    """Seconds before the next attempt; None where there is none. Both are recorded; what is taken is not waited for."""
    if fx.attempt >= step.retry.attempts or not fault.retryable or isinstance(fault, OurFault):
        return None

    def draw() -> float | None:
        context = fx.course.context
        assert context is not None
        chance = (context.ids.uuid().int & 0xFFFFFFFF) / 2**32
        wait = step.retry.delay(fx.attempt, chance, fault.retry_after)
        late = fx.until is not None and context.clock.monotonic() + wait >= fx.until
        return None if late else wait

    wait, taken = fx.recorded("delay", str(fx.attempt), draw)
    return 0.0 if taken and wait is not None else wait


def _falls(fault: Fault) -> bool:
    """Whether `otherwise` may stand in: for a provider that failed and for money that does not reach, not for what the
    caller must hear or what is broken here."""
    return isinstance(fault, OverBudget) or (
        isinstance(fault, ProviderFault) and not isinstance(fault, Refused)
    )


async def _instead(fx: Fx, step: Step, other: Callable[..., Any], values: Sequence[Any]) -> Any:
    try:
        return await other(fx, *values) if step.otherwise_acts else other(*values)
    except Diverged:
        raise
    except Exception as error:
        fault = of_ours(error, fx.path)
        fault.add_note(f"in otherwise of step {fx.path}")
        raise fault from error


def _call(step: Step, function: Callable[..., Any], values: Sequence[Any]) -> Any:
    try:
        return function(*values)
    except Fault as fault:
        if step.otherwise is None or not _falls(fault):
            raise
        return step.otherwise(*values)


def checked(step: Step, value: Any) -> Any:
    """`value`, where it is what the step declares. Raises BadGraph."""
    kind, many = step.gives.type, step.gives.shape == "many"
    if type(value) is kind and not many:
        return value
    if many and isinstance(value, tuple) and all(isinstance(one, kind) for one in value):
        return value
    if (not many and isinstance(value, kind)) or (step.skips and isinstance(value, Skip)):
        return value
    raise BadGraph(f"{step.where}: returned {type(value).__name__}, not {step.gives}")


def of_ours(error: Exception, path: str) -> Fault:
    """Any exception as a Fault. A value that does not validate is a malformed answer; the rest is our defect."""
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return of_ours(error.exceptions[0], path)
    if isinstance(error, Fault):
        return error
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Malformed(f"What step {path} made is no valid {error.title}: {where}: {first['msg']}.")
    return OurFault(f"Step {path} broke with {type(error).__name__}.")


def dumped(graph: Graph[Any, Any], value: Any) -> bytes:
    """The goal's value as JSON."""
    if graph.goal_at == 0:
        return graph.given_adapter.dump_json(value)
    return graph.nodes[graph.goal_at - 1].step.adapter.dump_json(value)
