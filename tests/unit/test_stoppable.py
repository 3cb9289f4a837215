"""The last door before the models, leg by leg."""

from datetime import UTC, datetime

import pytest

from shared.core.chunk import Text
from shared.core.faults import Overloaded, Stopped
from shared.core.leg import LegEnded, LegStarted
from shared.fakes.stops import MemoryStops
from shared.guard.stopped import Stoppable
from shared.models.catalogue import FLASH_LITE, HAIKU
from shared.ports.stops import Stop
from tests.unit.test_failover import CALL, items, over, text

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
    assert models.partials(CALL) == ()


async def test_a_call_that_begins_after_the_stop_is_not_sent() -> None:
    """Refused at its first piece, and nobody was asked."""
    models, provider = over([])
    stops = MemoryStops()
    await stops.stop(ALL)
    with pytest.raises(Stopped):
        await anext(Stoppable(models, stops).stream(CALL))
    assert provider.asked == []
