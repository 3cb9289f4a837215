"""When the next rung of the ladder is tried, how it goes on, and what is said of each leg."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.clock import SystemClock
from shared.core.chunk import Chunk, Ended, Reasoning, Text, ToolCallPart, Used
from shared.core.faults import (
    Cut,
    Malformed,
    Outrun,
    Overloaded,
    ProviderFault,
    Refused,
    Rejected,
    Throttled,
    TimedOut,
    TooLong,
)
from shared.core.ids import SpanId, TenantId, TraceId
from shared.core.leg import Call, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced
from shared.core.model_spec import ModelSpec
from shared.core.prompt import ask
from shared.core.usage import Usage
from shared.fakes.health import MemoryHealth
from shared.fakes.provider import Move, ScriptedProvider
from shared.models.catalogue import FLASH_LITE, HAIKU, LLAMA
from shared.models.failover import Failover, Limits
from shared.ports.health import Standing

USED: list[Move] = [Used(Usage(input=10, output=2)), Ended("stop")]
GOOD: list[Move] = [Text("Hel"), Text("lo"), *USED]
CALL = Call(TenantId("t"), TraceId("0" * 32), SpanId("1" * 16), ask("hi"), (HAIKU, FLASH_LITE))
LIMITS = Limits(first_token=0.05, thinking_first_token=0.05, between_tokens=0.05)


def over(
    first: list[Move],
    second: list[Move] | None = None,
    third: list[Move] | None = None,
    **refuse: ProviderFault,
) -> tuple[Failover, ScriptedProvider]:
    """Failover over scripted rungs: Haiku, Flash Lite, Llama."""
    provider = ScriptedProvider(
        {
            HAIKU.name: first,
            FLASH_LITE.name: GOOD if second is None else second,
            LLAMA.name: GOOD if third is None else third,
        },
        {name.replace("_", "-"): fault for name, fault in refuse.items()},
    )
    names = (HAIKU.provider, FLASH_LITE.provider, LLAMA.provider)
    clock = SystemClock()
    return Failover(dict.fromkeys(names, provider), clock, MemoryHealth(clock), LIMITS), provider


async def items(models: Failover, call: Call = CALL) -> list[LegItem | Chunk]:
    """All items of a call, its chunks one by one."""
    found: list[LegItem | Chunk] = []
    async for item in models.stream(call):
        if isinstance(item, LegStarted | LegEnded | Restarted | Servable | Spliced):
            found.append(item)
        else:
            found += item
    return found


def text(found: list[LegItem | Chunk]) -> str:
    """What the reader holds at the end: a restart voids what came before."""
    shown = ""
    for item in found:
        if isinstance(item, Restarted):
            shown = ""
        elif isinstance(item, Text):
            shown += item.text
    return shown


def splices(found: list[LegItem | Chunk]) -> list[Spliced]:
    """The joins that readers are told of."""
    return [item for item in found if isinstance(item, Spliced)]


async def test_first_rung_answers() -> None:
    """One good leg: its intent, its pieces, its end, and nobody else asked."""
    models, provider = over(GOOD)
    found = await items(models)
    assert isinstance(found[0], LegStarted)
    last = found[-1]
    assert isinstance(last, LegEnded)
    assert (last.fault, last.finish, last.usage.output, last.cost) == (None, "stop", 2, 2)
    assert provider.asked == [HAIKU.name]
    assert text(found) == "Hello"


@pytest.mark.parametrize(
    "fault", [Overloaded(), TimedOut(), Rejected(provider_status=404), TooLong(provider_status=400)]
)
async def test_failing_before_text_goes_on_without_a_restart(fault: ProviderFault) -> None:
    """A rung that fails before it said anything is passed over unseen."""
    models, provider = over([fault])
    found = await items(models)
    assert text(found) == "Hello"
    assert not any(isinstance(item, Restarted) for item in found)
    assert provider.asked == [HAIKU.name, FLASH_LITE.name]


async def test_silence_is_a_fault_at_the_first_limit() -> None:
    """A rung that sends nothing is left after one time limit, and its connection is closed."""
    models, provider = over([5.0, *GOOD])
    found = await items(models)
    ended = [item for item in found if isinstance(item, LegEnded)]
    assert isinstance(ended[0].fault, TimedOut)
    assert ended[0].total_ms < 1000
    assert text(found) == "Hello"
    assert provider.closed == [HAIKU.name, FLASH_LITE.name]


@pytest.mark.parametrize("end", [[], [5.0], [Cut()], [Overloaded()], [Malformed()], [Throttled()]])
@pytest.mark.parametrize(
    ("rest", "how"),
    [
        ("time there was a fox.", "continued"),
        ("Once upon a time there was a fox.", "restarted"),
        ("Continuing from where I stopped: Once upon a time there was a fox.", "restarted"),
    ],
)
async def test_break_in_the_middle_is_taken_up_by_the_next_rung(end: list[Move], rest: str, how: str) -> None:
    """An answer that breaks off is gone on with where it stopped, by whatever seam; nothing that was shown is void. The
    first leg's usage is an estimate, never nothing."""
    models, provider = over([Text("Once upon "), Text("a ti"), *end], [Text(rest), *USED])
    found = await items(models)
    assert text(found) == "Once upon a time there was a fox."
    assert [(one.leg, one.how) for one in splices(found)] == [(2, how)]
    broken = next(item for item in found if isinstance(item, LegEnded))
    assert broken.fault is not None
    assert broken.usage.provenance == "estimated"
    assert broken.usage.output >= 3
    said = provider.prompts[-1].messages
    assert [message.role for message in said][-2:] == ["assistant", "user"], (
        "no prefill: hosted models refuse it"
    )
    assert said[-2].text == "Once upon a ", (
        "the unfinished word was not shown, so it is not to be gone on with"
    )


