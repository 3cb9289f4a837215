"""Money set aside and spent, in Redis. Holds live here only; `spent` is a cache of what Postgres knows."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.redis import scripts
from shared.adapters.redis.connection import RedisConnection, number, reached
from shared.core.faults import OverBudget
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros, show
from shared.ports.clock import Clock
from shared.ports.ledger import Balance

SpentOf = Callable[[TenantId, datetime, datetime], Awaitable[Micros]]
"""What a tenant spent in [since, until) by the account of Postgres (`PostgresLog.spent`)."""

LIFETIME = timedelta(minutes=15)
"""How long an abandoned hold keeps its money; a run that is still going extends it."""


class RedisLedger:
    """`ports.ledger.Ledger`.

    A month whose figure Redis does not have (the first hold of a month, a Redis that lost its data, a run that was
    settled without its hold) is asked of `spent_of` before anything is held, so a lost Redis never makes a spent
    budget look fresh. A run that is in Postgres' account and not settled yet while that is asked counts twice: the
    error is on the side of the cap, and gone with the next such question.
    """

    def __init__(
        self, connection: RedisConnection, clock: Clock, spent_of: SpentOf, lifetime: timedelta = LIFETIME
    ) -> None:
        self._clock = clock
        self._spent_of = spent_of
        self._lifetime = lifetime
        register = connection.commands.register_script
        self._hold, self._settle = register(scripts.HOLD), register(scripts.SETTLE)
        self._extend, self._balance = register(scripts.EXTEND), register(scripts.BALANCE)

    async def hold(self, tenant: TenantId, run: RunId, amount: Micros, cap: Micros) -> None:
        """See the port. A refused second hold leaves the first as it was."""
        now = self._clock.now()
        arguments = [run, _ms(now), _ms(now + self._lifetime), amount, cap, _month(now)]
        answer = await self._known(self._hold, tenant, arguments, now)
        if answer[0] == b"over":
            spent, others = number(answer[1]), number(answer[2])
            free = max(cap - spent - others, 0)
            raise OverBudget(
                f"This needs up to {show(amount)}, and {show(free)} of this month's {show(cap)} is free "
                f"({show(spent)} spent, {show(others)} set aside for work in progress)."
            )

    async def settle(self, tenant: TenantId, run: RunId, spent: Micros) -> bool:
        """See the port. Booked in the month in which the hold was made."""
        now = self._clock.now()
        return bool(await self._run(self._settle, tenant, [run, _ms(now), spent, _month(now)]))

    async def extend(self, tenant: TenantId, run: RunId) -> None:
        """See the port."""
        now = self._clock.now()
        await self._run(self._extend, tenant, [run, _ms(now), _ms(now + self._lifetime)])

    async def balance(self, tenant: TenantId, cap: Micros) -> Balance:
        """See the port."""
        now = self._clock.now()
        answer = await self._known(self._balance, tenant, ["", _ms(now), _month(now)], now)
        return Balance(cap, Micros(number(answer[1])), Micros(number(answer[2])))

    async def _known(self, script: Any, tenant: TenantId, arguments: list[Any], now: datetime) -> Any:
        """Run a script that needs the month's figure; where Redis lacks it, bring it along in a second call, or in a
        later one where a settlement made it old meanwhile."""
        answer = await self._run(script, tenant, [*arguments, "", ""])
        while answer[0] == b"unknown":
            since, until = month_of(now)
            known = await self._spent_of(tenant, since, until)
            answer = await self._run(script, tenant, [*arguments, known, answer[1]])
        return answer

    async def _run(self, script: Any, tenant: TenantId, arguments: list[Any]) -> Any:
        prefix = f"cs:{{{tenant}}}:ledger:"  # braces: one hash slot
        with reached():
            keys = [prefix + name for name in ("holds", "months", "expiries", "held", "spent")]
            return await script(keys=keys, args=arguments)


def month_of(at: datetime) -> tuple[datetime, datetime]:
    """The first moment of the month of `at` and of the one after, UTC."""
    start = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=32)).replace(day=1)


def _month(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
