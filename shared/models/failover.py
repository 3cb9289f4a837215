"""Answers a call from the first rung of its ladder that can: the rules for when to go on to the next.

- Silence is a fault: no first token, or none for too long, ends a leg at the first time limit (law 6).
- A content refusal and a request that the provider calls wrong are the caller's answer: no other rung is tried.
- A leg that breaks after text has gone out is followed by `Restarted`: what was shown of it is void.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from shared.core.chunk import Chunk, Ended, Finish, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import Cut, OverBudget, ProviderFault, Refused, Rejected, TimedOut
from shared.core.leg import Call, LegEnded, LegItem, LegStarted, Restarted
from shared.core.model_spec import ModelSpec, ProviderName
from shared.core.money import Micros
from shared.core.usage import NO_USAGE, Usage
from shared.ports.clock import Clock
from shared.ports.provider import Provider, Reply, WireRequest

_CHARS_PER_TOKEN = 4
"""English prose under today's vocabularies; only for legs that broke before the provider counted."""
_GONE = 404


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    first_token: float = 8.0
    thinking_first_token: float = 60.0
    between_tokens: float = 5.0

    def first(self, spec: ModelSpec) -> float:
        """How long this model may be silent at the start: longer where it is known to think first."""
        return self.thinking_first_token if spec.thinks else self.first_token


