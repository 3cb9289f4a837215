"""One leg on the wire: sent, read within its time limits, counted."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from shared.core.chunk import Chunk, Ended, Finish, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import Cut, ProviderFault, TimedOut
from shared.core.leg import Batch, LegEnded, LegStarted
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.usage import NO_USAGE, Usage
from shared.models.silence import Silence
from shared.ports.clock import Clock
from shared.ports.provider import Provider, Reply, WireRequest

_CHARS_PER_TOKEN = 4
"""English prose under today's vocabularies; only for legs that broke before the provider counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds. A model that has `slow_start` seconds from its first token must have written
    `slow_start_chars` code points by then: a trickle is a fault like silence."""

    first_token: float = 8.0
    thinking_first_token: float = 60.0
    between_tokens: float = 5.0
    slow_start: float = 5.0
    slow_start_chars: int = 16

    def first(self, spec: ModelSpec) -> float:
        """How long this model may be silent at the start: longer where it is known to think first."""
        return self.thinking_first_token if spec.thinks else self.first_token


class Attempt:
    """One request to one model. `read` until it gives None or raises a ProviderFault, then `close`, then `ended`."""

    __slots__ = (
        "_clock", "_crowded", "_deadline", "_limits", "_provider", "_reads", "_running", "_sending", "_silence",
        "_size", "_started", "_told", "_waited", "ended_by", "first_at", "number", "reply", "request", "shown",
        "spec", "usage",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        spec: ModelSpec,
        provider: Provider,
        request: WireRequest,
        *,
        clock: Clock,
        limits: Limits,
        deadline: float,
    ) -> None:
        """`deadline` is a moment of `clock.monotonic`."""
        self.number, self.spec, self.request = number, spec, request
        self._provider, self._clock, self._limits, self._deadline = provider, clock, limits, deadline
        self._sending: AbstractAsyncContextManager[Reply] | None = None
        self._reads: Any = None
        self._silence = Silence()
        self._size = self._told = 0
        self._running = self._crowded = False
        self._started = self._waited = clock.monotonic()
        self.reply: Reply | None = None
        self.first_at: float | None = None
        self.usage: Usage | None = None
        self.ended_by: Ended | None = None
        self.shown = False
        """Whether anything of an answer has come: text, words of refusal, a part of a tool call."""

    def started(self, why: Mapping[str, Any]) -> LegStarted:
        """The intent: nothing has been sent yet."""
        return LegStarted(self.number, self.spec, self.request.body, self.request.url, why)

    async def read(self) -> Batch | None:
        """What the next network read brings; None at the answer's end. Raises a ProviderFault."""
        if self._reads is None:
            await self._open()
        limit = self._limit()
        now = self._clock.monotonic()
        try:
            batch: Batch = await self._silence.within(
                anext(self._reads), min(self._waited + limit, self._deadline) - now
            )
        except StopAsyncIteration:
            if self.ended_by is None:
                raise Cut(f"{self.spec.name} ended its stream without saying so.") from None
            return None
        except TimeoutError:
            silent = self._clock.monotonic() - self._waited
            what = "sent nothing" if self.first_at is None else "fell silent"
            raise TimedOut(f"{self.spec.name} {what} for {silent:.1f} s.") from None
        self._waited = self._clock.monotonic()
        self._see(batch)
        return batch

    async def close(self) -> None:
        """Let go of the connection: that is how the provider learns that nobody listens."""
        self._silence.stop()
        sending, self._sending = self._sending, None
        if sending is not None:
            await sending.__aexit__(None, None, None)

    def crowded(self) -> bool:
        """Whether the reply's head said that requests wait there; once."""
        said, self._crowded = self._crowded, False
        return said

    def ended(self, fault: ProviderFault | None) -> LegEnded:
        """What came of it; `fault` is what went wrong."""
        usage = self._counted(fault)
        now = self._clock.monotonic()
        cost: Micros | None
        try:
            cost = Micros(0) if usage.provenance == "absent" else self.spec.cost(usage, self._clock.now())
        except LookupError:
            cost = None
        finish: Finish = "error" if fault is not None or self.ended_by is None else self.ended_by.finish
        reply = self.reply
        first = None if self.first_at is None else round((self.first_at - self._started) * 1000)
        return LegEnded(
            leg=self.number,
            spec=self.spec,
            response=b"" if reply is None else reply.raw(),
            usage=Usage() if usage is NO_USAGE else usage,
            cost=cost,
            finish=finish,
            fault=fault,
            status=((fault.provider_status or 0) if fault else 0) if reply is None else reply.status,
            first_token_ms=first,
            total_ms=round((now - self._started) * 1000),
            simulated=False if reply is None else reply.simulated,
            response_id="" if self.ended_by is None else self.ended_by.response_id,
        )

    async def _open(self) -> None:
        self._started = self._waited = now = self._clock.monotonic()
        limit = self._limits.first(self.spec)
        sending = self._provider.send(self.request)
        try:
            self.reply = await self._silence.within(sending.__aenter__(), min(limit, self._deadline - now))
        except TimeoutError:
            raise TimedOut(f"{self.spec.name} did not answer within {limit:g} s.") from None
        self._sending = sending
        self._crowded = self.reply.pool == "busy"
        self._reads = self.reply.chunks().__aiter__()

    def _limit(self) -> float:
        """How long the next read may take. Who thinks first may fall silent until there is something to show."""
        if self.first_at is None or (self.spec.thinks and not self.shown):
            return self._limits.first(self.spec)
        return self._limits.between_tokens

    def _see(self, batch: Batch) -> None:
        """Take note of what comes."""
        size, used = self._size, self.usage
        for chunk in batch:
            if type(chunk) is Text:
                self.shown = True
                self._size += len(chunk.text)
            else:
                self._see_other(chunk)
        if self.usage is not used:
            self._told = self._size
        if self.first_at is None:
            if self._size > size or self.shown:
                self.first_at = self._waited
        elif self._size < self._limits.slow_start_chars and self.ended_by is None:
            took = self._waited - self.first_at
            if took > self._limits.slow_start:
                raise TimedOut(f"{self.spec.name} wrote {self._size} characters in {took:.1f} s.")

    def _see_other(self, chunk: Chunk) -> None:
        match chunk:
            case Refusal(text):
                self.shown = True
                self._size += len(text)
            case Reasoning(text):
                self._size += len(text)
            case ToolCallPart():
                self.shown = True
                self._size += len(chunk.arguments) + len(chunk.name)
            case Used(usage):
                self._running |= self.usage is not None and usage.output > self.usage.output
                self.usage = usage
            case Ended():
                self.ended_by = chunk
            case _:
                pass

    def _counted(self, fault: ProviderFault | None) -> Usage:
        """The provider's report; where it broke off before one, our estimate of what it had done. A report that counts
        along with the text is no less exact where that breaks off."""
        if self.usage is not None:
            along = self._running and self._told == self._size
            if fault is None or along or self.usage.output * _CHARS_PER_TOKEN >= self._size:
                return self.usage
        if self.reply is None or not (self._size or self.ended_by):
            return Usage(provenance="absent") if self.usage is None else self.usage
        reported = self.usage or Usage(input=len(self.request.body) // _CHARS_PER_TOKEN)
        wrote = max(reported.output, -(-self._size // _CHARS_PER_TOKEN))
        return replace(reported, output=wrote, reported_cost_micros=None, provenance="estimated")
