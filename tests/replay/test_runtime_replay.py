"""Every run can be rebuilt from its log alone, to the byte."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.entry import Entry
from shared.core.faults import Conflict, Diverged, OverBudget, TimedOut
from shared.core.prompt import ask
from shared.fakes.models import says
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.run import replay, run
from shared.runtime.step import step
from shared.runtime.view import Replay, RunView
from tests.unit.runtime_kit import BOOK, CHEAP, GIVEN, ROOM, Brief, Draft, Home, flaky, output, script

TURNS = st.lists(st.integers(0, 4), max_size=8)


def without_a_loop(graph: Graph[Brief, object], tape: Sequence[Entry]) -> Replay:
    """A replay that is driven by hand: it never waits for anything, so there is nothing that it could wait for."""
    work = replay(graph, tape)
    try:
        work.send(None)
    except StopIteration as done:
        found: Replay = done.value
        return found
    work.close()
    raise AssertionError("the replay waited for something")


async def same(home: Home, view: RunView, graph: Graph[Brief, object] = BOOK) -> Replay:  # type: ignore[assignment]
    """The replay of a run, which gives an equal view and an equal stream."""
    found = without_a_loop(graph, await home.tape())
    assert found.wire() == home.wire
    assert replace(found.view, fault=None) == replace(view, fault=None)
    assert (found.view.fault is None) == (view.fault is None)
    assert [event.position for event in found.events] == list(range(1, len(found.events) + 1))
    return found


async def test_a_run_is_rebuilt_to_the_byte() -> None:
    """Output, view and event stream of a replay are the recorded ones, with lanes, a structured step and a clock."""
    home = Home()
    view = await run(BOOK, GIVEN, home.context())
    found = await same(home, view)
    assert found.output == output(view)


@settings(max_examples=150, deadline=None)
@given(turns=TURNS, lag=st.integers(0, 3))
def test_any_schedule_is_rebuilt(turns: list[int], lag: int) -> None:
    """Whatever the interleaving of lanes, log and readers, with faults of each kind, the replay is equal."""

    async def scene() -> None:
        home = Home(rules=flaky(), turns=turns, lag=lag)
        view = await run(BOOK, GIVEN, home.context())
        assert view.output.parts == ("Polished better", "Polished better", "(three)")
        await same(home, view)

    asyncio.run(scene())


@settings(max_examples=150, deadline=None)
@given(turns=TURNS, after=st.integers(0, 80), lag=st.integers(0, 2))
def test_a_cancelled_run_is_rebuilt(turns: list[int], after: int, lag: int) -> None:
    """Cancelled at any turn of the loop, a run leaves a log that replays to what its readers saw."""

    async def scene() -> None:
        home = Home(rules=flaky(), turns=turns, lag=lag)
        task = asyncio.create_task(run(BOOK, GIVEN, home.context()))
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        tape = await home.tape()
        if not tape:
            return  # cancelled before it began
        assert tape[-1].kind == "end"
        found = without_a_loop(BOOK, tape)  # type: ignore[arg-type]
        assert found.wire() == home.wire
        intents = [(e.step, e.key, e.occurrence, e.leg) for e in tape if e.kind == "intent"]
        assert intents == sorted(set(intents), key=intents.index)
        assert set(intents) == {(e.step, e.key, e.occurrence, e.leg) for e in tape if e.kind == "outcome"}
        if found.view.status == "cancelled":
            assert home.events[-1].data["code"] == "cancelled"

    asyncio.run(scene())


async def test_a_run_that_failed_is_rebuilt() -> None:
    """The fault of a failing lane, and where its siblings were cancelled, come out of the log."""
    home = Home(rules=script(says("research", fault=TimedOut("silent"))), turns=[3, 1])
    view = await run(BOOK, GIVEN, home.context())
    assert isinstance(view.fault, TimedOut)
    found = await same(home, view)
    assert str(found.view.fault) == "silent"


async def test_a_refusal_of_the_purse_is_rebuilt() -> None:
    """What the budget refused live it refuses in the replay, though no purse is asked."""
    home = Home(cap=20)
    view = await run(BOOK, GIVEN, home.context())
    assert isinstance(view.fault, OverBudget)
    assert home.models.sent == []
    await same(home, view)


async def test_no_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay works with every socket shut."""
    home = Home()
    view = await run(BOOK, GIVEN, home.context())
    tape = await home.tape()

    def shut(*_: object, **__: object) -> None:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket, "socket", shut)
    monkeypatch.setattr(socket, "create_connection", shut)
    assert (await replay(BOOK, tape)).output == view.output


@step(ladder=CHEAP, budget=ROOM)
async def words(fx: Fx, brief: Brief) -> Draft:
    """One call."""
    return Draft((await fx.write(ask(f"say {brief.text}", max_output=50))).text)


@step(ladder=CHEAP, budget=ROOM)
async def reworded(fx: Fx, brief: Brief) -> Draft:
    """The same step with another prompt."""
    return Draft((await fx.write(ask(f"tell {brief.text}", max_output=50))).text)


async def test_a_changed_prompt_is_named_with_its_first_byte() -> None:
    """Code that asks something else than the log has diverges, with the byte at which it does."""
    home = Home(rules=())
    old = Graph("say", given=Brief, steps=(words,), goal=Draft)
    await run(old, GIVEN, home.context())
    reworded.__step__ = replace(reworded.__step__, name="words")  # type: ignore[attr-defined]
    new = Graph("say", given=Brief, steps=(reworded,), goal=Draft)
    with pytest.raises(
        Diverged, match=r"The request of step words differs at byte \d+: recorded .*say bees.*tell bees"
    ):
        await replay(new, await home.tape())


async def test_a_changed_row_is_noticed() -> None:
    """A log whose answer was altered gives another digest, and the replay says so."""
    home = Home()
    await run(BOOK, GIVEN, home.context())
    tape = list(await home.tape())
    at = next(n for n, entry in enumerate(tape) if entry.kind == "outcome" and entry.step == "research")
    pieces = [
        [position, ms, "Bees lie." if isinstance(what, str) else what]
        for position, ms, what in tape[at].body["pieces"]
    ]
    tape[at] = replace(tape[at], body={**tape[at].body, "pieces": pieces})
    with pytest.raises(Diverged):
        await replay(BOOK, tape)


@pytest.mark.parametrize("cut", [1, 3, -1])
async def test_a_log_that_is_not_whole_is_refused(cut: int) -> None:
    """A run without its end can't be replayed, nor one with a row missing."""
    home = Home()
    await run(BOOK, GIVEN, home.context())
    tape = await home.tape()
    with pytest.raises(Conflict):
        await replay(BOOK, tape[:cut])
    with pytest.raises(Diverged, match="not whole"):
        await replay(BOOK, tape[:2] + tape[3:])