async def test_a_model_that_can_continues_the_message_itself() -> None:
    """vLLM is given the unfinished message as its own; what it writes needs no alignment."""
    models, provider = over([Text("One two "), Text("three fo"), Cut()], third=[Text("four."), *USED])
    found = await items(models, replace(CALL, ladder=(HAIKU, LLAMA)))
    assert text(found) == "One two three four."
    assert [one.how for one in splices(found)] == ["prefix"]
    assert provider.prompts[-1].continue_final
    assert provider.prompts[-1].messages[-1].text == "One two three "


async def test_text_goes_out_live_but_for_an_unfinished_word() -> None:
    """The first piece goes out at once; later ones but for the word that their end may have cut."""
    models, _ = over([Text("Hel"), Text("lo wor"), Text("ld, how a"), Text("re you?"), *USED])
    found = [item.text for item in await items(models) if isinstance(item, Text)]
    assert found == ["Hel", "lo ", "world, how ", "are you?"]


async def test_half_a_tool_call_is_asked_for_anew() -> None:
    """More than text can't be gone on with: what was shown is void and the next rung answers the question itself."""
    call = ToolCallPart(0, "call_1", "look", '{"a"')
    models, provider = over([Text("Let me see. "), call, Cut()])
    found = await items(models)
    assert text(found) == "Hello"
    assert Restarted(2) in found
    assert not splices(found)
    assert provider.prompts[-1] == CALL.prompt


async def test_thinking_alone_is_nothing_shown() -> None:
    """A leg that broke while it thought is passed over like one that said nothing."""
    models, provider = over([Reasoning("hm, let me see"), Cut()])
    found = await items(models)
    assert text(found) == "Hello"
    assert not splices(found)
    assert Restarted(2) not in found
    assert provider.prompts[-1] == CALL.prompt


async def test_three_legs_make_one_answer() -> None:
    """A leg that takes up an answer may break too: the next goes on from all that is there."""
    models, _ = over(
        [Text("Alpha beta "), Cut()],
        [Text("gamma delta "), Cut()],
        [Text("epsilon."), *USED],
    )
    found = await items(models, replace(CALL, ladder=(HAIKU, FLASH_LITE, LLAMA)))
    assert text(found) == "Alpha beta gamma delta epsilon."
    assert [one.leg for one in splices(found)] == [2, 3]


async def test_a_named_model_that_broke_off_is_finished_by_others() -> None:
    """Who may finish is asked once text is out, and not before: a caller who named a model gets that one or a fault."""
    named = replace(CALL, ladder=(HAIKU,), finishers=(FLASH_LITE,))
    models, provider = over([Text("Once upon "), 5.0], [Text("a time."), *USED])
    assert text(await items(models, named)) == "Once upon a time."
    models, provider = over([Overloaded("down")])
    with pytest.raises(Overloaded, match="down"):
        await items(models, named)
    assert provider.asked == [HAIKU.name]


async def test_the_last_model_left_may_finish_what_it_began() -> None:
    """One route is no reason for half an answer: the same model is asked to go on."""
    models, provider = over([Text("Once upon "), Cut()])
    provider.then = {HAIKU.name: [Text("a time."), *USED]}
    assert text(await items(models, replace(CALL, ladder=(HAIKU,)))) == "Once upon a time."
    assert provider.asked == [HAIKU.name, HAIKU.name]


