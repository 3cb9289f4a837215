"""A run whose process was killed goes on from its log: nothing finished is paid twice, and nothing shown is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Conflict, Overloaded
from shared.fakes.models import Rule, says
from shared.runtime.run import replay, resume, run
from shared.runtime.view import RunView
from tests.unit.runtime_kit import BOOK, CHEAP, GIVEN, SCRIPT, Home, flaky, script

STILL_DOWN = script(says("draft three", fault=Overloaded("down")))
"""What the providers do once the faults that pass have passed."""
TURNS = st.lists(st.integers(0, 3), max_size=6)


async def recorded(rules: Sequence[Rule], turns: Sequence[int], lag: int) -> tuple[Home, RunView]:
    """A run that nothing happens to: its log is cut afterwards, as a killed process would have left it."""
    home = Home(rules=rules, turns=turns, lag=lag)
    return home, await run(BOOK, GIVEN, home.context())


async def gone_on(
    tape: Sequence[Entry], seen: Sequence[Event], rules: Sequence[Rule] = SCRIPT
) -> tuple[Home, RunView]:
    """Another process takes the run over."""
    home = Home(rules=rules)
    await home.log.append(tape)
    home.events.extend(seen)
    view = await resume(BOOK, tape, home.context(), seen=seen)
    return home, view


def paid(tape: Sequence[Entry]) -> set[tuple[str, str, int]]:
    """Calls that a log has an answer to."""
    return {(e.step, e.key, e.occurrence) for e in tape if e.kind == "outcome" and not e.fault}


async def check(tape: Sequence[Entry], seen: Sequence[Event], whole: RunView, rules: Sequence[Rule]) -> None:
    """What holds of every resumed run."""
    home, view = await gone_on(tape, seen, rules)
    after = await home.tape()
    assert view.output.parts == whole.output.parts
    assert view.output.notes == whole.output.notes
    twice = [(e.step, e.key, e.occurrence) for e in after[len(tape) :] if e.kind == "outcome" and not e.fault]
    assert not paid(tape) & set(twice)
    assert len(home.models.sent) == len([e for e in after[len(tape) :] if e.kind == "intent"])
    assert [event.position for event in home.events] == list(range(1, len(home.events) + 1))
    found = await replay(BOOK, after)
    assert found.wire() == home.wire
    assert replace(found.view, fault=None) == replace(view, fault=None)


@settings(max_examples=12, deadline=None)
@given(turns=TURNS, lag=st.integers(0, 2), faults=st.booleans())
def test_killed_after_any_append_it_goes_on(turns: list[int], lag: int, faults: bool) -> None:
    """From the log as it stands after every append, with readers who saw what was out then: equal output, no finished
    call sent again, positions without a gap, and a log that replays to what readers saw."""

    async def scene() -> None:
        home, whole = await recorded(flaky() if faults else SCRIPT, turns, lag)
        tape = await home.tape()
        for rows, out in home.snapshots[:-1]:
            await check(tape[:rows], home.events[:out], whole, STILL_DOWN if faults else SCRIPT)

    asyncio.run(scene())


@settings(max_examples=30, deadline=None)
@given(turns=TURNS, lag=st.integers(0, 2), at=st.integers(0, 30), seen=st.integers(0, 60))
def test_readers_may_be_ahead_or_behind(turns: list[int], lag: int, at: int, seen: int) -> None:
    """Readers that saw more than the log explains, or less, or nothing at all, get every position once."""

    async def scene() -> None:
        home, whole = await recorded(flaky(), turns, lag)
        tape = await home.tape()
        snapshots = home.snapshots[:-1]
        rows, _ = snapshots[at % len(snapshots)]
        later = snapshots[at % len(snapshots) + 1 :]
        most = later[0][1] if later else len(home.events) - 2
        await check(tape[:rows], home.events[: min(seen, most)], whole, STILL_DOWN)

    asyncio.run(scene())


@settings(max_examples=12, deadline=None)
@given(turns=TURNS, first=st.integers(0, 30), second=st.integers(0, 30))
def test_killed_twice_it_goes_on_twice(turns: list[int], first: int, second: int) -> None:
    """A resumed run that is killed again is resumed again."""

    async def scene() -> None:
        home, whole = await recorded(flaky(), turns, 1)
        tape = await home.tape()
        snapshots = home.snapshots[:-1]
        rows, out = snapshots[first % len(snapshots)]
        again, _ = await gone_on(tape[:rows], home.events[:out], STILL_DOWN)
        if len(again.snapshots) < 2:
            return
        rows, out = again.snapshots[second % (len(again.snapshots) - 1)]
        await check((await again.tape())[:rows], again.events[:out], whole, STILL_DOWN)

    asyncio.run(scene())


async def test_what_was_shown_of_an_unfinished_call_is_void() -> None:
    """Readers that saw half an answer are told that it starts afresh; the leg it came from is in the log, unpaid."""
    home = Home(rules=[says("research", "Bees ", "dance.", between=0.001), *SCRIPT[1:]])
    task = asyncio.create_task(run(BOOK, GIVEN, home.context()))
    for _ in range(1000):
        if any(event.name == "token" and event.data["step"] == "research" for event in home.events):
            break
        await asyncio.sleep(0)
    tape, seen = await home.tape(), tuple(home.events)
    task.cancel()
    await asyncio.wait((task,))
    after, view = await gone_on(tape, seen)
    told = [
        (e.name, e.data.get("how") or e.data.get("text"))
        for e in after.events
        if e.data.get("step") == "research"
    ]
    assert told[1:5] == [("token", "Bees "), ("spliced", "restart"), ("token", "Bees "), ("token", "dance.")]
    rows = [e for e in await after.tape() if e.step == "research" and e.kind == "outcome"]
    assert [(row.leg, row.fault, row.cost) for row in rows] == [(1, "abandoned", None), (2, "", 400)]
    assert view.steps[0].cuts == 1


async def test_a_run_that_is_over_is_not_resumed() -> None:
    """Conflict says so."""
    home, _ = await recorded(SCRIPT, (), 0)
    with pytest.raises(Conflict, match="is over"):
        await resume(BOOK, await home.tape(), home.context())


async def test_a_run_handed_over_tells_no_end() -> None:
    """Where `conclude` says that it did not write, readers see no last event, and another process goes on."""
    home = Home(turns=[5])

    async def leave(view: RunView, entries: Sequence[Entry]) -> bool:
        return False

    task = asyncio.create_task(run(BOOK, GIVEN, home.context(), conclude=leave))
    for _ in range(30):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    tape = await home.tape()
    assert tape[-1].kind != "end"
    assert not any(event.name in ("usage", "failed") for event in home.events)
    whole = await recorded(SCRIPT, (), 0)
    await check(tape, home.events, whole[1], SCRIPT)


async def test_changed_models_ask_again() -> None:
    """Under new code a step with other models pays again; one that is unchanged takes what is paid."""
    home, _ = await recorded(SCRIPT, (), 0)
    tape = (await home.tape())[:-1]
    changed = BOOK.with_ladders({"research": CHEAP})
    other = Home()
    await other.log.append(tape)
    view = await resume(changed, tape, other.context(), seen=home.events[:-2])
    assert other.models.sent == [CHEAP[0].name]
    assert view.steps[0].model == CHEAP[0].name
    assert view.output.parts == ("Polished better",) * 3
    assert (await replay(changed, await other.tape())).wire() == home_wire(other, home)


def home_wire(other: Home, home: Home) -> bytes:
    """What readers of both processes got."""
    return b"".join(event.wire() for event in (*home.events[:-2], *other.events))
