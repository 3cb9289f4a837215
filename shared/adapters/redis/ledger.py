"""Money set aside and spent, and rates, in Redis. Holds live here only; `spent` is a cache of what Postgres knows."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.adapters.redis import scripts
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.line import Script
from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.limit import Cap, Charge, Rate, Remaining, over_budget, period_of, span_of, too_fast
from shared.core.money import Micros
from shared.ports.clock import Clock
from shared.ports.ledger import Balance

SpentOf = Callable[[TenantId, datetime, datetime, str | None], Awaitable[Micros]]
"""What a tenant, or one key of it, spent in [since, until) by the account of Postgres (`PostgresLog.spent`)."""

BusyOf = Callable[[TenantId, datetime, RunId], Awaitable[bool]]
"""Whether a tenant has another run under way now, by the account of Postgres (`PostgresLog.busy`)."""

LIFETIME = timedelta(minutes=15)
"""How long an abandoned hold keeps its money; a run that is still going extends it."""
_HOLD, _SETTLE, _TAKE = Script(scripts.HOLD), Script(scripts.SETTLE), Script(scripts.TAKE)
_EXTEND, _BALANCE = Script(scripts.EXTEND), Script(scripts.BALANCE)
_CALM, _RESTORE = Script(scripts.CALM), Script(scripts.RESTORE)
_SECOND = 1_000_000
_BEAT = 1.0
"""Seconds between two looks whether holds of this process were lost: thrice before others may hold again."""
_LOOK = 0.05
"""Seconds between two questions whether others may hold again."""
_PATIENCE = 8.0
"""Seconds after which a Redis that loses the books again and again is as good as away."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """What one cap's period has cost, by Postgres' account, and the mark that stood when that was asked."""

    spent: str = ""
    mark: str = ""


_UNASKED = _Figure()


class RedisLedger:
    """`ports.ledger.Ledger`.

    A period whose figure Redis does not have (the first hold of a day, a Redis that lost its data, a run that was
    settled without its hold) is asked of `spent_of` before anything is held, so a lost Redis never makes a spent
    budget look fresh. A run that is in Postgres' account and not settled yet while that is asked counts twice: the
    error is on the side of the cap, and gone with the next such question.

    Where the holds themselves are lost (a Redis that evicts, was emptied or is a new one) nobody holds anew for three
    seconds, unless `busy_of` says that nothing of the tenant's is under way. Meanwhile every process puts back the
    holds that it made, so that what runs still counts. What a process that died had held is not put back.

    Lapses and rates go by Redis' own clock; with `own_time` by `clock`, for tests that move it. Periods go by `clock`.
    """

    def __init__(
        self,
        connection: RedisConnection,
        clock: Clock,
        spent_of: SpentOf,
        lifetime: timedelta = LIFETIME,
        *,
        busy_of: BusyOf | None = None,
        own_time: bool = False,
    ) -> None:
        self._connection = connection
        self._busy_of = busy_of
        self._open: dict[TenantId, dict[RunId, tuple[str, float]]] = {}
        """The holds that this process made, as the scripts write them, and when (monotonic) each lapses: another
        process may have gone on with the run, and settled it."""
        self._keeper: asyncio.Task[None] | None = None
        self._line = connection.line
        self._clock = clock
        self._spent_of = spent_of
        self._lifetime = str(round(lifetime.total_seconds() * _SECOND))
        self._seconds = lifetime.total_seconds()
        self._own_time = own_time
        self._asking: dict[tuple[TenantId, str, str], asyncio.Task[_Figure]] = {}

    async def hold(
        self,
        tenant: TenantId,
        run: RunId,
        amount: Micros,
        caps: Sequence[Cap],
        charges: Sequence[Charge] = (),
    ) -> Sequence[Remaining]:
        """See the port. A refused second hold leaves the first as it was."""
        now = self._clock.now()
        head = [self._time(now), run, self._lifetime, str(amount), period_of("day", now)]
        keys = [*_books(tenant), *_rates(tenant, charges)]
        words = await self._known(_HOLD, tenant, keys, head, caps, now, _charges(charges))
        if words[0] == "over":
            raise over_budget(amount, caps[int(words[1])], int(words[2]), int(words[3]))
        if words[0] == "held":
            subjects = dict.fromkeys(_subject(cap) for cap in caps)
            self._opened(tenant, run, " ".join((head[3], head[4], *subjects)))
        return _remaining(words, charges)

    async def settle(
        self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()
    ) -> bool:
        """See the port. Booked in the day and month in which the hold was made."""
        self._closed(tenant, run)
        keys = [*_books(tenant), *_rates(tenant, charges)]
        head = [self._time(self._clock.now()), run, str(spent)]
        return await self._line.run(_SETTLE, keys, [*head, *_charges(charges)]) == "1"

    async def take(self, tenant: TenantId, charges: Sequence[Charge]) -> Sequence[Remaining]:
        """See the port. One round trip; none for no charges."""
        if not charges:
            return ()
        head = [self._time(self._clock.now())]
        answer = await self._line.run(_TAKE, _rates(tenant, charges), [*head, *_charges(charges)])
        return _remaining(answer.split(), charges)

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """See the port."""
        kept = self._open.get(tenant, {}).get(run)
        if kept is not None:
            self._opened(tenant, run, kept[0])
        await self._line.run(_EXTEND, _books(tenant), [self._time(self._clock.now()), run, self._lifetime])

    async def balance(self, tenant: TenantId, caps: Sequence[Cap]) -> Sequence[Balance]:
        """See the port."""
        now = self._clock.now()
        words = await self._known(_BALANCE, tenant, _books(tenant), [self._time(now)], caps, now, ())
        figures = [Micros(int(word)) for word in words[1:]]
        return tuple(
            Balance(cap, figures[2 * index], figures[2 * index + 1]) for index, cap in enumerate(caps)
        )

    async def _known(
        self,
        script: Script,
        tenant: TenantId,
        keys: Sequence[str],
        head: Sequence[str],
        caps: Sequence[Cap],
        now: datetime,
        tail: Sequence[str],
    ) -> list[str]:
        """Run a script that needs the caps' figures; those that Redis lacks are brought along in a second call, or in
        a later one where a settlement made them old meanwhile."""
        figures = [_UNASKED] * len(caps)
        counted = script is _BALANCE
        told = _unasked(tuple(caps), period_of("day", now), counted)
        until = self._clock.monotonic() + _PATIENCE
        while True:
            words = (await self._line.run(script, keys, [*head, *told, *tail])).split()
            if words[0] in ("fresh", "wait") and self._clock.monotonic() >= until:
                raise Unavailable("Redis loses what it is told: nothing can be held. Give it more memory.")
            if words[0] == "fresh":
                if self._busy_of is None or not await self._busy_of(
                    tenant, now, RunId(head[1] if len(head) > 1 else "")
                ):
                    await self._line.run(_CALM, _books(tenant), [self._time(now)])
                continue
            if words[0] == "wait":
                await asyncio.sleep(min(_LOOK, int(words[1]) / _SECOND))
                head = [self._time(self._clock.now()), *head[1:]]
                continue
            if words[0] != "unknown":
                return words
            lacking = [(int(words[at]), words[at + 1]) for at in range(1, len(words), 2)]
            asking = [(index, self._asked_for(tenant, caps[index], mark, now)) for index, mark in lacking]
            for index, task in asking:
                # Shielded: one run that leaves must not fail the others that wait for the same figure.
                figures[index] = await asyncio.shield(task)
            told = _told(caps, figures, now, counted)

    def _opened(self, tenant: TenantId, run: RunId, line: str) -> None:
        self._open.setdefault(tenant, {})[run] = (line, self._clock.monotonic() + self._seconds)
        if self._keeper is None or self._keeper.done():
            self._keeper = self._connection.beside(self._keep(), "holds kept")

    def _closed(self, tenant: TenantId, run: RunId) -> None:
        held = self._open.get(tenant)
        if held is not None:
            held.pop(run, None)
            if not held:
                del self._open[tenant]

    async def _keep(self) -> None:
        """Put back what was lost, as long as this process holds anything."""
        while self._open:
            await asyncio.sleep(_BEAT)
            for tenant, held in tuple(self._open.items()):
                now = self._clock.monotonic()
                for run in [run for run, (_, lapses) in held.items() if lapses <= now]:
                    self._closed(tenant, run)
                words = [self._time(self._clock.now()), self._lifetime]
                for run, (line, _) in held.items():
                    words += (run, line)
                if not held:
                    continue
                with contextlib.suppress(Unavailable):
                    await self._line.run(_RESTORE, _books(tenant), words)

    def _asked_for(self, tenant: TenantId, cap: Cap, mark: str, now: datetime) -> "asyncio.Task[_Figure]":
        """One question at a time for a figure, however many wait for it: at midnight all of a tenant's runs do."""
        name = (tenant, _subject(cap), period_of(cap.period, now))
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(tenant, cap, mark, now))
            asking.add_done_callback(lambda task: self._asked(name, task))
        return asking

    def _asked(self, name: tuple[TenantId, str, str], task: "asyncio.Task[_Figure]") -> None:
        del self._asking[name]
        if not task.cancelled():
            task.exception()  # told to those who wait; there may be none left

    async def _ask(self, tenant: TenantId, cap: Cap, mark: str, now: datetime) -> _Figure:
        since, until = span_of(cap.period, now)
        actor = cap.subject if cap.scope == "key" else None
        return _Figure(str(await self._spent_of(tenant, since, until, actor)), mark)

    def _time(self, now: datetime) -> str:
        return str(int(now.timestamp() * _SECOND)) if self._own_time else ""


