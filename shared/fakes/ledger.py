"""Money set aside and spent, in memory."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.core.faults import OverBudget
from shared.core.ids import RunId, TenantId
from shared.core.money import ZERO, Micros, show
from shared.ports.clock import Clock
from shared.ports.ledger import Balance

SpentOf = Callable[[TenantId, datetime, datetime], Awaitable[Micros]]


@dataclass(slots=True)
class _Hold:
    amount: Micros
    month: str
    lapses: datetime


@dataclass(slots=True)
class _Account:
    holds: dict[RunId, _Hold] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    drops: int = 0


async def _nothing(_tenant: TenantId, _since: datetime, _until: datetime) -> Micros:
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

    async def hold(self, tenant: TenantId, run: RunId, amount: Micros, cap: Micros) -> None:
        """See the port. A refused second hold leaves the first as it was."""
        account, month = await self._known(tenant)
        spent = account.spent[month]
        others = sum(hold.amount for name, hold in account.holds.items() if name != run)
        if spent + others + amount > cap:
            free = max(cap - spent - others, 0)
            raise OverBudget(f"This needs up to {show(amount)}, and {show(free)} of {show(cap)} is free.")
        account.holds[run] = _Hold(amount, month, self._clock.now() + self._lifetime)

    async def settle(self, tenant: TenantId, run: RunId, spent: Micros) -> bool:
        """See the port."""
        account = self._lapsed(tenant)
        hold = account.holds.pop(run, None)
        if hold is not None and hold.month in account.spent:
            account.spent[hold.month] += spent
            return True
        if hold is None and not spent:
            return False
        account.spent.pop(f"{self._clock.now().astimezone(UTC):%Y-%m}" if hold is None else hold.month, None)
        account.drops += 1
        return hold is not None

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """See the port."""
        hold = self._lapsed(tenant).holds.get(run)
        if hold is not None:
            hold.lapses = self._clock.now() + self._lifetime

    async def balance(self, tenant: TenantId, cap: Micros) -> Balance:
        """See the port."""
        account, month = await self._known(tenant)
        held = sum(hold.amount for hold in account.holds.values())
        return Balance(cap, Micros(account.spent[month]), Micros(held))

    def forget(self) -> None:
        """Lose everything."""
        self._accounts.clear()

    def _lapsed(self, tenant: TenantId) -> _Account:
        account, now = self._accounts[tenant], self._clock.now()
        account.holds = {run: hold for run, hold in account.holds.items() if hold.lapses > now}
        return account

    async def _known(self, tenant: TenantId) -> tuple[_Account, str]:
        account, now = self._lapsed(tenant), self._clock.now().astimezone(UTC)
        month = f"{now:%Y-%m}"
        while month not in account.spent:
            drops = account.drops
            since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            known = await self._spent_of(tenant, since, (since + timedelta(days=32)).replace(day=1))
            account = self._lapsed(tenant)
            if account.drops == drops:  # else a settlement made the figure old while it was asked for
                account.spent.setdefault(month, known)
        return account, month
