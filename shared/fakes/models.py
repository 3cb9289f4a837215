"""The models without a network: answers by script, failing over as the real ones do.

FakeModels(says("research", "Facts [1]"), says("draft", "Once ", fault=Cut(), after=1, times=1), clock=clock)
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.core.chunk import Chunk, Ended, Finish, Text, ToolCallPart, Used
from shared.core.faults import Cut, ProviderFault, Refused, Rejected, TimedOut
from shared.core.leg import Batch, Call, Join, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.core.usage import Usage
from shared.ports.clock import Clock

READ, PER_PIECE = 100, 10
"""Tokens of a prompt and of each piece of an answer, where a rule names no usage."""


@dataclass(slots=True)
class Rule:
    """What a model answers to prompts that hold `when` (any prompt: the empty string).

    `pieces` are texts or chunks; with a `join` they go on from what a broken leg had shown.
    `fault` is raised after `after` of them; `model` limits the rule to one rung, `times`
    to so many legs. `start` and `between` are silences in seconds; without `between` all pieces come in one read.
    """

    when: str
    pieces: tuple[Chunk, ...]
    model: str = ""
    fault: ProviderFault | None = None
    after: int = 0
    usage: Usage | None = None
    finish: Finish = "stop"
    times: int | None = None
    start: float = 0.0
    between: float | None = None
    join: Join | None = None

    def fits(self, prompt: str, model: str) -> bool:
        """Whether this rule answers."""
        return self.times != 0 and self.model in ("", model) and self.when in prompt


def says(when: str, *pieces: str | Chunk, **how: Any) -> Rule:
    """A rule of the script; `how` are Rule's fields."""
    return Rule(when, tuple(Text(piece) if isinstance(piece, str) else piece for piece in pieces), **how)


@dataclass(slots=True)
class _Leg:
    """A leg on its way."""

    number: int
    spec: ModelSpec
    sent_at: float
    first_at: float | None = None
    usage: Usage | None = None
    finish: Finish = "error"
    sent: list[str] = field(default_factory=list)


class FakeModels:
    """`ports.models.Models` by script; the first rule that fits answers, and no rule fitting is an echo of the prompt.

    `calls` are the calls made, `sent` the models really asked, in order, `left` the calls that were closed early.
    """

    def __init__(self, *rules: Rule, clock: Clock) -> None:
        self._rules, self._clock = list(rules), clock
        self.calls: list[Call] = []
        self.sent: list[str] = []
        self.left: list[Call] = []
        self._open: dict[tuple[str, str], LegEnded] = {}

    async def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See the port."""
        self.calls.append(call)
        deadline = self._clock.monotonic() + call.deadline
        fault: ProviderFault | None = None
        shown = False
        text = prompt_text(call.prompt)
        for number, spec in enumerate(call.ladder, 1):
            if shown:
                join = next((rule.join for rule in self._rules if rule.fits(text, spec.name)), None)
                yield Restarted(number) if join is None else Spliced(number, join)
                shown = join is not None
            async with aclosing(self._leg(call, number, spec, deadline)) as items:
                async for item in items:
                    if isinstance(item, LegEnded):
                        fault = item.fault
                    elif not isinstance(item, LegStarted | Spliced | Restarted | Servable):
                        shown = shown or any(isinstance(chunk, Text | ToolCallPart) for chunk in item)
                    yield item
            if fault is None:
                return
            if isinstance(fault, Refused | Rejected):
                break
        raise fault or Rejected("The ladder is empty.")

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """See the port."""
        left = self._open.pop((call.trace, call.span), None)
        return () if left is None else (left,)

    async def _leg(
        self, call: Call, number: int, spec: ModelSpec, deadline: float
    ) -> AsyncGenerator[LegItem, None]:
        text = prompt_text(call.prompt)
        request = orjson.dumps({"model": spec.native, "prompt": text, "stream": call.stream})
        leg = _Leg(number, spec, self._clock.monotonic())
        over = False
        try:
            yield LegStarted(number, spec, request, f"fake:{spec.name}", {"rung": number})
            self.sent.append(spec.name)
            fault: ProviderFault | None = None
            rule = self._rule(text, spec.name)
            try:
                async with aclosing(self._spoken(rule, leg, deadline)) as batches:
                    async for batch in batches:
                        yield batch
            except ProviderFault as caught:
                fault = caught
            over = True
            yield self._ended(leg, fault)
        finally:
            if not over:
                self.left.append(call)
                gone = Cut("The caller left before the answer ended.")
                self._open[(call.trace, call.span)] = self._ended(leg, gone)

    def _rule(self, text: str, model: str) -> Rule:
        for rule in self._rules:
            if rule.fits(text, model):
                rule.times = None if rule.times is None else rule.times - 1
                return rule
        return says("", text)

    async def _spoken(self, rule: Rule, leg: _Leg, deadline: float) -> AsyncGenerator[Batch, None]:
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0.0)):
                await asyncio.sleep(rule.start)
        except TimeoutError:
            raise TimedOut(f"{leg.spec.name} sent nothing in time.") from None
        spoken = rule.pieces if rule.fault is None else rule.pieces[: rule.after]
        reads = [spoken] if rule.between is None else [(piece,) for piece in spoken]
        for n, batch in enumerate(reads):
            if rule.between is not None and n:
                await asyncio.sleep(rule.between)
            if batch:
                leg.first_at = leg.first_at or self._clock.monotonic()
                leg.sent += [repr(piece) for piece in batch]
                yield batch
        if rule.fault is not None:
            raise afresh(rule.fault)
        leg.usage = rule.usage or Usage(input=READ, output=PER_PIECE * len(rule.pieces))
        leg.finish = rule.finish
        yield (Used(leg.usage), Ended(rule.finish, f"resp_{leg.number}", leg.spec.native))

    def _ended(self, leg: _Leg, fault: ProviderFault | None) -> LegEnded:
        now = self._clock.monotonic()
        usage = leg.usage or Usage(output=PER_PIECE * len(leg.sent), provenance="estimated")
        cost: Micros | None
        try:
            cost = leg.spec.cost(usage, self._clock.now())
        except LookupError:
            cost = None
        first = None if leg.first_at is None else round((leg.first_at - leg.sent_at) * 1000)
        return LegEnded(
            leg.number, leg.spec, "\n".join(leg.sent).encode(), usage, cost, leg.finish, fault,
            200 if leg.sent else 0, first, round((now - leg.sent_at) * 1000), simulated=True,
            response_id=f"resp_{leg.number}",
        )  # fmt: skip


def prompt_text(prompt: Prompt) -> str:
    """All texts of a prompt, a line each."""
    return "\n".join(message.text for message in prompt.messages)


def afresh(fault: ProviderFault) -> ProviderFault:
    """The same fault as a new exception: each failure has its own traceback and notes."""
    return type(fault)(
        fault.message,
        param=fault.param,
        retry_after=fault.retry_after,
        provider_status=fault.provider_status,
        provider_code=fault.provider_code,
    )
