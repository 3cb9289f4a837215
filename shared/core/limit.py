"""What may be spent and how fast: caps on money, rates of requests and tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Literal

from shared.core.faults import OverBudget, TooFast
from shared.core.frozen import quick
from shared.core.money import Micros, show

LimitScope = Literal["tenant", "key"]
Period = Literal["day", "month"]
"""Calendar periods, UTC."""
Unit = Literal["requests", "tokens"]


@quick
@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a subject may spend in a calendar period, UTC. `subject` is the tenant's id or the key's.

    `micros` None is no limit: what is spent is booked under that subject all the same, so that a limit that is set
    while a run is under way finds that run's money counted.
    """

    scope: LimitScope
    subject: str
    period: Period
    micros: Micros | None

    @property
    def name(self) -> str:
        """For people: `this key's cap of $5.0000 a day`."""
        limit = "" if self.micros is None else f" of {show(self.micros)}"
        return f"this {self.scope}'s cap{limit} a {self.period}"


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a subject may go: `per_minute` units in the long run, `burst` at once after a rest."""

    scope: LimitScope
    subject: str
    unit: Unit
    per_minute: int
    burst: int

    @property
    def name(self) -> str:
        """For people: `6000 requests a minute of this tenant`."""
        return f"{self.per_minute} {self.unit} a minute of this {self.scope}"

    @property
    def interval(self) -> float:
        """Microseconds in which one unit comes back."""
        return 60_000_000 / self.per_minute

    @property
    def window(self) -> float:
        """Microseconds in which a whole burst comes back."""
        return self.burst * self.interval


@quick
@dataclass(frozen=True, slots=True)
class Charge:
    """Units to take from a rate. Below 0 gives back, which only a settlement may do."""

    rate: Rate
    amount: int


@quick
@dataclass(frozen=True, slots=True)
class Remaining:
    """What a rate still lets through at once, and the seconds until it is whole again."""

    rate: Rate
    remaining: int
    reset_seconds: float


def span_of(period: Period, at: datetime) -> tuple[datetime, datetime]:
    """The first moment of the day or month of `at` and of the one after, UTC."""
    start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return start, start + timedelta(days=1)
    start = start.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def period_of(period: Period, at: datetime) -> str:
    """`2026-11-21` or `2026-11`, UTC."""
    day = at.astimezone(UTC).date().isoformat()
    return day if period == "day" else day[:7]


def over_budget(amount: int, cap: Cap, spent: int, held: int) -> OverBudget:
    """A hold of `amount` micro-dollars that would pass `cap`: which one, and what would fit."""
    limit = cap.micros or 0
    free = max(limit - spent - held, 0)
    return OverBudget(
        f"This needs up to {show(amount)}, and {show(free)} of {cap.name} is free "
        f"({show(spent)} spent, {show(held)} set aside for work in progress)."
    )


def too_fast(charge: Charge, wait: float, remaining: tuple[Remaining, ...]) -> TooFast:
    """A charge that its rate does not let through for another `wait` seconds; `remaining` of all that were asked."""
    needed = "" if charge.amount == 1 else f" This one takes {charge.amount} {charge.rate.unit}."
    return TooFast(
        f"Over the limit of {charge.rate.name}.{needed} There is room for it in {max(1, ceil(wait))} s.",
        retry_after=wait,
        remaining=remaining,
    )
