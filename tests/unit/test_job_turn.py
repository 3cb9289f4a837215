"""A turn of a job: its outcome, its limit, and a timer that goes on after one that failed."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import structlog

from functions.jobs import timer
from functions.jobs.schedule import Job
from functions.jobs.turn import turn
from shared.core.lines import LINES
from shared.fakes.clock import FakeClock


@pytest.fixture(autouse=True)
def every_level() -> Iterator[None]:
    """Lines of every level, whatever the services of an earlier test in this process have set."""
    before = structlog.get_config()
    LINES.first(structlog.reset_defaults)
    structlog.reset_defaults()
    LINES.debug("nothing waits to be done before the next line any longer")
    yield
    structlog.configure(**before)


@dataclass
class Bare:
    """Services of which a turn needs the clock alone."""

    clock: FakeClock = field(default_factory=FakeClock)


def job(act: Any, limit: float = 5.0) -> Job:
    return Job("sweep", act, seconds=0.001, cron="* * * * *", limit=limit)


async def test_a_turn_tells_what_it_did() -> None:
    """The count is the answer, and stands in a line with the job's name."""

    async def act(_services: Any) -> int:
        return 3

    with structlog.testing.capture_logs() as lines:
        assert await turn(cast(Any, Bare()), job(act)) == 3
    assert [(line["event"], line["job"], line["count"]) for line in lines] == [("job done", "sweep", 3)]


async def test_a_turn_that_takes_too_long_is_ended() -> None:
    """It is told, and is the schedule's to try again."""

    async def act(_services: Any) -> int:
        await asyncio.sleep(60)
        return 0

    with structlog.testing.capture_logs() as lines, pytest.raises(TimeoutError):
        await turn(cast(Any, Bare()), job(act, limit=0.01))
    assert [(line["event"], line["error"]) for line in lines] == [("job failed", "TimeoutError")]


async def test_a_timer_goes_on_after_a_turn_that_failed() -> None:
    """The store may be back by then."""
    turns: list[int] = []
    enough = asyncio.Event()

    async def act(_services: Any) -> int:
        turns.append(len(turns))
        if len(turns) == 1:
            raise OSError("the store is away")
        enough.set()
        return 0

    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(timer._repeat(cast(Any, Bare()), job(act)))
        async with asyncio.timeout(5):
            await enough.wait()
        task.cancel()
        await asyncio.wait((task,))
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["job failed"]
