"""What the runtime itself costs, beside LangGraph and a bare TaskGroup, in the same run: JSON lines on stdout.

    python -m tests.benchmarks.bench_runtime [--rounds N]

No-op steps, an in-memory log, retry policy, budget and fallback evaluated at every step; microseconds of one core.
`limit` is the figure asked for, `ratio` the value over it, `of_langgraph` the value over LangGraph's.
"""

import argparse
import asyncio
import gc
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import make_dataclass
from datetime import datetime
from time import process_time_ns
from typing import Any, TypedDict

import orjson
import uvloop

from shared.adapters.clock import RandomIds, SystemClock
from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId, run_id
from shared.fakes.models import FakeModels
from shared.models.catalogue import FLASH, SONNET
from shared.runtime.budget import Budget
from shared.runtime.course import Context
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.run import run
from shared.runtime.step import Retry, step

STEPS = 100
RUNS = {
    3: {"chatsmart": 400, "taskgroup": 1000, "langgraph": 60},
    STEPS: {"chatsmart": 30, "taskgroup": 60, "langgraph": 4},
}
"""Runs in a round, by length of the chain: some tens of milliseconds each."""
UNITS = {3: ("a run", 1, 180), STEPS: ("a step", STEPS, 20)}
"""What is told of a chain, by its length: of what, how many of them are in a run, and the limit in microseconds."""
Runner = Callable[[], Awaitable[None]]


class Discarded:
    """A log that keeps nothing: what is measured is the runtime, not a store."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Take and forget."""

    async def open_runs(self, kind: str, before: datetime, limit: int) -> Sequence[tuple[TenantId, RunId]]:
        """None."""
        return ()

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """Nothing is kept."""
        return ()


def value_type(number: int) -> type:
    """A frozen type of its own for each edge."""
    return make_dataclass(f"V{number}", [("n", int)], frozen=True, slots=True)


def chain(length: int) -> Graph[Any, Any]:
    """Steps one after the other, each with two rungs, a budget, two attempts and a fallback."""
    types = [value_type(n) for n in range(length + 1)]
    steps = [link(n, types[n], types[n + 1]) for n in range(length)]
    return Graph(f"chain{length}", given=types[0], steps=steps, goal=types[-1], cap=Budget(micros=10**9))


def link(number: int, takes: type, gives: type) -> Callable[..., Any]:
    """One step of the chain."""

    def instead(value: Any) -> Any:
        return gives(value.n)

    async def act(fx: Fx, value: Any) -> Any:
        return gives(value.n + 1)

    instead.__annotations__ = {"value": takes, "return": gives}
    act.__annotations__ = {"fx": Fx, "value": takes, "return": gives}
    act.__name__ = f"step{number}"
    declare = step(
        ladder=(SONNET, FLASH),
        budget=Budget(micros=1000, tokens=1000, seconds=30),
        retry=Retry(attempts=2),
        otherwise=instead,
    )
    return declare(act)


def ours(length: int) -> Runner:
    """The runtime on a chain."""
    graph = chain(length)
    clock, ids, log = SystemClock(), RandomIds(), Discarded()
    models = FakeModels(clock=clock)
    given = graph.given(0)

    async def once() -> None:
        context = Context(TenantId("t"), run_id("doc", ids.uuid()), "bench", clock, ids, models, log)
        view = await run(graph, given, context)
        assert view.output.n == length, view.fault

    return once


def bare(length: int) -> Runner:
    """A task per step, one after the other."""

    async def act(n: int) -> int:
        return n + 1

    async def once() -> None:
        n = 0
        for _ in range(length):
            async with asyncio.TaskGroup() as group:
                task = group.create_task(act(n))
            n = task.result()
        assert n == length

    return once


def langgraph(length: int) -> Runner:
    """LangGraph on the same chain, without a checkpointer."""
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        n: int

    async def act(state: State) -> State:
        return {"n": state["n"] + 1}

    builder = StateGraph(State)
    names = [f"s{n}" for n in range(length)]
    for name in names:
        builder.add_node(name, act)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    graph = builder.compile()

    async def once() -> None:
        found = await graph.ainvoke({"n": 0}, {"recursion_limit": length + 5})
        assert found["n"] == length

    return once


async def measured(once: Runner, runs: int) -> float:
    """Microseconds of CPU a run."""
    for _ in range(3):
        await once()
    gc.collect()
    began = process_time_ns()
    for _ in range(runs):
        await once()
    return (process_time_ns() - began) / runs / 1000


async def compare(rounds: int) -> None:
    """Interleaved rounds; the median of each runner."""
    runners = {"chatsmart": ours, "taskgroup": bare, "langgraph": langgraph}
    for length in (3, STEPS):
        made = {name: make(length) for name, make in runners.items()}
        gc.collect()
        gc.freeze()  # what was imported is not looked through again, as in a server
        found: dict[str, list[float]] = {name: [] for name in runners}
        for _ in range(rounds):
            for name, once in made.items():
                found[name].append(await measured(once, RUNS[length][name]))
        median = {name: statistics.median(times) for name, times in found.items()}
        for name, micros in median.items():
            tell(length, name, micros, median["langgraph"])


def tell(length: int, runner: str, micros: float, langgraph: float) -> None:
    """One figure; the limit is ours alone."""
    what, parts, limit = UNITS[length]
    value = micros / parts
    name = f"chain of {length}, {what}"
    figure: dict[str, object] = {"bench": "runtime", "name": name, "value": round(value, 2), "unit": "us"}
    if runner == "chatsmart":
        figure |= {"limit": limit, "ratio": round(value / limit, 3)}
    else:
        figure["name"] = f"{name}, {runner}"
    figure["of_langgraph"] = round(micros / langgraph, 3)
    print(orjson.dumps(figure).decode(), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    uvloop.run(compare(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
