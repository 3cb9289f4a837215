"""The jobs on a timer inside the serving process: for one laptop, where nobody else would run them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from functions.jobs.schedule import JOBS, Job
from functions.jobs.turn import turn

if TYPE_CHECKING:
    from shared.bootstrap import Services


@asynccontextmanager
async def timers(services: "Services") -> AsyncIterator[None]:
    """Run every job now and again while the context is open."""
    tasks = [asyncio.create_task(_repeat(services, job), name=f"job {job.name}") for job in JOBS]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _repeat(services: "Services", job: Job) -> None:
    while True:
        with suppress(Exception):  # logged; the next turn may find the store back
            await turn(services, job)
        await asyncio.sleep(job.seconds)
