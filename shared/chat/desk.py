"""Chat completions: one logged call, or `n` of them side by side. Providers always stream to us, also where the caller
does not ask for it: silence is only seen in a stream (law 6)."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.chat.answering import Answering
from shared.chat.behind import Behind
from shared.chat.order import ChatOrder
from shared.chat.orders import bounded, cheapest, routed
from shared.core.faults import Conflict, Fault, OurFault, OverBudget
from shared.core.ids import RunId, TenantId
from shared.core.leg import Caching, Servable
from shared.core.leg import Served as Source
from shared.core.lines import LINES
from shared.core.model_spec import ProviderName
from shared.core.tenant import Limits, Principal
from shared.guard.fallback import SHORT, when_over_budget
from shared.guard.hiding import Hiding
from shared.guard.spend import Settlements, settle
from shared.models.catalogue import Catalogue
from shared.models.router import Router
from shared.ports.clock import Clock, Ids
from shared.ports.ledger import Ledger
from shared.ports.log import Log
from shared.ports.models import Models
from shared.ports.recogniser import Recogniser
from shared.ports.vault import Vault
from shared.recall.fingerprint import canonical_prompt
from shared.runtime.asked import canonical
from shared.runtime.checked import MakeFilter
from shared.runtime.course import Context
from shared.runtime.solo import end_abandoned

ABANDONED_AFTER = timedelta(hours=1)
"""Longer than any chat may take, but for one whose reader has stopped reading."""


@dataclass(frozen=True, slots=True)
class Chat:
    """The verb on chats. `simulated` names the providers that the loopback simulator stands in for."""

    ledger: Ledger
    log: Log
    models: Models
    clock: Clock
    ids: Ids
    catalogue: Catalogue
    router: Router
    house: Limits
    settlements: Settlements
    vault: Vault
    keep: Callable[[Sequence[Servable]], None] | None = None
    """Takes answers that may be served again."""
    recogniser: Recogniser | None = None
    hedge: bool = False
    simulated: frozenset[ProviderName] = frozenset()
    behind: Behind = field(default_factory=Behind)
    alive: set[RunId] = field(default_factory=set)
    """The chats that this process is answering."""

    async def open(self, principal: Principal, order: ChatOrder) -> Answering:
        """Find the answer, or hold the money and send the call, and wait for its first piece. Raises UnknownModel,
        BadRequest and OverBudget before anything is sent, and a ProviderFault where no rung answers. Where no money is
        left the tenant's words for that are asked instead, for a short answer."""
        rules = principal.rules
        try:
            return await self._opened(principal, order)
        except OverBudget:
            if not rules.when_over_budget or order.prompt.max_output == SHORT:
                raise
        model = cheapest(self.catalogue, order, rules, self.clock.now())
        return await self._opened(
            principal, replace(order, model=model, prompt=when_over_budget(order.prompt, rules))
        )

    async def _opened(self, principal: Principal, order: ChatOrder) -> Answering:
        hiding = Hiding(principal.rules, more=self.recogniser)
        # What is sent is the canonical text: else an invisible character could put an answer under another's key.
        prompt = hiding.prompt(canonical_prompt(order.prompt))
        order = order if prompt is order.prompt else replace(order, prompt=prompt)
        served = routed(self.catalogue, self.router, order, self.clock.now(), principal.rules)
        prompt = bounded(prompt, served.ladder)
        if prompt is not order.prompt:
            order = replace(order, prompt=prompt)
        answering = Answering(self, principal, order, served, canonical(prompt, ""), hiding)
        try:
            await answering.begin()
        except BaseException as error:
            if isinstance(error, Fault) and answering.remaining:
                error.remaining = tuple(answering.remaining)
            await answering.aclose()
            raise
        return answering

    async def end_abandoned(self) -> int:
        """End chats whose process died: their log says so, and nothing of them is open. The number ended."""
        found = await self.log.open_runs("chat", self.clock.now() - ABANDONED_AFTER, 50)
        ended = 0
        for tenant, run in found:
            if run in self.alive:
                continue
            try:
                tape = await self.log.tape(tenant, run)
                # The end's row names who asked, for what it cost counts under that key.
                view = await end_abandoned(tape, self.context(tenant, run, tape[0].actor if tape else ""))
            except (Conflict, OurFault) as fault:
                # Another sweep was quicker, or the log is away or not whole: the others are ended all the same.
                LINES.warning("chat not ended", run=run, fault=fault.code, message=fault.message)
                continue
            await settle(self.ledger, tenant, run, view.cost)
            ended += 1
        return ended

    def context(
        self,
        tenant: TenantId,
        run: RunId,
        actor: str,
        caching: Caching | None = None,
        admit: Callable[[Source], Awaitable[None]] | None = None,
        check: MakeFilter | None = None,
        behind: Callable[[Coroutine[Any, Any, None]], None] | None = None,
    ) -> Context:
        """Where a chat runs."""
        return Context(
            tenant=tenant,
            run=run,
            actor=actor,
            clock=self.clock,
            ids=self.ids,
            models=self.models,
            log=self.log,
            hedge=self.hedge,
            caching=caching if self.keep is not None else None,
            keep=self.keep,
            admit=admit,
            check=check,
            behind=behind,
        )
