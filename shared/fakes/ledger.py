"""Money set aside and spent, and rates, in memory."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import floor

from shared.core.ids import RunId, TenantId
from shared.core.limit import Cap, Charge, Rate, Remaining, over_budget, period_of, span_of, too_fast
from shared.core.money import ZERO, Micros
from shared.ports.clock import Clock
from shared.ports.ledger import Balance

SpentOf = Callable[[TenantId, datetime, datetime, str | None], Awaitable[Micros]]
_Subject = tuple[str, str]
_Figure = tuple[str, _Subject]
"""A period and whom it is of."""
_DEBT = 3600e6
"""The most that a settlement can take beyond a burst, in microseconds."""


@dataclass(slots=True)
class _Hold:
    amount: Micros
    periods: tuple[str, str]
    subjects: frozenset[_Subject]
    lapses: datetime


@dataclass(slots=True)
class _Account:
    holds: dict[RunId, _Hold] = field(default_factory=dict)
    spent: dict[_Figure, int] = field(default_factory=dict)
    asked: dict[_Figure, int] = field(default_factory=dict)
    """How often a figure that is being asked for grew old meanwhile."""
    full: dict[Rate, float] = field(default_factory=dict)

    def held(self, subject: _Subject, but: RunId | None = None) -> int:
        return sum(hold.amount for run, hold in self.holds.items() if run != but and subject in hold.subjects)

    def forget(self) -> None:
        """Have all figures asked for anew."""
        self.spent.clear()
        for figure in self.asked:
            self.asked[figure] += 1


async def _nothing(_tenant: TenantId, _since: datetime, _until: datetime, _key: str | None) -> Micros:
    return ZERO


class MemoryLedger:
    """`ports.ledger.Ledger`. `forget` is what a lost Redis does."""

    def __init__(
        self, clock: Clock, spent_of: SpentOf = _nothing, lifetime: timedelta = timedelta(minutes=15)
    ) -> None:
        self._clock = clock
        self._spent_of = spent_of
        self._lifetime = lifetime
        self._accounts: dict[TenantId, _Account] = defaultdict(_Account)

    async def hold(
        self,
        tenant: TenantId,
        run: RunId,
        amount: Micros,
        caps: Sequence[Cap],
        charges: Sequence[Charge] = (),
    ) -> Sequence[Remaining]:
        """See the port. A refused second hold leaves the first as it was."""
        account = await self._known(tenant, [cap for cap in caps if cap.micros is not None])
        now = self._clock.now()
        tightest: tuple[int, Cap, int, int] | None = None
        for cap in caps:
            if cap.micros is None:
                continue
            spent, others = account.spent[_figure(cap, now)], account.held(_subject(cap), but=run)
            free = cap.micros - spent - others
            if free < amount and (tightest is None or free < tightest[0]):
                tightest = (free, cap, spent, others)
        if tightest is not None:
            raise over_budget(amount, *tightest[1:])
        left = self._take(account, charges)
        periods = (period_of("day", now), period_of("month", now))
        subjects = frozenset(_subject(cap) for cap in caps)
        account.holds[run] = _Hold(amount, periods, subjects, now + self._lifetime)
        return left

    async def settle(
        self, tenant: TenantId, run: RunId, spent: Micros, charges: Sequence[Charge] = ()
    ) -> bool:
        """See the port. Booked in the day and month in which the hold was made."""
        account = self._lapsed(tenant)
        hold = account.holds.pop(run, None)
        if hold is None:
            if spent:
                account.forget()
            return False
        for figure in ((period, subject) for period in hold.periods for subject in hold.subjects):
            if figure in account.spent:
                account.spent[figure] += spent
            elif figure in account.asked and spent:
                account.asked[figure] += 1
        self._take(account, charges, forced=True)
        return True

    async def take(self, tenant: TenantId, charges: Sequence[Charge]) -> Sequence[Remaining]:
        """See the port."""
        return self._take(self._accounts[tenant], charges)

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """See the port."""
        hold = self._lapsed(tenant).holds.get(run)
        if hold is not None:
            hold.lapses = self._clock.now() + self._lifetime

    async def balance(self, tenant: TenantId, caps: Sequence[Cap]) -> Sequence[Balance]:
        """See the port."""
        account = await self._known(tenant, caps)
        now = self._clock.now()
        return tuple(
            Balance(cap, Micros(account.spent[_figure(cap, now)]), Micros(account.held(_subject(cap))))
            for cap in caps
        )

    def forget(self) -> None:
        """Lose everything."""
        self._accounts.clear()

    def _take(
        self, account: _Account, charges: Sequence[Charge], *, forced: bool = False
    ) -> tuple[Remaining, ...]:
        now = self._clock.now().timestamp() * 1e6
        before = [
            min(max(account.full.get(charge.rate, now), now), now + charge.rate.window + _DEBT)
            for charge in charges
        ]
        waits = [
            (full + min(charge.amount * charge.rate.interval, charge.rate.window) - charge.rate.window - now)
            * (charge.amount > 0)  # what takes nothing is never refused
            for full, charge in zip(before, charges, strict=True)
        ]
        if not forced and any(wait > 1 for wait in waits):
            slowest = waits.index(max(waits))
            left = tuple(_left(charge, full, now) for full, charge in zip(before, charges, strict=True))
            raise too_fast(charges[slowest], waits[slowest] / 1e6, left)
        found = []
        for full, charge in zip(before, charges, strict=True):
            after = full + charge.amount * charge.rate.interval
            after = min(max(after, now), now + charge.rate.window + _DEBT)
            account.full[charge.rate] = after
            found.append(_left(charge, after, now))
        return tuple(found)

    def _lapsed(self, tenant: TenantId) -> _Account:
        account, now = self._accounts[tenant], self._clock.now()
        lapsed = [run for run, hold in account.holds.items() if hold.lapses <= now]
        for run in lapsed:
            del account.holds[run]
        if lapsed:
            account.forget()  # whoever was to settle them may have ended them before it was killed
        return account

    async def _known(self, tenant: TenantId, caps: Sequence[Cap]) -> _Account:
        account, now = self._lapsed(tenant), self._clock.now()
        while lacking := [cap for cap in caps if _figure(cap, now) not in account.spent]:
            for cap in lacking:
                asked = account.asked.setdefault(_figure(cap, now), 0)
                actor = cap.subject if cap.scope == "key" else None
                known = await self._spent_of(tenant, *span_of(cap.period, now), actor)
                account = self._lapsed(tenant)
                if account.asked.get(_figure(cap, now)) == asked:  # else a settlement made the figure old
                    account.spent[_figure(cap, now)] = known
                    del account.asked[_figure(cap, now)]
        return account


def _subject(cap: Cap) -> _Subject:
    return (cap.scope, "" if cap.scope == "tenant" else cap.subject)


def _figure(cap: Cap, now: datetime) -> _Figure:
    return (period_of(cap.period, now), _subject(cap))


def _left(charge: Charge, full: float, now: float) -> Remaining:
    rate = charge.rate
    left = max(0, floor((now + rate.window - full) / rate.interval + 0.001))
    return Remaining(rate, left, int(full - now) / 1e6)