@dataclass(slots=True)
class _Leg:
    """What has come of a leg so far."""

    number: int
    spec: ModelSpec
    prompt_size: int
    started: float
    reply: Reply | None = None
    shown: bool = False
    size: int = 0
    first_at: float | None = None
    usage: Usage | None = None
    ended: Ended | None = None

    def see(self, chunk: Chunk, now: float) -> None:
        """Take note of a chunk on its way out."""
        match chunk:
            case Text(text) | Refusal(text):
                self.shown = True
                self.size += len(text)
            case Reasoning(text):
                self.size += len(text)
            case ToolCallPart():
                self.shown = True
                self.size += len(chunk.arguments) + len(chunk.name)
            case Used(usage):
                self.usage = usage
                return
            case Ended():
                self.ended = chunk
                return
            case _:
                return
        if self.first_at is None:
            self.first_at = now

    def counted(self, fault: ProviderFault | None) -> Usage:
        """The provider's report; where it broke off before one, our estimate of what it had done."""
        if self.usage is not None and (fault is None or self.usage.output * _CHARS_PER_TOKEN >= self.size):
            return self.usage
        if self.reply is None or not (self.size or self.ended):
            return Usage(provenance="absent") if self.usage is None else self.usage
        reported = self.usage or Usage(input=self.prompt_size // _CHARS_PER_TOKEN)
        return Usage(
            input=reported.input,
            cache_read=reported.cache_read,
            cache_write=reported.cache_write,
            output=max(reported.output, -(-self.size // _CHARS_PER_TOKEN)),
            reasoning=reported.reasoning,
            provenance="estimated",
        )


@dataclass(slots=True)
class Failover:
    """`ports.models.Models` over the providers."""

    providers: Mapping[ProviderName, Provider]
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    _open: dict[tuple[str, str], LegEnded] = field(default_factory=dict)

    async def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See `ports.models.Models.stream`."""
        deadline = self.clock.monotonic() + call.deadline
        fault: ProviderFault | None = None
        void = False
        for number, spec in enumerate(call.ladder, 1):
            try:
                request = self._prepared(call, spec)
            except Rejected as unsayable:
                fault = fault or unsayable
                continue
            if void:
                yield Restarted(number)
            async with aclosing(self._leg(call, number, spec, request, deadline, fault)) as items:
                async for item in items:
                    yield item
                    if isinstance(item, LegEnded):
                        fault = item.fault
                    elif not isinstance(item, LegStarted):
                        void = void or isinstance(item, Text | Refusal | ToolCallPart)
            if fault is None:
                return
            if not _worth_another(fault) or self.clock.monotonic() >= deadline:
                break
        raise fault or OverBudget("No model on the ladder may be used.")

    def partial(self, call: Call) -> LegEnded | None:
        """See `ports.models.Models.partial`."""
        return self._open.pop((call.trace, call.span), None)

    def _prepared(self, call: Call, spec: ModelSpec) -> WireRequest:
        """The exact request. Raises Rejected where the rung's wire has no way to say it: no call, so no leg either."""
        name = f"{call.trace}-{call.span}"
        return self.providers[spec.provider].prepare(spec, call.prompt, stream=call.stream, request_id=name)

    async def _leg(
        self,
        call: Call,
        number: int,
        spec: ModelSpec,
        request: WireRequest,
        deadline: float,
        before: ProviderFault | None,
    ) -> AsyncGenerator[LegItem, None]:
        leg = _Leg(number, spec, len(request.body), self.clock.monotonic())
        over = False
        try:
            yield LegStarted(number, spec, request.body, request.url, _why(call, number, before))
            leg.started = self.clock.monotonic()
            fault: ProviderFault | None = None
            limit = self.limits.first(spec) if call.stream else call.deadline
            try:
                async with asyncio.timeout(min(limit, max(deadline - leg.started, 0.0))):
                    sending = self.providers[spec.provider].send(request)
                    reply = leg.reply = await sending.__aenter__()
            except TimeoutError:
                fault = TimedOut(f"{spec.name} did not answer within {limit:g} s.")
            except ProviderFault as caught:
                fault = caught
            else:
                try:
                    async with aclosing(self._read(leg, reply, deadline, call.stream)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                except ProviderFault as caught:
                    fault = caught
                finally:
                    await sending.__aexit__(None, None, None)
            over = True
            yield self._ended(leg, fault)
        finally:
            if not over:
                self._open[(call.trace, call.span)] = self._ended(
                    leg, Cut("The caller left before the answer ended.")
                )

    async def _read(
        self, leg: _Leg, reply: Reply, deadline: float, stream: bool
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of a reply, within the time limits. Raises a ProviderFault."""
        reads = reply.chunks().__aiter__()
        waited_from = leg.started
        while True:
            limit = self._limit(leg, stream)
            until = min(waited_from + limit, deadline)
            try:
                async with asyncio.timeout(max(until - self.clock.monotonic(), 0.0)):
                    batch = await anext(reads)
            except StopAsyncIteration:
                break
            except TimeoutError:
                silent = self.clock.monotonic() - waited_from
                what = "sent nothing" if leg.first_at is None else "fell silent"
                raise TimedOut(f"{leg.spec.name} {what} for {silent:.1f} s.") from None
            now = waited_from = self.clock.monotonic()
            for chunk in batch:
                leg.see(chunk, now)
                yield chunk
        if leg.ended is None:
            raise Cut(f"{leg.spec.name} ended its stream without saying so.")

    def _limit(self, leg: _Leg, stream: bool) -> float:
        if not stream:
            return float("inf")
        return self.limits.first(leg.spec) if leg.first_at is None else self.limits.between_tokens

    def _ended(self, leg: _Leg, fault: ProviderFault | None) -> LegEnded:
        usage = leg.counted(fault)
        now = self.clock.monotonic()
        cost: Micros | None
        try:
            cost = Micros(0) if usage.provenance == "absent" else leg.spec.cost(usage, self.clock.now())
        except LookupError:
            cost = None
        finish: Finish = "error" if fault is not None or leg.ended is None else leg.ended.finish
        return LegEnded(
            leg=leg.number,
            spec=leg.spec,
            response=leg.reply.raw() if leg.reply is not None else b"",
            usage=usage if usage is not NO_USAGE else Usage(),
            cost=cost,
            finish=finish,
            fault=fault,
            status=leg.reply.status
            if leg.reply is not None
            else (fault.provider_status or 0 if fault else 0),
            first_token_ms=None if leg.first_at is None else round((leg.first_at - leg.started) * 1000),
            total_ms=round((now - leg.started) * 1000),
            simulated=leg.reply.simulated if leg.reply is not None else False,
            response_id=leg.ended.response_id if leg.ended is not None else "",
        )


def _worth_another(fault: ProviderFault) -> bool:
    """Whether the next rung may do better. A model that is gone (404) is the provider's trouble, not the caller's."""
    if isinstance(fault, Refused):
        return False
    return not isinstance(fault, Rejected) or fault.provider_status == _GONE


def _why(call: Call, number: int, before: ProviderFault | None) -> Mapping[str, object]:
    why: dict[str, object] = {"ladder": [spec.name for spec in call.ladder], "rung": number}
    if before is not None:
        why["after"] = before.code
    return why
