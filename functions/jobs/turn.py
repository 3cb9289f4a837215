"""One turn of a job: bounded in time, its outcome logged."""

import asyncio
from typing import TYPE_CHECKING

from functions.jobs.schedule import Job
from shared.core.lines import LINES

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def turn(services: "Services", job: Job) -> int:
    """Run a job once over services that are started. The number of things it dealt with. Raises what it raises, and
    TimeoutError past its limit."""
    begun = services.clock.monotonic()
    try:
        async with asyncio.timeout(job.limit):
            count = await job.run(services)
    except Exception as error:
        LINES.exception(
            "job failed", job=job.name, seconds=_since(services, begun), error=type(error).__name__
        )
        raise
    if count:
        LINES.info("job done", job=job.name, count=count, seconds=_since(services, begun))
    else:
        LINES.debug("job done", job=job.name, count=0, seconds=_since(services, begun))
    return count


def _since(services: "Services", begun: float) -> float:
    return round(services.clock.monotonic() - begun, 3)
