"""A month's bill, line by line. Money here is in dollars as exact decimals: fractions of a micro-dollar add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from infra.cost import work
from infra.cost.book import BOOK, Book, Rate
from infra.cost.deployed import (
    JOB_CONTAINER,
    MONTH_SECONDS,
    WEB_CONTAINER,
    WEBHOOK_CONTAINER,
    Container,
    Schedule,
    schedules,
)
from infra.cost.work import Call
from shared.core.model_spec import ModelSpec

SCENARIOS = (0, 1_000, 100_000)
"""Documents a month; none is an idle month."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is paid for; `dollars` is None where a price is not known."""

    name: str
    dollars: Decimal | None
    why: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month with so many documents."""

    documents: int
    lines: tuple[Line, ...]

    @property
    def known(self) -> Decimal:
        """The sum of what has a price."""
        return sum((line.dollars for line in self.lines if line.dollars is not None), Decimal(0))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The lines that have none."""
        return tuple(line.name for line in self.lines if line.dollars is None)

    @property
    def total(self) -> Decimal | None:
        """What it costs; None where anything has no price."""
        return None if self.unpriced else self.known


def month(
    documents: int,
    models: Sequence[ModelSpec],
    at: datetime,
    *,
    book: Book = BOOK,
    jobs: Sequence[Schedule] | None = None,
    warm: int = 0,
) -> Month:
    """The bill of a month in which so many articles are written, at the prices of `at`, with `warm` web containers
    kept running."""
    turns = schedules() if jobs is None else tuple(jobs)
    lines = [
        *(_job(book, job) for job in turns),
        _web(book, documents, warm),
        _webhooks(book, documents),
        Line(
            "Supabase Pro",
            book.supabase_pro.dollars,
            "one project on the smallest machine, files and Auth with it",
        ),
        _database(book, documents),
        _redis(book, documents, sum(job.turns for job in turns)),
        *(_model(call, models, documents, at) for call in work.ARTICLE),
    ]
    return Month(documents, tuple(lines))


def per_document(models: Sequence[ModelSpec], at: datetime) -> Decimal | None:
    """What one article's calls cost in dollars; None where one has no price."""
    costs = [_call(call, models, at) for call in work.ARTICLE]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _seconds(
    book: Book, container: Container, seconds: Decimal, used: Decimal = Decimal(0)
) -> Decimal | None:
    """The price of a container's seconds: of its cores, or of the core seconds that it used where they were more, and
    of its memory."""
    cores = max(max(container.cores, book.least_cores) * seconds, used)
    return _sum(_times(book.core_second, cores), _times(book.gib_second, container.gib * seconds))


def _job(book: Book, job: Schedule) -> Line:
    each = work.BOOT_SECONDS + work.TURN_SECONDS + JOB_CONTAINER.idle
    used = job.turns * work.TURN_CORE_SECONDS
    why = (
        f"{job.turns:,} turns ({job.cron}) of {each} s: {work.BOOT_SECONDS} to boot, {work.TURN_SECONDS} to run,"
        f" {JOB_CONTAINER.idle} idle; {work.TURN_CORE_SECONDS} s of a core each, {JOB_CONTAINER.gib:.1f} GiB"
    )
    return Line(f"Modal, job {job.name}", _seconds(book, JOB_CONTAINER, job.turns * each, used), why)


def _web(book: Book, documents: int, warm: int) -> Line:
    """Documents that come one by one each pay for the start and the idle window; never more than all the time."""
    each = work.BOOT_SECONDS + work.DOCUMENT_SECONDS + WEB_CONTAINER.idle
    alone = documents * each
    seconds = min(alone, Decimal(MONTH_SECONDS))
    if not documents:
        why = "no container while nobody asks"
    elif alone <= MONTH_SECONDS:
        why = f"{documents:,} documents, each alone: {each} s, {WEB_CONTAINER.idle} of them idle"
    else:
        at_once = documents * work.DOCUMENT_SECONDS / MONTH_SECONDS
        why = f"one container all month: on average {at_once:.1f} documents at once, of 60 that it takes"
    if warm:
        seconds = max(seconds, Decimal(warm) * MONTH_SECONDS)
        why = f"{warm} kept warm all month (CHATSMART_WARM={warm})"
    sized = f"; {WEB_CONTAINER.cores} cores, {WEB_CONTAINER.gib:.1f} GiB"
    return Line("Modal, web", _seconds(book, WEB_CONTAINER, seconds), why + sized)


def _webhooks(book: Book, documents: int) -> Line:
    events = documents * work.EVENTS_PER_DOCUMENT
    each = work.BOOT_SECONDS + work.EVENT_SECONDS + WEBHOOK_CONTAINER.idle
    seconds = min(events * each, Decimal(MONTH_SECONDS))
    why = f"{int(events):,} events of {each} s" if documents else "no container while nobody calls"
    return Line("Modal, webhooks", _seconds(book, WEBHOOK_CONTAINER, seconds), why)


def _database(book: Book, documents: int) -> Line:
    used = Decimal(documents * work.DATABASE_BYTES) / 10**9
    over = max(used - book.database_gb_included, Decimal(0))
    why = (
        f"{used:.2f} GB of this month's documents, {book.database_gb_included} included; older ones add to it"
    )
    return Line("Supabase, database", _times(book.database_gb, over), why)


def _redis(book: Book, documents: int, turns: int) -> Line:
    """The cheapest plan that holds so many commands."""
    commands = documents * work.REDIS_COMMANDS + turns * work.TURN_REDIS_COMMANDS
    counted = f"{commands:,} commands ({turns:,} turns of {work.TURN_REDIS_COMMANDS}"
    counted += f", {documents:,} documents of {work.REDIS_COMMANDS})" if documents else ")"
    if commands <= book.redis_commands_included:
        return Line("Redis", Decimal(0), f"{counted}: within the free plan")
    by_use = _times(book.redis_commands, Decimal(commands) / 100_000)
    fixed = book.redis_fixed.dollars
    if by_use is None or fixed is None:
        return Line("Redis", None, counted)
    plan = "paid by use" if by_use <= fixed else "the fixed plan of 250 MB"
    return Line("Redis", min(by_use, fixed), f"{counted}: {plan}")


def _model(call: Call, models: Sequence[ModelSpec], documents: int, at: datetime) -> Line:
    each = _call(call, models, at)
    usage = f"{call.usage.input} tokens read, {call.usage.output} written"
    why = f"{documents:,} times {usage} (simulated lengths)" if documents else "none"
    if not documents:
        return Line(f"{call.step}, {call.model}", Decimal(0), why)
    return Line(f"{call.step}, {call.model}", None if each is None else each * documents, why)


def _call(call: Call, models: Sequence[ModelSpec], at: datetime) -> Decimal | None:
    spec = next((spec for spec in models if spec.name == call.model), None)
    if spec is None:
        return None
    try:
        return spec.price(at).dollars(call.usage)
    except LookupError:
        return None


def _times(rate: Rate, amount: Decimal) -> Decimal | None:
    """An amount's price; nothing of something costs nothing, whatever its price."""
    if not amount:
        return Decimal(0)
    return None if rate.dollars is None else rate.dollars * amount


def _sum(*parts: Decimal | None) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None
