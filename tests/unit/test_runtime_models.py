"""The port of the models: the scripted fake and the real failover keep the same contract."""

from collections.abc import Callable
from contextlib import aclosing

import pytest

from shared.adapters.clock import SystemClock
from shared.core.chunk import Chunk, Ended, Text, ToolCallPart, Used
from shared.core.faults import Overloaded, ProviderFault, Refused, Rejected
from shared.core.ids import SpanId, TenantId, TraceId
from shared.core.leg import Call, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced
from shared.core.prompt import ask
from shared.core.usage import Usage
from shared.fakes.health import MemoryHealth
from shared.fakes.models import FakeModels, says
from shared.fakes.provider import Move, ScriptedProvider
from shared.models.catalogue import FLASH_LITE, HAIKU
from shared.models.failover import Failover
from shared.ports.models import Models

CALL = Call(TenantId("t"), TraceId("0" * 32), SpanId("1" * 16), ask("hi"), (HAIKU, FLASH_LITE), deadline=5.0)
USED = Usage(input=10, output=2)
HALF = ToolCallPart(0, "call_1", "look", '{"a"')
"""Of a tool call: what can't be gone on with."""
Make = Callable[[ProviderFault | None], Models]
"""Models whose first rung says something and then fails, where a fault is given; the second says two."""


def real(fault: ProviderFault | None) -> Models:
    """Failover over scripted providers."""
    good: list[Move] = [Text("Hel"), Text("lo."), Used(USED), Ended("stop")]
    first: list[Move] = good if fault is None else [HALF, fault]
    provider = ScriptedProvider({HAIKU.name: first, FLASH_LITE.name: good})
    clock = SystemClock()
    names = (HAIKU.provider, FLASH_LITE.provider)
    return Failover(dict.fromkeys(names, provider), clock, MemoryHealth(clock))


def fake(fault: ProviderFault | None) -> Models:
    """The script alone."""
    good = says("hi", "Hel", "lo.", usage=USED, between=0.0)
    bad = [] if fault is None else [says("hi", HALF, fault=fault, after=1, model=HAIKU.name)]
    return FakeModels(*bad, good, clock=SystemClock())


@pytest.fixture(params=[real, fake])
def make(request: pytest.FixtureRequest) -> Make:
    """Either implementation."""
    found: Make = request.param
    return found


def flat(item: LegItem) -> list[LegItem | Chunk]:
    """An item; of a batch, its chunks."""
    return [item] if isinstance(item, LegStarted | LegEnded | Restarted | Servable | Spliced) else list(item)


async def heard(models: Models) -> list[LegItem | Chunk]:
    """All that comes of a call."""
    return [piece async for item in models.stream(CALL) for piece in flat(item)]


def kinds(items: list[LegItem | Chunk]) -> list[str]:
    """What came, in words."""
    return [type(item).__name__ for item in items]


async def test_one_leg_that_delivers(make: Make) -> None:
    """Its start, its chunks, its end, and nothing left open."""
    models = make(None)
    items = await heard(models)
    assert kinds(items) == ["LegStarted", "Text", "Text", "Used", "Ended", "LegEnded"]
    last = items[-1]
    assert isinstance(last, LegEnded)
    assert (last.fault, last.usage, last.finish, last.spec) == (None, USED, "stop", HAIKU)
    assert last.cost == 2
    assert not models.partials(CALL)


async def test_a_leg_that_breaks_after_text_is_followed_by_a_restart(make: Make) -> None:
    """Every start has its end before the next; the restart comes between them."""
    items = await heard(make(Overloaded("down")))
    assert kinds(items) == [
        "LegStarted", "ToolCallPart", "LegEnded", "Restarted", "LegStarted", "Text", "Text", "Used", "Ended", "LegEnded"
    ]  # fmt: skip
    assert items[3] == Restarted(2)
    legs = [item for item in items if isinstance(item, LegEnded)]
    assert [type(leg.fault) for leg in legs] == [Overloaded, type(None)]


@pytest.mark.parametrize("fault", [Refused("no"), Rejected("bad")])
async def test_what_the_caller_must_hear_is_raised(make: Make, fault: ProviderFault) -> None:
    """A refusal or a rejected request is not tried elsewhere; the leg has its end first."""
    items: list[LegItem | Chunk] = []
    with pytest.raises(type(fault)):
        async for item in make(fault).stream(CALL):
            items += flat(item)
    assert kinds(items) == ["LegStarted", "ToolCallPart", "LegEnded"]


async def test_nothing_is_sent_before_the_caller_goes_on(make: Make) -> None:
    """A caller that leaves after LegStarted has sent nothing, and learns of the open leg once."""
    models = make(None)
    async with aclosing(models.stream(CALL)) as items:
        assert isinstance(await anext(items), LegStarted)
    assert isinstance(models, FakeModels) or models.providers[HAIKU.provider].asked == []  # type: ignore[attr-defined]
    assert not isinstance(models, FakeModels) or models.sent == []
    (left,) = models.partials(CALL)
    assert left.fault is not None
    assert not models.partials(CALL)


async def test_leaving_mid_stream_tells_what_came(make: Make) -> None:
    """The open leg, with a fault and an estimate of what it used."""
    models = make(None)
    async with aclosing(models.stream(CALL)) as items:
        await anext(items)
        assert list(flat(await anext(items))) == [Text("Hel")]
    (left,) = models.partials(CALL)
    assert left.response
    assert left.usage.provenance == "estimated"
