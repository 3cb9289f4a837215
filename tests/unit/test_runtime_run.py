"""How a run behaves: attempts, fallbacks, repairs, cancellation, its log, and its figures."""

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import BaseModel, ConfigDict

from shared.core.chunk import Refusal
from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import (
    BadGraph,
    Malformed,
    OurFault,
    Overloaded,
    Refused,
    Throttled,
    TimedOut,
    Unavailable,
)  # fmt: skip
from shared.core.ids import run_id
from shared.core.prompt import ask
from shared.core.usage import Usage
from shared.fakes.models import FakeModels, says
from shared.models.catalogue import FLASH, FLASH_LITE, HAIKU, SONNET
from shared.runtime.budget import Budget
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.run import replay, run, what_if
from shared.runtime.step import step
from shared.runtime.view import RunView
from tests.unit.runtime_kit import (
    BOOK,
    CHEAP,
    GIVEN,
    LADDER,
    QUICK,
    ROOM,
    SCRIPT,
    TENANT,
    Brief,
    Draft,
    Home,
    flaky,
    output,
    script,
)  # fmt: skip


def alone(function: object, **how: object) -> Graph[Brief, Draft]:
    """A graph of one step."""
    return Graph("alone", given=Brief, steps=(function,), goal=Draft, **how)  # type: ignore[arg-type]


@step(ladder=LADDER, budget=ROOM, retry=QUICK)
async def words(fx: Fx, brief: Brief) -> Draft:
    """One call."""
    return Draft((await fx.write(ask(f"say {brief.text}", max_output=50))).text)


WORDS = alone(words)


class Answer(BaseModel):
    """A structured answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    points: tuple[str, ...] = ()


@step(ladder=LADDER, budget=ROOM)
async def asked(fx: Fx, brief: Brief) -> Draft:
    """One structured call."""
    found = await fx.ask(ask(f"say {brief.text}", max_output=50), Answer)
    return Draft(f"{found.title}: {', '.join(found.points)}")


ASKED = alone(asked)


async def test_a_rung_that_fails_is_our_cost() -> None:
    """The next rung serves; the customer pays for it alone, and the log has both."""
    home = Home(
        rules=[
            says("say", "half", fault=Overloaded("down"), after=1, model=SONNET.name),
            says("say", "whole"),
        ]
    )
    view = await run(WORDS, GIVEN, home.context())
    assert output(view) == Draft("whole")
    (lane,) = view.steps
    assert (lane.model, lane.legs, lane.attempt, lane.cuts) == (FLASH.name, 2, 1, 1)
    legs = [row for row in await home.tape() if row.kind == "outcome"]
    assert [(row.model, row.fault) for row in legs] == [
        (SONNET.name, "provider_overloaded"),
        (FLASH.name, ""),
    ]
    assert view.cost == legs[1].cost
    assert view.lost == legs[0].cost
    assert [e.data["how"] for e in home.events if e.name == "spliced"] == ["restart"]


async def test_a_retryable_fault_is_tried_again() -> None:
    """When the whole ladder failed the step is tried again, after a wait that is recorded."""
    home = Home(
        rules=[says("say", fault=Throttled("slow down", retry_after=0.01), times=2), says("say", "at last")]
    )
    view = await run(WORDS, GIVEN, home.context())
    assert output(view) == Draft("at last")
    assert view.steps[0].attempt == 2
    waits = [row.body["value"] for row in await home.tape() if row.body.get("what") == "delay"]
    assert len(waits) == 1
    assert waits[0] >= 0.01


async def test_a_fault_says_where_it_was_and_what_came_before() -> None:
    """The last attempt's exception carries its step, attempt and rung, and the attempts before it."""
    home = Home(rules=[says("say", fault=Overloaded("down"))])
    view = await run(WORDS, GIVEN, home.context())
    assert isinstance(view.fault, Overloaded)
    assert view.fault.__notes__ == [
        f"in step words, attempt 2, rung {FLASH.name}",
        "before: attempt 1, provider_overloaded: down",
    ]
    assert view.steps[0].status == "failed"
    assert home.events[-1].data == {
        "trace": view.trace,
        "code": "provider_overloaded",
        "message": "down",
        "advice": "",
    }


async def test_a_refusal_is_not_gone_round() -> None:
    """A content refusal ends the run: no other rung, no other attempt, no fallback."""
    home = Home(rules=[says("say", Refusal("I won't."), finish="refusal")])
    view = await run(WORDS, GIVEN, home.context())
    assert isinstance(view.fault, Refused)
    assert view.fault.message == "I won't."
    assert home.models.sent == [SONNET.name]


