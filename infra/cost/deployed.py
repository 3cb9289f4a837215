"""What is deployed, read from the places that the deployment itself reads: sizes, schedules, kinds of GPU."""

from dataclasses import dataclass
from decimal import Decimal

from functions.jobs.schedule import JOBS
from functions.sizes import JOB, WEB, WEBHOOKS, Size
from gpu.cost import ANCHORS, cold_request, per_million
from gpu.kinds import KINDS
from gpu.llamas import LLAMAS

MONTH_DAYS = 30
MONTH_SECONDS = MONTH_DAYS * 24 * 3600
BOOT = Decimal(60)
"""Seconds from nothing to ready, of a small model without a snapshot: a published mean is 95.7 and a blog's best 60
(modal research, 1.5 and 1.6). Not measured here."""
BURST = Decimal(10)


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of container as it is billed: cores, GiB, seconds of idling before it is let go."""

    name: str
    cores: Decimal
    gib: Decimal
    idle: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job and how often it runs in a month of 30 days."""

    name: str
    cron: str
    turns: int


@dataclass(frozen=True, slots=True)
class Pool:
    """What the option of a GPU pool costs, for one kind: nothing while it sleeps. Money in dollars."""

    kind: str
    models: tuple[str, ...]
    asleep: Decimal
    burst: Decimal
    """One request to a sleeping pool: loading, ten seconds of work, the idle window of five minutes."""
    awake: Decimal
    """A month of one replica that never sleeps."""
    per_million: Decimal | None
    """Dollars for a million tokens of an 8B model that keeps it busy throughout, where a throughput was published."""


def _container(name: str, size: Size) -> Container:
    return Container(name, Decimal(str(size.cpu)), Decimal(size.memory) / 1024, size.idle)


WEB_CONTAINER = _container("web", WEB)
WEBHOOK_CONTAINER = _container("webhooks", WEBHOOKS)
JOB_CONTAINER = _container("job", JOB)


def schedules() -> tuple[Schedule, ...]:
    """Every job that is scheduled. Raises ValueError for a schedule that can't be counted."""
    return tuple(Schedule(job.name, job.cron, turns(job.cron)) for job in JOBS)


def turns(cron: str) -> int:
    """How often five fields of crontab fire in 30 days. Only minutes and hours may be given: what goes by days of a
    month or a week has no number that holds for every month. Raises ValueError."""
    fields = cron.split()
    if len(fields) != 5 or fields[2:] != ["*", "*", "*"]:
        raise ValueError(f"'{cron}' can't be counted: only its minute and its hour may be given.")
    return len(_values(fields[0], 60)) * len(_values(fields[1], 24)) * MONTH_DAYS


def _values(field: str, end: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, pace = part.partition("/")
        first, _, last = span.partition("-")
        low = 0 if span == "*" else int(first)
        high = end - 1 if span == "*" or (pace and not last) else int(last or first)
        if not 0 <= low <= high < end:
            raise ValueError(f"'{field}' is out of range.")
        found.update(range(low, high + 1, int(pace or 1)))
    return found


def pools() -> tuple[Pool, ...]:
    """Every kind of GPU that holds at least one model."""
    pace = {anchor.kind: anchor.tokens_per_second for anchor in ANCHORS}
    return tuple(
        Pool(
            kind=kind.name,
            models=tuple(llama.name for llama in LLAMAS.values() if llama.fits(kind)),
            asleep=Decimal(0),
            burst=Decimal(cold_request(kind, BOOT, 300, BURST)) / 1_000_000,
            awake=kind.replica_usd_per_second * MONTH_SECONDS,
            per_million=per_million(kind, pace[kind.name]) if kind.name in pace else None,
        )
        for kind in KINDS.values()
    )
