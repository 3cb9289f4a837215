"""A graph of steps, joined by their types and checked when its module is imported (design law 1).

    ARTICLE = Graph("article", given=Brief, steps=(research, draft, polish, publish), goal=Article, cap=Budget(...))

Whatever can be refused is refused here, in one line; a graph that can be imported can be run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from shared.core.faults import BadBrief
from shared.runtime.budget import ANY, ZERO, Budget, Quote, StepQuote, dearest
from shared.runtime.draw import draw
from shared.runtime.edges import Slot, checked_type, refuse
from shared.runtime.step import Ladder, Step, check, step_of

if TYPE_CHECKING:
    from shared.runtime.view import RunView

In = TypeVar("In")
Out = TypeVar("Out")
Edge = tuple[type, bool]
"""A type, and whether a tuple of it travels."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step in its place. Values are numbered: 0 is what was given, n + 1 what node n gave."""

    at: int
    step: Step
    sources: tuple[int, ...]
    waits: int
    """How many nodes must be done before this one."""
    feeds: tuple[int, ...]
    """The nodes that wait for this one."""
    optional: bool
    """Whether a value that it takes may be a Skip."""


class Graph(Generic[In, Out]):
    """Steps from a given value to a goal. Frozen: `.order`, `.version`, `.quote(given)`, `.draw(view)`.

    Raises BadGraph in one line that names the step, its file and line, the type and the nearest candidate.
    """

    def __init__(
        self,
        name: str,
        *,
        given: type[In],
        steps: Sequence[Callable[..., Any]],
        goal: type[Out],
        cap: Budget = ANY,
    ) -> None:
        found = []
        for function in steps:
            known = step_of(function)
            if known is None:
                raise refuse(
                    f"graph {name}", f"{getattr(function, '__name__', function)!r} is no step; add @step()"
                )
            found.append(known)
        self.name, self.given, self.goal, self.cap = name, given, goal, cap
        self.nodes: tuple[Node, ...] = ()
        self._build(tuple(found))

    def _build(self, steps: tuple[Step, ...]) -> None:
        where = f"graph {self.name}"
        checked_type(self.given, where, "given")
        checked_type(self.goal, where, "goal")
        producers = _producers(where, self.given, steps)
        needs = {one.name: _needs(one, producers, steps) for one in steps}
        if (self.goal, False) not in producers:
            raise refuse(
                where, f"no step gives its goal {self.goal.__name__}{_nearest((self.goal, False), producers)}"
            )
        order = _sorted(steps, needs, where)
        _check_reach(order, needs, producers[(self.goal, False)], self.goal)
        last = producers[(self.goal, False)]
        if last is not None and last.skips:
            raise refuse(last.where, f"may skip, but gives the goal {self.goal.__name__}")
        self.nodes = _nodes(order, needs)
        self.goal_at = 0 if last is None else order.index(last) + 1
        self.first = tuple(node.at for node in self.nodes if not node.waits)
        self._quote = _quote(self.nodes)
        if not self._quote.worst <= self.cap:
            raise refuse(
                where, f"its worst case {_said(self._quote.worst)} is over its cap {_said(self.cap)}"
            )

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the steps in an order in which they can run: the declared one where types allow it."""
        return tuple(node.step.name for node in self.nodes)

    @property
    def acting(self) -> tuple[str, ...]:
        """The names of the steps that act: those that events and views tell of."""
        return tuple(node.step.name for node in self.nodes if node.step.acts)

    @cached_property
    def given_adapter(self) -> TypeAdapter[Any]:
        """Reads and writes the given value as JSON."""
        return TypeAdapter(self.given)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Of each step, a hash of what its paid results depend on beside its prompts: its result's type, its ladder.

        Data, not source text: a run resumed under new code keeps the results of steps whose digest is unchanged.
        """
        return {node.step.name: _digest(_facts(node.step)) for node in self.nodes}

    @cached_property
    def version(self) -> str:
        """A hash of the graph as data: names, types, ladders, budgets, retries. 16 hex digits."""
        policies = [
            [one.name, repr(one.budget), repr(one.retry), one.width, [str(slot) for _, slot in one.takes]]
            for one in (node.step for node in self.nodes)
        ]
        schemas = [self.given_adapter.json_schema(), self.goal.__name__]
        return _digest([self.name, schemas, self.digests, policies, repr(self.cap)])

    def quote(self, given: In) -> Quote:
        """The worst case of a run: binding, because the purse refuses what would pass a step's budget, and so the same
        for every `given`. Raises BadBrief where `given` is not of the graph's type."""
        if not isinstance(given, self.given):
            raise BadBrief(f"{self.name} is given {self.given.__name__}, not {type(given).__name__}.")
        return self._quote

    def draw(self, view: "RunView | None" = None) -> str:
        """The graph as Mermaid; with a run, each node says who served it, its cost and time, and where it was cut."""
        return draw(self, view)

    def with_ladders(self, ladders: Mapping[str, Ladder]) -> "Graph[In, Out]":
        """This graph with other models for some steps. Raises BadGraph where a rung can't do a step's job."""
        unknown = sorted(set(ladders) - {node.step.name for node in self.nodes if node.step.ladder})
        if unknown:
            raise refuse(
                f"graph {self.name}",
                f"has no step '{unknown[0]}' that asks a model{_near(unknown[0], self.order)}",
            )
        steps = []
        for one in (node.step for node in self.nodes):
            changed = one
            if one.name in ladders:
                rungs = tuple(ladders[one.name])
                changed = replace(one, ladder=rungs, first=rungs[0].name if rungs else "", lone=True)
            check(changed)
            steps.append(changed)
        other = Graph.__new__(Graph)
        other.name, other.given, other.goal, other.cap = self.name, self.given, self.goal, self.cap
        other._build(tuple(steps))
        return other