async def test_a_trickle_is_a_fault_like_silence() -> None:
    """A model that writes a letter now and then is left for one that answers."""
    slow: list[Move] = [Text("a"), 0.04, Text("b"), 0.04, Text("c"), 0.04, Text("d"), 0.04, *GOOD]
    models, provider = over(slow, [Text("Abc, quickly."), *USED])
    models.limits = replace(LIMITS, slow_start=0.06, slow_start_chars=16)
    found = await items(models)
    ended = [item for item in found if isinstance(item, LegEnded)]
    assert isinstance(ended[0].fault, TimedOut)
    assert provider.asked == [HAIKU.name, FLASH_LITE.name]


async def test_an_open_breaker_costs_no_call() -> None:
    """A model that is known to be down is not asked; where all are, the caller is told when to come back."""
    models, provider = over(GOOD)
    health = models.health
    assert isinstance(health, MemoryHealth)
    await health.quarantine([HAIKU.name], "drifted")
    found = await items(models)
    assert provider.asked == [FLASH_LITE.name]
    assert next(i for i in found if isinstance(i, LegStarted)).why["skipped"] == {HAIKU.name: "drifted"}
    await health.quarantine([FLASH_LITE.name], "drifted")
    with pytest.raises(Overloaded, match="drifted"):
        await items(models)


async def test_repeated_faults_open_the_breaker() -> None:
    """After some silent calls a dead model is passed over without waiting for it again."""
    models, provider = over([5.0])
    for _ in range(3):
        assert text(await items(models)) == "Hello"
    asked = len(provider.asked)
    assert text(await items(models)) == "Hello"
    assert provider.asked[asked:] == [FLASH_LITE.name]


@pytest.mark.parametrize(
    ("ladder", "first"),
    [
        ((LLAMA,), []),
        ((LLAMA, HAIKU), []),
        ((HAIKU, LLAMA), []),
        ((LLAMA, FLASH_LITE), [FLASH_LITE]),
        ((LLAMA, FLASH_LITE, HAIKU), [FLASH_LITE]),
    ],
)
async def test_a_queue_is_better_than_no_answer(
    ladder: tuple[ModelSpec, ...], first: list[ModelSpec]
) -> None:
    """A model that only has requests waiting is asked once nobody else can answer: others are down, or fail now."""
    models, provider = over([Overloaded("never asked")], [Overloaded("fails now")])
    assert isinstance(models.health, MemoryHealth)
    later = datetime.now(UTC) + timedelta(minutes=1)
    models.health.put(LLAMA.name, Standing("open", later, "has requests waiting"))
    models.health.put(HAIKU.name, Standing("open", later, "is down"))
    assert text(await items(models, replace(CALL, ladder=ladder))) == "Hello"
    assert provider.asked == [*(spec.name for spec in first), LLAMA.name]


async def hedged(first: list[Move], second: list[Move]) -> tuple[list[LegItem | Chunk], ScriptedProvider]:
    """A call with a hedge, where Haiku usually begins within 20 ms."""
    models, provider = over(first, second)
    models.limits = Limits()
    assert isinstance(models.health, MemoryHealth)
    models.health.put(HAIKU.name, Standing(first_token_p95_ms=20))
    return await items(models, replace(CALL, hedge=True)), provider


async def test_a_slow_first_token_is_raced_by_the_next_rung() -> None:
    """Past its 95th percentile the next rung is asked as well: the quicker one serves, the other is ended at once and
    what it cost is kept."""
    found, provider = await hedged([0.5, Text("slow"), *USED], [Text("quick"), *USED])
    assert text(found) == "quick"
    assert provider.closed[0] == HAIKU.name
    ends = [item for item in found if isinstance(item, LegEnded)]
    assert [(type(end.fault), end.spec.name) for end in ends] == [
        (Outrun, HAIKU.name),
        (type(None), FLASH_LITE.name),
    ]
    kinds = [type(item).__name__ for item in found if not isinstance(item, Used | Ended)]
    assert kinds == ["LegStarted", "LegStarted", "LegEnded", "Text", "LegEnded"]


async def test_a_quick_first_token_is_not_raced() -> None:
    """Nobody else is asked."""
    found, provider = await hedged([Text("quick"), *USED], [Text("never"), *USED])
    assert text(found) == "quick"
    assert provider.asked == [HAIKU.name]


async def test_a_hedge_that_fails_leaves_the_first_in_place() -> None:
    """Who is asked as well may be down: the first is waited for."""
    found, _ = await hedged([0.2, Text("slow"), *USED], [Overloaded("down")])
    assert text(found) == "slow"


