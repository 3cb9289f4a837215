"""The last door before the models, leg by leg."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.core.chunk import Text
from shared.core.faults import Overloaded, Stopped
from shared.core.leg import LegEnded, LegStarted
from shared.fakes.health import MemoryHealth
from shared.fakes.stops import MemoryStops
from shared.guard.stopped import Stoppable
from shared.models.attempt import Limits
from shared.models.catalogue import FLASH_LITE, HAIKU, LLAMA
from shared.ports.health import Standing
from shared.ports.stops import Stop
from tests.unit.test_failover import CALL, USED, items, over, text

ALL = Stop("all", "the bill runs away", "test", datetime(2026, 11, 21, tzinfo=UTC))


async def test_what_is_not_stopped_passes() -> None:
    """Legs, pieces and their order are those of the models behind."""
    models, provider = over([Overloaded("down")])
    assert text(await items(Stoppable(models, MemoryStops()))) == "Hello"  # type: ignore[arg-type]
    assert provider.asked == [HAIKU.name, FLASH_LITE.name]


async def test_a_leg_that_begins_after_the_stop_is_not_sent() -> None:
    """An answer under way comes to its end where it can; nobody else is asked to go on with it."""
    models, provider = over([Text("Once upon a time"), Overloaded("down")])
    stops = MemoryStops()
    seen: list[object] = []
    with pytest.raises(Stopped, match="the bill runs away"):
        async for item in Stoppable(models, stops).stream(CALL):
            seen.append(item)
            if isinstance(item, LegStarted):
                await stops.stop(ALL)
    assert provider.asked == [HAIKU.name]
    assert [type(item) for item in seen if isinstance(item, LegStarted | LegEnded)] == [LegStarted, LegEnded]


async def test_a_leg_under_way_is_told_where_its_rival_is_not_sent() -> None:
    """The rival of a slow leg is stopped: what the slow one had come to is there for whoever has to pay it."""
    models, provider = over([0.5, Text("slow"), *USED], [Text("quick"), *USED])
    models.limits = Limits()
    assert isinstance(models.health, MemoryHealth)
    models.health.put(HAIKU.name, Standing(first_token_p95_ms=20))
    stops, call = MemoryStops(), replace(CALL, hedge=True)
    door = Stoppable(models, stops)
    with pytest.raises(Stopped):
        async for item in door.stream(call):
            if isinstance(item, LegStarted):
                await stops.stop(ALL)
    assert provider.asked == [HAIKU.name]
    assert HAIKU.name in [ended.spec.name for ended in door.partials(call)]


async def test_the_tiers_stop_holds_for_every_leg() -> None:
    """Also for one that comes after the first."""
    models, provider = over([Overloaded("down")])
    stops, call = MemoryStops(), replace(CALL, ladder=(HAIKU, LLAMA))
    with pytest.raises(Stopped, match="GPUs are short"):
        async for item in Stoppable(models, stops).stream(call):
            if isinstance(item, LegStarted):
                await stops.stop(replace(ALL, scope="llama", reason="GPUs are short"))
    assert provider.asked == [HAIKU.name]


async def test_a_call_that_begins_after_the_stop_is_not_sent() -> None:
    """Refused at its first piece, and nobody was asked."""
    models, provider = over([])
    stops = MemoryStops()
    await stops.stop(ALL)
    with pytest.raises(Stopped):
        await anext(Stoppable(models, stops).stream(CALL))
    assert provider.asked == []