def _producers(where: str, given: type, steps: tuple[Step, ...]) -> dict[Edge, Step | None]:
    """Who gives each type; None is the caller."""
    found: dict[Edge, Step | None] = {(given, False): None}
    names: set[str] = set()
    for one in steps:
        if one.name in names:
            raise refuse(one.where, f"{where} has two steps of this name")
        names.add(one.name)
        edge = (one.gives.type, one.gives.many or one.each is not None)
        if edge in found:
            before = found[edge]
            other = "is given to the graph" if before is None else f"comes from {before.where} already"
            raise refuse(one.where, f"gives {_named(edge)}, which {other}; each type has one producer")
        found[edge] = one
    return found


def _needs(
    one: Step, producers: Mapping[Edge, Step | None], steps: tuple[Step, ...]
) -> tuple[Step | None, ...]:
    """The producers of a step's parameters, in order."""
    found = []
    for name, slot in one.takes:
        edge = (slot.type, slot.many)
        if edge not in producers:
            raise refuse(
                one.where, f"parameter '{name}' needs {slot}, which no step gives{_nearest(edge, producers)}"
            )
        producer = producers[edge]
        skips = producer is not None and producer.skips and producer.each is None
        if skips and slot.shape != "maybe":
            raise refuse(
                one.where,
                f"parameter '{name}' needs {slot}, but {_name(producer)} may skip; take Maybe[{slot}]",
            )
        if not skips and slot.shape == "maybe":
            raise refuse(one.where, f"parameter '{name}' is {slot}, but {_name(producer)} never skips")
        found.append(producer)
    return tuple(found)


def _sorted(steps: tuple[Step, ...], needs: Mapping[str, tuple[Step | None, ...]], where: str) -> list[Step]:
    order: list[Step] = []
    left = list(steps)
    while left:
        ready = next((one for one in left if not any(need in left for need in needs[one.name])), None)
        if ready is None:
            raise refuse(left[0].where, f"stands in a cycle of {where}: {_cycle(left[0], needs, left)}")
        left.remove(ready)
        order.append(ready)
    return order


def _cycle(start: Step, needs: Mapping[str, tuple[Step | None, ...]], left: list[Step]) -> str:
    path = [start]
    while True:
        before = next(need for need in needs[path[-1].name] if need is not None and need in left)
        if before in path:
            loop = [before, *reversed(path[path.index(before) :])]
            return " -> ".join(one.name for one in loop)
        path.append(before)


