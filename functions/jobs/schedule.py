"""Every job there is: what a laptop's timer and a deployment's schedules both go by.

A job to come (evals, canaries, metering, reconciliation, synthesis) is a module here with `async def run(services)`,
a row in `JOBS`, and a function of its name in `functions/modal_app.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.jobs import idempotency, orphans, partitions, retention, seal

if TYPE_CHECKING:
    from shared.bootstrap import Services


@dataclass(frozen=True, slots=True)
class Job:
    """What runs now and again. Each is idempotent: a turn that was cut off is made good by the next one."""

    name: str
    run: Callable[["Services"], Awaitable[int]]
    """One turn; the number of things it dealt with."""
    seconds: float
    """Between two turns in a process that runs its own jobs."""
    cron: str
    """When it runs where it is deployed, UTC: the five fields of crontab."""
    limit: float
    """Seconds after which a turn is ended; what it did until then stays done."""


JOBS: tuple[Job, ...] = (
    Job("orphans", orphans.run, 10, cron="* * * * *", limit=50),
    Job("seal", seal.run, 30, cron="*/5 * * * *", limit=240),
    Job("partitions", partitions.run, 24 * 3600, cron="15 2 * * *", limit=120),
    Job("idempotency", idempotency.run, 600, cron="40 * * * *", limit=240),
    Job("retention", retention.run, 3600, cron="10 * * * *", limit=840),
)


def job(name: str) -> Job:
    """The job of that name. Raises KeyError."""
    return {one.name: one for one in JOBS}[name]