async def test_a_structured_answer_is_checked() -> None:
    """The type's schema is asked for natively, every property required and none beside them."""
    home = Home(rules=[says("say", '{"title":"Bees",', '"points":["dance"]}')])
    view = await run(ASKED, GIVEN, home.context())
    assert output(view) == Draft("Bees: dance")
    schema = home.models.calls[0].prompt.schema
    assert schema is not None
    assert schema.body["required"] == ["title", "points"]
    assert schema.body["additionalProperties"] is False


async def test_an_answer_that_does_not_fit_is_repaired_once() -> None:
    """It goes back with what is wrong; readers are told that what they saw is void."""
    home = Home(rules=[says("Return the whole", '{"title":"Bees","points":[]}'), says("say", '{"title":1}')])
    view = await run(ASKED, GIVEN, home.context())
    assert output(view) == Draft("Bees: ")
    second = home.models.calls[1].prompt.messages
    assert second[-2].text == '{"title":1}'
    assert "title: 1 is not of type" in second[-1].text
    assert "spliced" in [event.name for event in home.events]
    assert view.cost == 600


async def test_a_second_misfit_is_malformed() -> None:
    """One repair and no more."""
    home = Home(rules=[says("say", "no json")])
    view = await run(ASKED, GIVEN, home.context())
    assert isinstance(view.fault, Malformed)
    assert len(home.models.sent) == 2


async def test_the_ladder_steps_down_to_what_fits() -> None:
    """Where the first rung's worst case does not fit, the rungs that do are asked."""

    @step(ladder=(SONNET, FLASH_LITE), budget=Budget(micros=700, tokens=60_000, seconds=9))
    async def tight(fx: Fx, brief: Brief) -> Draft:
        return Draft((await fx.write(ask(f"say {brief.text}", max_output=50))).text)

    home = Home(rules=[says("say", "cheap")])
    view = await run(alone(tight), GIVEN, home.context())
    assert output(view) == Draft("cheap")
    assert home.models.sent == [FLASH_LITE.name]


async def test_otherwise_stands_in_where_nothing_fits() -> None:
    """No rung fits: `otherwise` gives the value, and nothing is sent."""

    def plain(brief: Brief) -> Draft:
        return Draft(f"({brief.text})")

    @step(ladder=LADDER, budget=Budget(micros=1, tokens=60_000, seconds=9), otherwise=plain)
    async def poor(fx: Fx, brief: Brief) -> Draft:
        return Draft((await fx.write(ask(f"say {brief.text}", max_output=50))).text)

    home = Home()
    view = await run(alone(poor), GIVEN, home.context())
    assert output(view) == Draft("(bees)")
    assert view.steps[0].status == "otherwise"
    assert home.models.sent == []
    assert (await replay(alone(poor), await home.tape())).wire() == home.wire


async def test_an_overrun_is_recorded() -> None:
    """Tokens that no limit covers are paid for, and stand in the view for reconciliation."""
    home = Home(rules=[says("say", "deep", usage=Usage(input=10, output=100_000, reasoning=99_000))])
    view = await run(WORDS, GIVEN, home.context())
    assert view.overrun > 0
    assert view.cost > view.overrun


async def test_cancelling_reaches_the_provider_and_leaves_no_open_leg() -> None:
    """Mid-stream: the call is closed at once, its leg written down with what it had come to, the run as cancelled."""
    home = Home(rules=[says("say", "one ", "two ", "three ", between=30.0)])
    task = asyncio.create_task(run(WORDS, GIVEN, home.context()))
    while not home.models.sent:  # noqa: ASYNC110 - the fake has no event to wait for
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(home.models.left) == 1
    rows = await home.tape()
    assert [row.kind for row in rows] == ["run", "intent", "outcome", "step", "end"]
    assert rows[2].fault == "caller_left"
    assert [piece[2] for piece in rows[2].body["pieces"]] == ["one "]
    assert rows[-1].finish == "cancelled"
    assert rows[-1].cost == rows[2].cost == 100
    assert home.events[-1].data["code"] == "cancelled"
    assert (await replay(WORDS, rows)).wire() == home.wire


async def test_a_failing_lane_cancels_its_siblings() -> None:
    """The first failure is the run's; siblings' calls are closed and logged."""
    home = Home(rules=script(says("research", fault=Refused("no")), says("outline", "{", "}", between=30.0)))
    view = await run(BOOK, GIVEN, home.context())
    assert isinstance(view.fault, Refused)
    assert {lane.name: lane.status for lane in view.steps} == {"research": "failed", "outline": "cancelled"}
    assert len(home.models.left) == 1


