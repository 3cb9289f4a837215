"""What a chat has to pass before it is answered: the caller's rates, the run's cap, the money set aside. An answer for
which nobody is asked passes the rates alone."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.chat import structured
from shared.chat.order import ChatOrder
from shared.chat.orders import Served, worst_case
from shared.core.faults import OverBudget, TooFast
from shared.core.ids import RunId
from shared.core.leg import Served as Source
from shared.core.limit import Charge, Remaining
from shared.core.money import Micros
from shared.core.tenant import Principal
from shared.guard.hiding import Hiding
from shared.guard.keeping import vault_until
from shared.guard.limits import caps_of, charges_of, check_run, rest_of

if TYPE_CHECKING:
    from shared.chat.desk import Chat


class Admission:
    """Lets one chat through, once each way. `remaining` is what the caller's rates still allow."""

    __slots__ = (
        "_desk", "_hiding", "_lock", "_order", "_principal", "_refused", "_request", "_run", "_served", "_taken",
        "held", "remaining",
    )  # fmt: skip

    def __init__(
        self, desk: "Chat", principal: Principal, order: ChatOrder, served: Served, request: bytes, hiding: Hiding,
        run: RunId,
    ) -> None:  # fmt: skip
        self._desk, self._principal, self._order, self._served = desk, principal, order, served
        self._request, self._hiding, self._run = request, hiding, run
        self._taken = False
        self._refused: OverBudget | TooFast | None = None
        self._lock = asyncio.Lock() if order.n > 1 else None
        self.held = False
        """Whether money was set aside, or may have been: it has to be settled."""
        self.remaining: Sequence[Remaining] = ()

    async def __call__(self, source: Source) -> None:
        """Let the next leg through: `source` says out of what the answer comes. Raises TooFast, OverBudget and
        Unavailable, before anything is sent."""
        if self._lock is None:
            await self._let(source)
            return
        async with self._lock:
            await self._let(source)

    async def _let(self, source: Source) -> None:
        desk, who, first = self._desk, self._principal, not self._taken
        if source:
            if first:
                self._taken = True
                self.remaining = await desk.ledger.take(who.tenant, charges_of(who, desk.house))
        elif not self.held:
            worst = self.worst()
            check_run(who, desk.house, worst)
            charges = charges_of(who, desk.house, self._served.tokens, requests=1 if first else 0)
            if self._refused is not None:
                raise self._refused
            self.held = self._taken = True
            # A hold whose caller leaves while it is on its way lands before it is released (see the port).
            caps = caps_of(who, desk.house)
            try:
                self.remaining = await desk.ledger.hold(who.tenant, self._run, worst, caps, charges)
            except (OverBudget, TooFast) as fault:
                # Nothing is held then, and nothing may be released: the run may be held anew at this moment, for less.
                self.held, self._refused = False, fault
                raise
        if first and self._hiding.any:
            # Before any placeholder leaves: an answer that can't be read again must not be paid for.
            until = vault_until(who.rules, desk.clock.now())
            await desk.vault.keep(who.tenant, self._run, self._hiding.marks, until)

    def worst(self) -> Micros:
        """The most that the chat can cost, in micro-dollars."""
        order, served, desk = self._order, self._served, self._desk
        one = worst_case(order.prompt, self._request, (*served.ladder, *served.finishers), desk.clock.now())
        # An answer that must fit a schema may be asked for once more, and so may one that was declined.
        again = structured.wanted(order.prompt) and not order.stream
        return Micros(one * (2 if again else 1) * (2 if self._principal.rules.when_refused else 1) * order.n)

    def rest(self, used: int) -> Sequence[Charge]:
        """What is left to take from the caller's rates once `used` tokens are known."""
        return rest_of(self._principal, self._desk.house, self._served.tokens, used)
