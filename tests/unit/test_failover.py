"""When the next rung of the ladder is tried, and what is said of each leg."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from shared.adapters.clock import SystemClock
from shared.core.chunk import Ended, Text, Used
from shared.core.faults import Cut, Overloaded, ProviderFault, Refused, Rejected, TimedOut
from shared.core.ids import SpanId, TenantId, TraceId
from shared.core.leg import Call, LegEnded, LegItem, LegStarted, Restarted
from shared.core.prompt import ask
from shared.core.usage import Usage
from shared.fakes.provider import Move, ScriptedProvider
from shared.models.catalogue import FLASH_LITE, HAIKU, LLAMA
from shared.models.failover import Failover, Limits

GOOD: list[Move] = [Text("Hel"), Text("lo"), Used(Usage(input=10, output=2)), Ended("stop")]
CALL = Call(TenantId("t"), TraceId("0" * 32), SpanId("1" * 16), ask("hi"), (HAIKU, FLASH_LITE))
LIMITS = Limits(first_token=0.05, thinking_first_token=0.05, between_tokens=0.05)


def over(
    first: list[Move], second: list[Move] | None = None, **refuse: ProviderFault
) -> tuple[Failover, ScriptedProvider]:
    """Failover over two scripted rungs."""
    provider = ScriptedProvider(
        {HAIKU.name: first, FLASH_LITE.name: GOOD if second is None else second},
        {name.replace("_", "-"): fault for name, fault in refuse.items()},
    )
    names = (HAIKU.provider, FLASH_LITE.provider, LLAMA.provider)
    return Failover(dict.fromkeys(names, provider), SystemClock(), LIMITS), provider


async def items(models: Failover, call: Call = CALL) -> list[LegItem]:
    """All items of a call."""
    return [item async for item in models.stream(call)]


def text(found: list[LegItem]) -> str:
    """What the reader holds at the end: a restart voids what came before."""
    shown = ""
    for item in found:
        if isinstance(item, Restarted):
            shown = ""
        elif isinstance(item, Text):
            shown += item.text
    return shown


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


@pytest.mark.parametrize("fault", [Overloaded(), TimedOut(), Rejected(provider_status=404)])
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


@pytest.mark.parametrize("end", [[], [5.0], [Cut()], [Overloaded()]])
async def test_break_in_the_middle_restarts_on_the_next_rung(end: list[Move]) -> None:
    """An answer that breaks off voids what was shown; the first leg's usage is an estimate, never nothing."""
    models, _ = over([Text("Once upon a time"), *end])
    found = await items(models)
    assert text(found) == "Hello"
    broken = next(item for item in found if isinstance(item, LegEnded))
    assert broken.fault is not None
    assert broken.usage.provenance == "estimated"
    assert broken.usage.output >= 4


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
            if isinstance(item, Text):
                break
    assert provider.closed == [HAIKU.name]
    left = models.partial(CALL)
    assert left is not None
    assert left.response == b"."
    assert left.usage.provenance == "estimated"
    assert models.partial(CALL) is None


async def test_cancelling_the_task_closes_the_connection() -> None:
    """Cancellation reaches a provider that is silent."""
    models, provider = over([Text("Hello there"), 5.0])
    models.limits = replace(LIMITS, between_tokens=60)
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(models.stream(CALL)) as stream:
            async for item in stream:
                if isinstance(item, Text):
                    started.set()

    task = asyncio.create_task(read())
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.closed == [HAIKU.name]
    assert models.partial(CALL) is not None


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