@pytest.mark.parametrize("fault", [Refused(), Rejected(provider_status=400)])
async def test_the_callers_answer_is_not_routed_round(fault: ProviderFault) -> None:
    """A content refusal and a wrong request go back to the caller; nobody else is asked."""
    models, provider = over([fault])
    with pytest.raises(type(fault)):
        await items(models)
    assert provider.asked == [HAIKU.name]


async def test_everything_down_raises_the_last_fault() -> None:
    """When no rung answers the last fault is raised, after every leg was reported."""
    models, provider = over([Overloaded("first")], [Overloaded("second")])
    stream = models.stream(CALL)
    seen = [await anext(stream) for _ in range(4)]
    with pytest.raises(Overloaded, match="second"):
        await anext(stream)
    assert [type(item) for item in seen] == [LegStarted, LegEnded] * 2
    assert provider.asked == [HAIKU.name, FLASH_LITE.name]


async def test_leaving_closes_the_connection_and_tells_what_came() -> None:
    """A caller that leaves ends the provider's connection at once; the open leg can be logged."""
    models, provider = over([Text("Hello there"), 5.0, *GOOD])
    async with aclosing(models.stream(CALL)) as stream:
        async for item in stream:
            if not isinstance(item, LegStarted):
                break
    assert provider.closed == [HAIKU.name]
    (left,) = models.partials(CALL)
    assert left.response == b"."
    assert left.usage.provenance == "estimated"
    assert not models.partials(CALL)


async def test_cancelling_the_task_closes_the_connection() -> None:
    """Cancellation reaches a provider that is silent."""
    models, provider = over([Text("Hello there"), 5.0])
    models.limits = replace(LIMITS, between_tokens=60)
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(models.stream(CALL)) as stream:
            async for item in stream:
                if not isinstance(item, LegStarted):
                    started.set()

    task = asyncio.create_task(read())
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.closed == [HAIKU.name]
    assert models.partials(CALL)


async def test_a_rung_that_cannot_say_the_prompt_is_passed_over() -> None:
    """What a wire format can't express is no call: the next rung is asked, and nothing is logged of the first."""
    models, provider = over(GOOD)
    provider.unsayable = frozenset({HAIKU.name})
    found = await items(models)
    assert [item.spec for item in found if isinstance(item, LegStarted)] == [FLASH_LITE]
    assert text(found) == "Hello"


async def test_the_deadline_ends_the_ladder() -> None:
    """All legs together keep to the call's deadline."""
    models, provider = over([5.0], [5.0])
    with pytest.raises(TimedOut):
        await items(models, replace(CALL, deadline=0.01))
    assert provider.asked == [HAIKU.name]


async def test_the_same_response_is_taken_up_where_its_provider_keeps_it() -> None:
    """Before anybody else is asked; the word that was held back is finished, not written twice."""
    kept = replace(HAIKU, resume=True)
    models, provider = over([Text("One two "), Text("thr"), Cut()])
    provider.rests = {HAIKU.name: [Text("ee four."), *USED]}
    found = await items(models, replace(CALL, ladder=(kept, FLASH_LITE)))
    assert text(found) == "One two three four."
    assert [one.how for one in splices(found)] == ["resumed"]
    assert FLASH_LITE.name not in provider.asked


async def test_a_response_that_is_gone_is_gone_on_with_by_another() -> None:
    """Taking it up failed: the next rung goes on from what readers have."""
    kept = replace(HAIKU, resume=True)
    models, provider = over([Text("One two "), Text("thr"), Cut()], [Text("three four."), *USED])
    provider.rests = {HAIKU.name: [Rejected(provider_status=404)]}
    found = await items(models, replace(CALL, ladder=(kept, FLASH_LITE)))
    assert text(found) == "One two three four."
    assert [(one.leg, one.how) for one in splices(found)] == [(3, "continued")]


async def test_whoever_tries_a_model_that_was_down_does_not_wait_for_it() -> None:
    """The call that takes the probe asks the next rung as well after a second at most: one caller a minute would else
    wait out the whole silence of a dead model."""
    models, provider = over([5.0, Text("late"), *USED], [Text("quick"), *USED])
    models.limits = Limits()
    assert isinstance(models.health, MemoryHealth)
    due = models.clock.now() - timedelta(seconds=1)
    models.health.put(HAIKU.name, Standing(state="open", until=due, first_token_p95_ms=50))
    found = await items(models)
    assert text(found) == "quick"
    assert provider.asked == [HAIKU.name, FLASH_LITE.name]
