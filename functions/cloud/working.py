"""What the deployed jobs and the worker do in their own containers: start the services, act, let go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.cloud.parts import deployed
from functions.jobs.schedule import job
from functions.jobs.turn import turn
from shared.bootstrap import Services
from shared.config import Settings
from shared.core.ids import RunId


async def run_job(settings: Settings, name: str) -> int:
    """One turn of the job; the number of things it dealt with. Raises what the job raises, so that Modal retries."""
    async with _started(settings) as services:
        return await turn(services, job(name))


async def write_one(settings: Settings, run: str) -> bool:
    """Go on with one document until it is over. False where there is nothing to do: it is over, or another works on
    it."""
    async with _started(settings) as services:
        return await services.documents.see_through(RunId(run))


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[Services]:
    services = deployed(settings)
    await services.start()
    try:
        yield services
    finally:
        await services.close()