async def test_a_run_has_its_time() -> None:
    """The graph's seconds end it, and its replay too."""
    slow = Graph("alone", given=Brief, steps=(words,), goal=Draft, cap=Budget(seconds=60.0))
    slow.cap = Budget(seconds=0.02)
    home = Home(rules=[says("say", "one ", "two ", between=30.0)])
    view = await run(slow, GIVEN, home.context())
    assert isinstance(view.fault, TimedOut)
    assert (await replay(slow, await home.tape())).wire() == home.wire


async def test_a_step_has_its_time() -> None:
    """What is left of a step's seconds is the deadline of its calls."""
    home = Home(rules=[says("say", "x")])
    await run(WORDS, GIVEN, home.context())
    assert home.models.calls[0].deadline == 60.0


async def test_a_defect_in_a_step_is_ours() -> None:
    """An exception that is no Fault ends the run as an internal error, with its own traceback as the cause."""

    @step()
    async def broken(fx: Fx, brief: Brief) -> Draft:
        return Draft(str(1 // 0))

    view = await run(alone(broken), GIVEN, Home().context())
    assert type(view.fault) is OurFault
    assert view.fault.message == "Step broken broke with ZeroDivisionError."
    assert isinstance(view.fault.__cause__, ZeroDivisionError)


async def test_a_value_of_another_type_is_refused() -> None:
    """What a step returns is checked before anybody uses it."""

    @step()
    async def wrong(fx: Fx, brief: Brief) -> Draft:
        return brief  # type: ignore[return-value]

    view = await run(alone(wrong), GIVEN, Home().context())
    assert isinstance(view.fault, BadGraph)
    assert view.fault.message.endswith("returned Brief, not Draft")


async def test_more_elements_than_the_width_are_refused() -> None:
    """The quote is for `width` lanes, so there are no more."""
    home = Home(rules=script(says("outline", '{"headings":["1","2","3","4","5"]}')))
    view = await run(BOOK, GIVEN, home.context())
    assert isinstance(view.fault, Malformed)
    assert "5 elements; its width is 4" in view.fault.message


async def test_the_same_call_twice_at_a_time_needs_a_label() -> None:
    """Two equal calls in flight could not be told apart in a replay."""

    @step(ladder=LADDER, budget=ROOM)
    async def twice(fx: Fx, brief: Brief) -> Draft:
        prompt = ask("say", max_output=5)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fx.write(prompt)) for _ in range(2)]
        return Draft("".join(task.result().text for task in tasks))

    view = await run(alone(twice), GIVEN, Home(rules=[says("say", "a", "b", between=0.0)]).context())
    assert isinstance(view.fault, BadGraph)
    assert "give each call a label" in view.fault.message


async def test_nothing_is_sent_before_its_intent_is_durable() -> None:
    """The log comes first: where it can't be written, no provider is asked, and the run says so."""

    class Down(Home):
        async def append(self, entries: Sequence[Entry]) -> None:
            raise Unavailable("Postgres is away.")

    home = Down()
    with pytest.raises(Unavailable):
        await run(WORDS, GIVEN, home.context())
    assert home.models.sent == []


async def test_a_chain_takes_one_append_a_call() -> None:
    """A finished call's rows go out with the next intent: one call costs one append, the end another."""

    @step(ladder=LADDER, budget=ROOM)
    async def three(fx: Fx, brief: Brief) -> Draft:
        for n in range(3):
            await fx.write(ask(f"say {n}", max_output=5))
        return Draft("done")

    home = Home(rules=[says("say", "x")])
    await run(alone(three), GIVEN, home.context())
    assert len(home.snapshots) == 4


async def test_a_result_is_durable_before_the_next_call_is_sent() -> None:
    """Whatever is sent, every outcome before it is in the log."""
    home = Home()
    done: list[tuple[int, int]] = []

    class Watched(FakeModels):
        def _rule(self, text: str, model: str) -> object:  # type: ignore[override]
            rows = home.log.rows[TENANT]
            done.append((len([r for r in rows if r.kind == "intent"]), len(self.sent)))
            return super()._rule(text, model)

    home.models = Watched(*SCRIPT, clock=home.clock)
    await run(BOOK, GIVEN, home.context())
    assert len(done) == 8
    assert all(intents >= sent for intents, sent in done)


