"""The cache before the models: what is served again, what is shared, what is never stored."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from shared.core.answer import Answer
from shared.core.chunk import Completion, Refusal, Text, ToolCallPart
from shared.core.faults import Overloaded, ProviderFault, Refused
from shared.core.ids import RunId, SpanId, TenantId, TraceId
from shared.core.leg import Caching, Call, LegEnded, LegStarted, Restarted, Servable, Spliced
from shared.core.prompt import Prompt, ask
from shared.core.schema import Schema
from shared.fakes.answers import FakeAnswers
from shared.fakes.clock import FakeClock
from shared.fakes.flights import FakeFlights
from shared.fakes.models import FakeModels, Rule, says
from shared.fakes.near import FakeNearRecord
from shared.models.catalogue import FLASH_LITE, HAIKU
from shared.recall.fingerprint import Fingerprinter
from shared.recall.lookup import Lookup
from shared.recall.naming import Naming
from shared.recall.recalled import Recalled

CACHING = Caching("exact", 60, "policy", "auto")
SIMULATED = frozenset(spec.provider for spec in (HAIKU, FLASH_LITE))
SPECS = {spec.name: spec for spec in (HAIKU, FLASH_LITE)}
Found = tuple[list[LegStarted], Completion, list[LegEnded], list[Servable]]


def call(text: str = "hi", span: int = 1, **changes: object) -> Call:
    """A question; equal questions of different runs differ in their span."""
    made = Call(
        TenantId("t"), TraceId(f"{span:032x}"), SpanId(f"{span:016x}"), ask(text), (HAIKU, FLASH_LITE), 5.0,
        caching=CACHING, run=RunId(f"chat_{span:032x}"),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


class House:
    """Everything in memory."""

    def __init__(self, *rules: Rule) -> None:
        self.clock = FakeClock()
        self.models = FakeModels(*rules, clock=self.clock)
        self.answers = FakeAnswers()
        lookup = Lookup(self.answers, FakeNearRecord(), self.clock)
        naming = Naming(Fingerprinter(b"0123456789abcdef"))
        self.recalled = Recalled(
            self.models, self.answers, FakeFlights(), lookup, naming, self.clock, SPECS, SIMULATED
        )

    async def heard(self, asked: Call) -> Found:
        """All that comes of a call."""
        started, ended, servable, answer = [], [], [], Answer()
        async with aclosing(self.recalled.stream(asked)) as items:
            async for item in items:
                match item:
                    case LegStarted():
                        started.append(item)
                    case LegEnded():
                        ended.append(item)
                    case Servable():
                        servable.append(item)
                    case Restarted() | Spliced():
                        answer.add(item)
                    case _:
                        for chunk in item:
                            answer.add(chunk)
        return started, answer.completion(), ended, servable

    async def kept(self, asked: Call) -> Found:
        """The same, and what came of it is stored."""
        found = await self.heard(asked)
        self.recalled.keep(found[3])
        await self.recalled.close()
        return found


async def test_an_equal_question_is_served_from_the_cache_and_costs_nothing() -> None:
    """The same text; no model is asked, nothing is paid, and what it had cost is told."""
    house = House(says("hi", "Hel", "lo.", between=0.0))
    _, first, paid, _ = await house.kept(call())
    started, again, ended, servable = await house.heard(call(span=2))
    assert (again.text, again.finish) == (first.text, "stop")
    assert len(house.models.calls) == 1
    assert [leg.served for leg in started] == ["hit"]
    assert (ended[0].cost, ended[0].was) == (0, (paid[0].cost, paid[0].usage))
    assert not servable
    assert (await house.answers.tally(TenantId("t"))).hits == 1


@pytest.mark.parametrize(
    "other",
    [
        call("hello"),
        call(tenant=TenantId("u")),
        call(caching=replace(CACHING, choice="auto:best")),
        call(caching=replace(CACHING, policy="another")),
        call(caching=replace(CACHING, template="article@2/draft")),
        call(prompt=replace(ask("hi"), seed=1)),
        call(prompt=ask("hi", system="Be brief.")),
        call(prompt=ask("hi", max_output=5)),
        call(caching=replace(CACHING, refresh=True)),
        call(caching=replace(CACHING, tier="off")),
        call(caching=None),
    ],
)
async def test_what_could_change_the_answer_is_another_question(other: Call) -> None:
    """Another tenant, model, policy, template or parameter never gets a stored answer."""
    house = House(says("", "Hello."))
    await house.kept(call())
    await house.heard(replace(other, span=SpanId("2" * 16)))
    assert len(house.models.calls) == 2


async def test_an_answer_lives_as_long_as_it_was_stored_for() -> None:
    """Once its time is over it is asked anew."""
    house = House(says("", "Hello."))
    await house.kept(call())
    house.clock.pass_(61)
    await house.heard(call(span=2))
    assert len(house.models.calls) == 2


async def test_what_was_made_up_is_not_served_once_a_model_is_real() -> None:
    """A simulated answer is asked anew when its provider is not simulated any longer."""
    house = House(says("", "Hello."))
    await house.kept(call())
    house.recalled.simulated = frozenset()
    await house.heard(call(span=2))
    assert len(house.models.calls) == 2


@pytest.mark.parametrize(
    ("rule", "prompt"),
    [
        (says("", "Half an ans", finish="length"), ask("hi")),
        (says("", Refusal("No."), finish="refusal"), ask("hi")),
        (says("", finish="stop"), ask("hi")),
        (says("", '{"a": 1}'), ask("hi", schema=Schema("s", {"type": "object", "required": ["b"]}))),
    ],
)
async def test_only_what_is_whole_and_valid_is_stored(rule: Rule, prompt: Prompt) -> None:
    """An answer that was cut short, declined, empty or not what was asked for is never given to somebody else."""
    house = House(rule)
    await house.kept(call(prompt=prompt))
    await house.heard(call(prompt=prompt, span=2))
    assert len(house.models.calls) == 2


async def test_nothing_is_stored_before_its_caller_has_found_it_good() -> None:
    """Answers that nobody kept are asked again."""
    house = House(says("", "Hello."))
    await house.heard(call())
    await house.heard(call(span=2))
    assert len(house.models.calls) == 2


async def test_equal_questions_at_one_time_share_one_answer() -> None:
    """A hundred at once: one is asked, all hear the same, the others pay nothing."""
    house = House(says("", "Hel", "lo ", "world.", start=0.01, between=0.01))
    found = await asyncio.gather(*(house.heard(call(span=n + 1)) for n in range(100)))
    assert len(house.models.calls) == 1
    assert {answer.text for _, answer, _, _ in found} == {"Hello world."}
    assert sum(bool(ended[0].cost) for _, _, ended, _ in found) == 1
    assert sum(started[0].served == "joined" for started, _, _, _ in found) == 99
    assert all(ended[0].was is not None for started, _, ended, _ in found if started[0].served)


async def test_a_leader_that_leaves_hands_over() -> None:
    """Its followers get the whole answer all the same, with one call more."""
    house = House(says("", "Hel", "lo ", "world.", between=0.05))
    leader = house.recalled.stream(call())
    assert isinstance(await anext(leader), LegStarted)
    await anext(leader)
    following = [asyncio.create_task(house.heard(call(span=n + 2))) for n in range(10)]
    await asyncio.sleep(0.02)
    await leader.aclose()
    found = await asyncio.gather(*following)
    assert len(house.models.calls) == 2
    assert all(answer.text.endswith("Hello world.") for _, answer, _, _ in found)
    assert house.models.calls[1].begun == "Hel"
    assert [leg.leg for leg in found[0][0]] == list(range(1, len(found[0][0]) + 1))
    assert len(house.recalled.partials(call())) == 1  # what the leader had come to, for its own log


async def test_a_follower_that_leaves_stops_nobody() -> None:
    """The others hear the rest, and the one call goes on."""
    house = House(says("", "Hel", "lo ", "world.", between=0.02))
    leader = asyncio.create_task(house.heard(call()))
    await asyncio.sleep(0.005)
    follower = house.recalled.stream(call(span=2))
    await anext(follower)
    await follower.aclose()
    assert (await leader)[1].text == "Hello world."
    assert (len(house.models.calls), house.models.left) == (1, [])


@pytest.mark.parametrize("fault", [Overloaded("down"), Refused("no")])
async def test_a_shared_failure_is_everybodys(fault: ProviderFault) -> None:
    """Who waits for an answer that fails is told the same, and nobody knocks at a dead provider for each of them."""
    house = House(says("", "x", fault=fault, after=0, start=0.02))
    found = await asyncio.gather(*(house.heard(call(span=n + 1)) for n in range(20)), return_exceptions=True)
    assert {type(one) for one in found} == {type(fault)}
    assert len(house.models.calls) == 1


async def test_a_failure_of_the_past_is_nobodys() -> None:
    """Who asks after it failed asks anew."""
    house = House(says("", fault=Overloaded("down"), times=2), says("", "Hello."))
    with pytest.raises(Overloaded):
        await house.heard(call())
    house.clock.pass_(1)
    assert (await house.heard(call(span=2)))[1].text == "Hello."


async def test_what_one_model_broke_off_is_stored_as_readers_had_it() -> None:
    """An answer that began anew is stored without what was void."""
    house = House(says("", "Wrong ", fault=Overloaded("gone"), after=1, model=HAIKU.name), says("", "Right."))
    _, first, _, _ = await house.kept(call())
    _, again, _, _ = await house.heard(call(span=2))
    assert (first.text, again.text) == ("Right.", "Right.")


async def test_reads_come_again_as_they_came() -> None:
    """The same pieces in the same reads."""
    house = House(says("", "One ", "two ", "three.", between=0.0))
    await house.kept(call())
    reads = []
    async with aclosing(house.recalled.stream(call(span=2))) as items:
        async for item in items:
            if not isinstance(item, LegStarted | LegEnded | Servable | Restarted | Spliced):
                reads.append([chunk.text for chunk in item if isinstance(chunk, Text)])
    assert reads == [["One "], ["two "], ["three."], []]


async def test_what_nobody_can_go_on_with_is_void_to_all_who_follow() -> None:
    """Half a tool call of a leader that left stands in nobody's answer."""
    pieces = ToolCallPart(0, "c1", "f", '{"a"'), ToolCallPart(0, arguments=":1}")
    house = House(says("", *pieces, between=0.05, finish="tool_calls"))
    leader = house.recalled.stream(call())
    assert isinstance(await anext(leader), LegStarted)
    await anext(leader)
    following = [asyncio.create_task(house.heard(call(span=n + 2))) for n in range(5)]
    await asyncio.sleep(0.02)
    await leader.aclose()
    found = await asyncio.gather(*following, house.heard(call(span=77)))
    assert [one.arguments for _, answer, _, _ in found for one in answer.tool_calls] == ['{"a":1}'] * 6
    assert len(house.models.calls) == 2