def _told(caps: Sequence[Cap], figures: Sequence[_Figure], now: datetime, counted: bool) -> list[str]:
    """Caps as the scripts take them. `counted`: figures are wanted also where there is no limit."""
    words = [str(len(caps))]
    for cap, figure in zip(caps, figures, strict=True):
        # A hold that was made before midnight is still booked in the period before.
        oldest = span_of(cap.period, now)[0] - timedelta(seconds=1)
        words += (
            period_of(cap.period, now),
            _subject(cap),
            ("0" if counted else "") if cap.micros is None else str(cap.micros),
            figure.spent,
            figure.mark,
            period_of(cap.period, oldest),
        )
    return words


@lru_cache(maxsize=4096)
def _unasked(caps: tuple[Cap, ...], day: str, counted: bool) -> list[str]:
    """What nearly every hold says of its caps: the same all day long."""
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return _told(caps, [_UNASKED] * len(caps), now, counted)


def _subject(cap: Cap) -> str:
    return "t" if cap.scope == "tenant" else f"k:{cap.subject}"


def _books(tenant: TenantId) -> list[str]:
    prefix = f"cs:{{{tenant}}}:ledger:"  # braces: one hash slot
    return [prefix + "holds", prefix + "expiries", prefix + "held", prefix + "spent"]


def _rates(tenant: TenantId, charges: Sequence[Charge]) -> list[str]:
    return [f"cs:{{{tenant}}}:rate:{_rate(charge.rate)[0]}" for charge in charges]


def _charges(charges: Sequence[Charge]) -> list[str]:
    words = [str(len(charges))]
    for charge in charges:
        _, interval, window = _rate(charge.rate)
        words += (str(charge.amount), interval, window)
    return words


@lru_cache(maxsize=4096)
def _rate(rate: Rate) -> tuple[str, str, str]:
    """A rate's name, and its two figures as the scripts take them."""
    return f"{rate.scope}:{rate.subject}:{rate.unit}", repr(rate.interval), repr(rate.window)


def _remaining(words: Sequence[str], charges: Sequence[Charge]) -> tuple[Remaining, ...]:
    """What a script says of the rates. Raises TooFast where one of them refused."""
    fast = words[0] == "fast"
    figures = [int(word) for word in words[3 if fast else 1 :]]
    left = tuple(
        Remaining(charge.rate, figures[2 * index], figures[2 * index + 1] / _SECOND)
        for index, charge in enumerate(charges)
    )
    if fast:
        raise too_fast(charges[int(words[1])], int(words[2]) / _SECOND, left)
    return left
