"""Questions of the house's own, asked behind an answer: logged, held and settled as any other, under the tenant they
serve."""

from dataclasses import dataclass, replace

from shared.chat.desk import Chat
from shared.chat.order import ChatOrder
from shared.core.answer import Answer
from shared.core.faults import Fault
from shared.core.ids import TenantId
from shared.core.leg import Call
from shared.core.prompt import Prompt
from shared.core.rules import OutputRules
from shared.core.tenant import Principal
from shared.ports.keys import Keys

ACTOR = "cache"
"""Who asks, in the log."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What the judge of near hits asks with. A tenant at its caps is asked nothing."""

    chat: Chat
    keys: Keys
    model: str = "auto:cheap"

    async def put(self, tenant: TenantId, prompt: Prompt) -> tuple[str, bool] | None:
        """The answer to a question, and whether it was simulated; None where it may not be asked or nobody answers."""
        return await self._asked(tenant, ChatOrder(self.model, prompt, cache="off"))

    async def anew(self, call: Call) -> str | None:
        """A call's answer, asked again past the cache; None where it may not be asked or nobody answers."""
        choice = call.caching.choice if call.caching is not None else ""
        model = choice if choice and "|" not in choice else call.ladder[0].name
        found = await self._asked(call.tenant, ChatOrder(model, call.prompt, cache="refresh"))
        return None if found is None else found[0]

    async def _asked(self, tenant: TenantId, order: ChatOrder) -> tuple[str, bool] | None:
        limits, _ = await self.keys.limits(tenant)
        rules = await self.keys.rules(tenant)
        plain = replace(rules, output=OutputRules(), when_refused="", when_over_budget="")
        who = Principal(tenant, ACTOR, tenant_limits=limits, rules=plain)
        answer = Answer()
        try:
            answering = await self.chat.open(who, order)
            try:
                async for _, read in answering.items():  # noqa: PERF102  # not a mapping
                    for piece in read:
                        answer.add(piece)
            finally:
                await answering.aclose()
        except Fault:
            return None
        return answer.completion().text, answering.simulated
