"""A session, one logged step outside a graph, has the log, the figures and the replay of a run."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256

import pytest

from shared.core.chunk import Citation, Completion, Reasoning, Text, ToolCallPart
from shared.core.faults import Conflict, Overloaded, Refused
from shared.core.leg import Piece, Restarted
from shared.core.prompt import ask
from shared.fakes.models import says
from shared.models.catalogue import FLASH, SONNET
from shared.runtime.run import replay
from shared.runtime.solo import Session
from tests.unit.runtime_kit import LADDER, Home

PROMPT = ask("hello", max_output=50)
CALL = ToolCallPart(0, "call_1", "look", '{"at":"bees"}')


async def rebuilt(home: Home, session: Session) -> None:
    """The log alone gives the same view and the same stream."""
    found = await replay(None, await home.tape())
    assert session.view is not None
    assert found.wire() == home.wire
    assert replace(found.view, fault=None) == replace(session.view, fault=None)


async def test_an_answer_is_logged_and_rebuilt() -> None:
    """Text, thinking, tool calls and sources come through; the output is the whole answer."""
    home = Home(
        rules=[
            says(
                "hello", Reasoning("hm"), "Hi ", "there", Citation("https://bees.example"), CALL, between=0.0
            )
        ]
    )
    heard = []
    async with Session(home.context(), given={"model": "auto"}, ladder=LADDER) as session:
        heard = [chunk async for chunk in session.fx.chunks(PROMPT)]
    assert [type(chunk).__name__ for chunk in heard] == [
        "Reasoning", "Text", "Text", "Citation", "ToolCallPart", "Used", "Ended"
    ]  # fmt: skip
    view = session.view
    assert view is not None
    (answer,) = view.output
    assert isinstance(answer, Completion)
    assert (answer.text, answer.reasoning, answer.tool_calls[0].name) == ("Hi there", "hm", "look")
    assert (view.status, view.steps[0].model, view.cost) == ("finished", SONNET.name, 700)
    assert [row.kind for row in await home.tape()] == ["run", "intent", "outcome", "step", "end"]
    assert [rows for rows, _ in home.snapshots] == [2, 5]
    await rebuilt(home, session)


async def test_several_answers_side_by_side() -> None:
    """Calls that differ by their label alone; the output has them in the order in which they were sent."""
    home = Home(rules=[says("hello", "Hi ", "there", between=0.0)])
    async with Session(home.context(), given={}, ladder=LADDER) as session, asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(session.fx.write(PROMPT, label=f"choice {n}"))
    assert session.view is not None
    assert [answer.text for answer in session.view.output] == ["Hi there"] * 3
    assert session.view.cost == 1200
    await rebuilt(home, session)


async def test_a_restart_is_told_and_rebuilt() -> None:
    """What was shown before it is void."""
    home = Home(
        rules=[
            says("hello", "half", fault=Overloaded("down"), after=1, model=SONNET.name),
            says("hello", "whole"),
        ]
    )
    async with Session(home.context(), given={}, ladder=LADDER) as session:
        heard = [chunk async for chunk in session.fx.chunks(PROMPT)]
    assert heard[:3] == [Text("half"), Restarted(2), Text("whole")]
    assert session.view is not None
    assert session.view.output[0].text == "whole"
    assert session.fx.rung == FLASH.name
    await rebuilt(home, session)


async def test_a_fault_ends_it_and_goes_on_to_the_caller() -> None:
    """No rung answers: the log has every leg, the view the fault."""
    home = Home(rules=[says("hello", fault=Overloaded("down"))])
    session = Session(home.context(), given={}, ladder=LADDER)
    with pytest.raises(Overloaded):
        async with session:
            await session.fx.write(PROMPT)
    assert session.view is not None
    assert (session.view.status, session.view.cost) == ("failed", 0)
    assert home.events[-1].data["code"] == "provider_overloaded"
    await rebuilt(home, session)


async def test_a_caller_that_goes_leaves_a_closed_leg() -> None:
    """Cancelled mid-stream: the provider is told, what came is logged, the run is cancelled, nothing is held."""
    home = Home(rules=[says("hello", "one ", "two", between=30.0)])
    session = Session(home.context(), given={}, ladder=LADDER)

    async def work() -> None:
        async with session:
            await session.fx.write(PROMPT)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(home.models.left) == 1
    assert session.view is not None
    assert session.view.status == "cancelled"
    assert session.fx.purse.held == 0
    await rebuilt(home, session)


async def test_a_reader_that_breaks_off_ends_it_well() -> None:
    """A block that closes the stream early ends as finished; the leg it left is in the log."""
    home = Home(rules=[says("hello", "one ", "two", between=0.0)])
    session = Session(home.context(), given={}, ladder=LADDER)
    async with session, aclosing(session.fx.chunks(PROMPT)) as chunks:
        async for _ in chunks:
            break
    assert len(home.models.left) == 1
    assert session.view is not None
    assert session.view.output == ()
    await rebuilt(home, session)


async def test_a_generator_that_is_closed_is_a_cancelled_session() -> None:
    """A stream that serves a client is closed when the client goes: the session inside it ends as cancelled."""
    home = Home(rules=[says("hello", "one ", "two", between=30.0)])
    session = Session(home.context(), given={}, ladder=LADDER)

    async def served() -> AsyncGenerator[Piece, None]:
        async with session, aclosing(session.fx.chunks(PROMPT)) as chunks:
            async for chunk in chunks:
                yield chunk

    stream = served()
    assert await anext(stream) == Text("one ")
    await stream.aclose()
    assert session.view is not None
    assert session.view.status == "cancelled"
    await rebuilt(home, session)


async def test_a_refusal_is_the_caller_s_answer() -> None:
    """`write` raises it; the log has it as a delivered leg."""
    home = Home(rules=[says("hello", finish="content_filter")])
    session = Session(home.context(), given={}, ladder=LADDER)
    with pytest.raises(Refused):
        async with session:
            await session.fx.write(PROMPT)
    await rebuilt(home, session)


async def test_a_session_without_its_end_is_not_replayed() -> None:
    """Conflict says that it is not over."""
    home = Home(rules=[says("hello", "x")])
    async with Session(home.context(), given={}, ladder=LADDER) as session:
        await session.fx.write(PROMPT)
    with pytest.raises(Conflict):
        await replay(None, (await home.tape())[:-1])


async def test_a_session_that_nobody_reads_is_rebuilt_too() -> None:
    """A chat tells no events; its log has the digest of those that there would have been, byte for byte."""
    home = Home(rules=[says("hello", Reasoning("hm"), 'Hi "ünï" \\ ', "there\n", CALL, between=0.0)])
    async with Session(home.context(emit=None), given={}, ladder=LADDER) as session:
        _ = [chunk async for chunk in session.fx.chunks(PROMPT)]
    found = await replay(None, await home.tape())
    assert session.view is not None
    assert replace(found.view, fault=None) == replace(session.view, fault=None)
    assert found.view.events == len(found.events) == 7
    assert sha256(found.wire()).hexdigest() == session.view.events_digest


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_at_the_very_end_loses_nothing(turns: int) -> None:
    """Wherever it comes while rows are on their way: they are written, the view is there, and then it is raised."""
    home = Home(rules=[says("hello", "Hi ", "there", between=0.0)], lag=4)
    session = Session(home.context(emit=None), given={}, ladder=LADDER)
    ended = asyncio.Event()

    async def work() -> None:
        async with session:
            _ = [chunk async for chunk in session.fx.chunks(PROMPT)]
            ended.set()

    task = asyncio.create_task(work())
    await ended.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelled = task.cancel()
    if cancelled:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert session.view is not None
    rows = await home.tape()
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1].kind == "end"
    found = await replay(None, rows)
    assert replace(found.view, fault=None) == replace(session.view, fault=None)


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_while_the_intent_is_written_leaves_a_whole_log(turns: int) -> None:
    """Its rows are written all the same, once, and the end after them."""
    home = Home(rules=[says("hello", "Hi ", "there", between=0.0)], lag=4)
    session = Session(home.context(emit=None), given={}, ladder=LADDER)

    async def work() -> None:
        async with session:
            _ = [chunk async for chunk in session.fx.chunks(PROMPT)]

    task = asyncio.create_task(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.cancel():
        with pytest.raises(asyncio.CancelledError):
            await task
    if turns:
        rows = await home.tape()
        assert rows[-1].kind == "end"
        found = await replay(None, rows)
        assert session.view is not None
        assert replace(found.view, fault=None) == replace(session.view, fault=None)
