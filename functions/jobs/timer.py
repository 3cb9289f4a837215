"""The jobs on a timer inside the serving process: for one laptop, where nobody else would run them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from functions.jobs import idempotency, orphans, partitions, retention, seal

if TYPE_CHECKING:
    from shared.bootstrap import Services

Job = Callable[["Services"], Awaitable[int]]
JOBS: tuple[tuple[str, Job, float], ...] = (
    ("orphans", orphans.run, orphans.EVERY_SECONDS),
    ("seal", seal.run, seal.EVERY_SECONDS),
    ("partitions", partitions.run, partitions.EVERY_SECONDS),
    ("idempotency", idempotency.run, idempotency.EVERY_SECONDS),
    ("retention", retention.run, retention.EVERY_SECONDS),
)
_LINES = structlog.get_logger("chatsmart")


@asynccontextmanager
async def timers(services: "Services") -> AsyncIterator[None]:
    """Run every job now and again while the context is open."""
    tasks = [asyncio.create_task(_repeat(services, *job), name=f"job {job[0]}") for job in JOBS]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _repeat(services: "Services", name: str, job: Job, seconds: float) -> None:
    while True:
        try:
            await job(services)
        except Exception:  # noqa: BLE001 - the edge of a job: the next turn may find the store back
            _LINES.exception("job failed", job=name)
        await asyncio.sleep(seconds)