def _check_reach(
    order: list[Step], needs: Mapping[str, tuple[Step | None, ...]], last: Step | None, goal: type
) -> None:
    wanted = {last}
    for one in reversed(order):
        if one in wanted:
            wanted.update(needs[one.name])
    for one in order:
        if one not in wanted:
            raise refuse(one.where, f"gives {one.gives}, on which the goal {goal.__name__} does not depend")


def _nodes(order: list[Step], needs: Mapping[str, tuple[Step | None, ...]]) -> tuple[Node, ...]:
    at = {one.name: n for n, one in enumerate(order)}
    found = []
    for n, one in enumerate(order):
        sources = tuple(0 if need is None else at[need.name] + 1 for need in needs[one.name])
        feeds = tuple(m for m, later in enumerate(order) if one in needs[later.name])
        optional = any(slot.shape == "maybe" for _, slot in one.takes)
        found.append(Node(n, one, sources, len(set(sources) - {0}), feeds, optional))
    return tuple(found)


def _quote(nodes: tuple[Node, ...]) -> Quote:
    """Money and tokens of all steps; of the seconds, those of the longest way through the graph."""
    total = ZERO
    finished: list[float | None] = []
    lines = []
    for node in nodes:
        worst, lanes = _worst(node.step), node.step.width or 1
        lines.append(
            StepQuote(node.step.name, worst * lanes, lanes, tuple(rung.name for rung in node.step.ladder))
        )
        total |= replace(worst * lanes, seconds=0)
        before = [finished[source - 1] for source in node.sources if source]
        known = [seconds for seconds in before if seconds is not None]
        endless = worst.seconds is None or len(known) < len(before)
        finished.append(None if endless else max(known, default=0.0) + (worst.seconds or 0.0))
    ends = [seconds for seconds in finished if seconds is not None]
    seconds = max(ends, default=0.0) if len(ends) == len(finished) else None
    return Quote(replace(total, seconds=seconds), tuple(lines))


def _worst(one: Step) -> Budget:
    """The worst case of one lane: its budget, and no more money than its tokens can cost on its dearest rung."""
    if not one.acts:
        return ZERO
    if not one.ladder:
        return Budget(0, 0, one.budget.seconds)
    micros = one.budget.micros
    if one.budget.tokens is not None and micros is not None:
        fees = (
            one.retry.attempts * max((p.request for rung in one.ladder for p in rung.prices), default=0) > 0
        )
        micros = micros if fees else min(micros, dearest(one.ladder, one.budget.tokens))
    return replace(one.budget, micros=micros)


def _facts(one: Step) -> list[Any]:
    rungs = [[rung.provider, rung.native] for rung in one.ladder]
    return [one.name, one.adapter.json_schema(), rungs, sorted(one.needs)]


def _digest(data: Any) -> str:
    return blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def _named(edge: Edge) -> str:
    return str(Slot(edge[0], "many" if edge[1] else "one"))


def _name(producer: Step | None) -> str:
    return "the caller" if producer is None else producer.name


def _nearest(edge: Edge, producers: Mapping[Edge, Step | None]) -> str:
    """The candidate that was probably meant: the same type in the other number, else the closest name."""
    other = (edge[0], not edge[1])
    if other in producers:
        hint = "take Each or All of it" if other[1] else "a step with Each gives a tuple"
        return f"; nearest is {_named(other)} from {_name(producers[other])} ({hint})"
    named = {key[0].__name__: key for key in producers}
    close = get_close_matches(edge[0].__name__, named, 1, 0.0)
    return f"; nearest is {_named(named[close[0]])} from {_name(producers[named[close[0]]])}" if close else ""


def _near(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, 1)
    return f"; nearest is '{close[0]}'" if close else ""


def _said(budget: Budget) -> str:
    money = "any money" if budget.micros is None else f"{budget.micros} micros"
    tokens = "any tokens" if budget.tokens is None else f"{budget.tokens} tokens"
    seconds = "any time" if budget.seconds is None else f"{budget.seconds:g} seconds"
    return f"({money}, {tokens}, {seconds})"