async def test_conclude_takes_the_last_rows() -> None:
    """The caller writes the end together with what depends on it; readers hear of it after that."""
    home = Home(rules=[says("say", "x")])
    taken: list[tuple[RunView, Sequence[Entry], int]] = []

    async def conclude(view: RunView, entries: Sequence[Entry]) -> None:
        taken.append((view, entries, len([e for e in home.events if e.final])))
        await home.log.append(entries)

    view = await run(WORDS, GIVEN, home.context(), conclude=conclude)
    ((seen, entries, final),) = taken
    assert seen == view
    assert entries[-1].kind == "end"
    assert final == 0
    assert home.events[-1].final
    assert entries[-1].body["events"] == view.events_digest


async def test_readers_that_fail_don_t_stop_the_run() -> None:
    """Where nobody can be told, the run goes on; its log tells every event."""

    async def away(events: Sequence[Event]) -> None:
        raise Unavailable("Redis is away.")

    home = Home()
    view = await run(BOOK, GIVEN, home.context(emit=away))
    assert view.status == "finished"
    assert len((await replay(BOOK, await home.tape())).events) == view.events


async def test_slow_readers_hold_the_run_back_and_miss_nothing() -> None:
    """A reader that lags gets every event in order; what waits for it is bounded."""
    pieces = [f"{n} " for n in range(1500)]
    home = Home(rules=[says("say", *pieces, between=0.0)], lag=40)
    view = await run(WORDS, GIVEN, home.context())
    assert output(view).text == "".join(pieces)
    assert [event.position for event in home.events] == list(range(1, view.events + 1))


async def test_one_read_is_one_event() -> None:
    """Pieces that come without a wait between them are told together."""
    home = Home(rules=[says("say", "a", "b", "c")])
    await run(WORDS, GIVEN, home.context())
    assert [event.data["text"] for event in home.events if event.name == "token"] == ["abc"]


async def test_what_if_pays_for_what_changed_alone() -> None:
    """Other models for one step: its calls are sent, those before come from the log, those after where their prompts
    changed; the new run stands on its own log."""
    home = Home()
    before = await run(BOOK, GIVEN, home.context())
    other = Home(
        rules=script(says("outline", '{"headings":["one","two"]}')), run=run_id("doc", home.ids.uuid())
    )
    delta = await what_if(BOOK, await home.tape(), {"outline": (FLASH_LITE, HAIKU)}, other.context())
    assert other.models.sent == [FLASH_LITE.name]
    assert delta.view.output.parts == ("Polished better",) * 2
    assert not delta.same_output
    costs = {one.name: one.cost for one in delta.steps}
    assert costs["draft[0]"] == 0
    assert costs["draft[2]"] == -before.steps[4].cost
    assert delta.view.cost == delta.view.steps[1].cost > 0
    assert all(lane.borrowed for lane in delta.view.steps if lane.step == "draft")
    changed = BOOK.with_ladders({"outline": (FLASH_LITE, HAIKU)})
    found = await replay(changed, await other.tape())
    assert found.wire() == other.wire
    assert found.view == delta.view


async def test_what_if_with_nothing_changed_is_free() -> None:
    """The same models for a step that failed over: only it is asked again."""
    home = Home(rules=flaky())
    await run(BOOK, GIVEN, home.context())
    other = Home(run=run_id("doc", home.ids.uuid()))
    delta = await what_if(BOOK, await home.tape(), {}, other.context())
    assert other.models.sent == []
    assert delta.view.cost == 0
    assert delta.same_output
    assert (await replay(BOOK, await other.tape())).wire() == other.wire


@pytest.mark.parametrize("after", [5, 20, 40])
async def test_what_if_from_a_run_that_was_stopped(after: int) -> None:
    """What a cancelled run finished is free; what it left is asked again, and told in the new run alone."""
    home = Home(rules=flaky(), turns=[2, 1])
    task = asyncio.create_task(run(BOOK, GIVEN, home.context()))
    for _ in range(after):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    other = Home(run=run_id("doc", home.ids.uuid()))
    delta = await what_if(BOOK, await home.tape(), {}, other.context())
    assert delta.view.status == "finished"
    assert [event.position for event in other.events] == list(range(1, len(other.events) + 1))
    assert (await replay(BOOK, await other.tape())).wire() == other.wire


async def test_what_if_names_a_step_that_asks() -> None:
    """A name that is no asking step is refused, with the nearest one."""
    home = Home()
    await run(BOOK, GIVEN, home.context())
    with pytest.raises(BadGraph, match="no step 'reserch' that asks a model; nearest is 'research'"):
        await what_if(BOOK, await home.tape(), {"reserch": CHEAP}, home.context())
