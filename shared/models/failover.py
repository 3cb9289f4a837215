"""Answers a call from the rungs of its ladder: who is asked, when the next one is, and how it goes on (laws 5 and 6).

- Silence is a fault: no first token, none for too long, or a trickle ends a leg at the first time limit.
- A content refusal and a request that the provider calls wrong are the caller's answer: no other rung is tried.
- Text goes out live; nothing is kept back but an unfinished word. A leg that breaks after text has gone out is taken
  up by the next one (`shown.py`); only where that can't be done does the answer begin anew (`Restarted`).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.core.faults import (
    Cut,
    Malformed,
    Outrun,
    Overloaded,
    ProviderFault,
    Refused,
    Rejected,
    Throttled,
    TooLong,
)
from shared.core.leg import Batch, Call, LegEnded, LegItem, Restarted, Spliced
from shared.core.model_spec import ModelSpec, ProviderName
from shared.models.attempt import Attempt, Limits
from shared.models.breaker import loaded, throttles
from shared.models.router import Router, Size
from shared.models.shown import Shown, Way
from shared.ports.clock import Clock
from shared.ports.health import Health, Report
from shared.ports.provider import Provider, WireRequest

__all__ = ["Failover", "Limits"]
_GONE = 404
_PROBE_PATIENCE = 1000
"""Milliseconds after which a call that tries a model that was down asks the next one as well."""
_MOST_LEGS = 8
"""Legs of one answer: more than any sensible ladder needs, an end for a way that leads in circles."""


@dataclass(slots=True)
class Failover:
    """`ports.models.Models` over the providers."""

    providers: Mapping[ProviderName, Provider]
    clock: Clock
    health: Health
    limits: Limits = field(default_factory=Limits)
    router: Router | None = None
    """Puts the rungs of a call that has a need in order."""
    _left: dict[tuple[str, str], list[LegEnded]] = field(default_factory=dict)

    def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See `ports.models.Models.stream`."""
        return Answering(self, call).items()

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """See `ports.models.Models.partials`."""
        return self._left.pop((call.trace, call.span), ())

    def leave(self, call: Call, attempts: Sequence[Attempt]) -> None:
        """Keep what the open legs of a call had come to, for `partials`."""
        gone = [attempt.ended(Cut("The caller left before the answer ended.")) for attempt in attempts]
        self._left[(call.trace, call.span)] = gone
        for ended in gone:
            self.spare(ended.spec, ended.first_token_ms)

    def spare(self, spec: ModelSpec, first_token_ms: int | None = None) -> None:
        """Say that a call did not come to its end, by no fault of the model: a probe that it was is free again."""
        self.health.report(Report(spec.name, spec.provider, "caller_left", None, first_token_ms))

    def over(self, attempt: Attempt, fault: ProviderFault | None) -> LegEnded:
        """The end of a leg, told to the health of the models."""
        ended = attempt.ended(fault)
        code, after = ("", None) if fault is None else (fault.code, fault.retry_after)
        unreachable = isinstance(fault, Overloaded) and not ended.status
        name, provider = ended.spec.name, ended.spec.provider
        pool = attempt.reply.pool if attempt.reply is not None and fault is not None else ""
        told = "" if pool == "busy" else pool
        self.health.report(Report(name, provider, code, after, ended.first_token_ms, unreachable, told))
        return ended


class Answering:
    """One call on its way through its rungs. `fault` is why the leg before ended."""

    __slots__ = (
        "_asked", "_busy", "_call", "_closed_until", "_deadline", "_first", "_house", "_number", "_open", "_probe",
        "_resumed", "_route", "_rungs", "_shown", "_skipped", "fault",
    )  # fmt: skip

    def __init__(self, house: Failover, call: Call) -> None:
        self._house, self._call = house, call
        self._deadline = house.clock.monotonic() + call.deadline
        self._route = call.why
        self._rungs = list(self._routed())
        self._shown = Shown(call.prompt)
        if call.begun:
            self._shown.had(call.begun)
        self._number = 0
        self._asked: set[str] = set()
        self._probe = self._resumed = False
        self._skipped: dict[str, str] = {}
        self._busy: list[ModelSpec] = []
        """Passed over for their queues alone: a queue is better than no answer."""
        self._closed_until: list[datetime] = []
        self._open: list[Attempt] = []
        self._first: tuple[Attempt, asyncio.Task[Batch | None]] | None = None
        self.fault: ProviderFault | None = None

    def _routed(self) -> Sequence[ModelSpec]:
        """The ladder in the order that the call's need asks for; as it stands where it has none."""
        call, router = self._call, self._house.router
        if call.need is None or router is None:
            return call.ladder
        prompt = call.prompt
        size = Size(
            sum(len(message.text) for message in prompt.messages) // 4,
            prompt.max_output or 1_000,
            prompt.schema is not None or prompt.json_object,
            bool(prompt.tools),
            any(message.images for message in prompt.messages),
        )
        route = router.route(call.ladder, call.need, size)
        self._route = route.why
        # Whoever is down is looked at again before it is asked: it may be up by then.
        return (*route.rungs, *(spec for spec in call.ladder if spec not in route.rungs))

    async def items(self) -> AsyncGenerator[LegItem, None]:
        """See `ports.models.Models.stream`."""
        try:
            found = await self._next()
            if found is None:
                raise self.fault or self._nobody()
            while found is not None:
                attempt, way = found
                if self._shown.any and way == "fresh":
                    yield Restarted(attempt.number)
                self._shown.begin(way)
                async with aclosing(self._leg(attempt, way)) as items:
                    async for item in items:
                        yield item
                if self.fault is None:
                    return
                found = await self._after(attempt, self.fault)
            raise self.fault or self._nobody()
        finally:
            if self._open:
                try:
                    for one in self._open:
                        await one.close()
                finally:
                    self._house.leave(self._call, self._open)

    async def _leg(self, attempt: Attempt, way: Way) -> AsyncGenerator[LegItem, None]:
        """One leg from its intent to its end; `fault` says how it ended. With a hedge, the two of them."""
        self._open.append(attempt)
        yield attempt.started(self._why(attempt, way))
        fault: ProviderFault | None = None
        first: asyncio.Task[Batch | None] | None = None
        rival = await self._rival(attempt)
        if rival is not None:
            async with aclosing(self._race(attempt, *rival)) as items:
                async for item in items:
                    yield item
            assert self._first is not None
            attempt, first = self._first
        shown, house = self._shown, self._house
        try:
            while (batch := await (first or attempt.read())) is not None:
                if attempt.crowded():
                    house.health.report(Report(attempt.spec.name, attempt.spec.provider, pool="busy"))
                first = None
                out = shown.take(batch)
                if shown.failed:
                    if self._rungs:
                        raise Malformed(f"{attempt.spec.name} did not go on from what was there.")
                    yield Restarted(attempt.number)
                    out = shown.pending()
                elif (join := shown.joined()) is not None:
                    yield Spliced(attempt.number, join)
                if out:
                    yield out
        except ProviderFault as caught:
            fault = caught
        self.fault = fault
        yield await self._over(attempt, fault)

    async def _over(self, attempt: Attempt, fault: ProviderFault | None) -> LegEnded:
        await attempt.close()
        self._open.remove(attempt)
        if isinstance(fault, Outrun):
            return attempt.ended(fault)
        return self._house.over(attempt, fault)

    async def _after(self, attempt: Attempt, fault: ProviderFault) -> tuple[Attempt, Way] | None:
        """Who is asked next; None where the fault is the answer."""
        house = self._house
        if not worth_another(fault) or self._number >= _MOST_LEGS:
            return None
        if house.clock.monotonic() >= self._deadline:
            return None
        if not self._shown.text or self._shown.mixed:
            return await self._next()
        if isinstance(fault, Cut) and not self._resumed:
            self._resumed = True
            if (request := self._same(attempt)) is not None:
                return self._attempt(attempt.spec, request), "resumed"
        self._resumed = False
        finishers = [spec for spec in self._call.finishers if spec.name not in self._asked]
        again = [attempt.spec] if len(self._call.ladder) == 1 and self._number < 3 else []
        waiting = [spec for spec in (*finishers, *again) if spec not in self._rungs]
        # A connection that broke says little of its model; one that fell silent would be waited for twice.
        self._rungs += waiting if not isinstance(fault, Cut) else [*again, *finishers]
        return await self._next()

    async def _next(self, *, queue: bool = True) -> tuple[Attempt, Way] | None:
        """The next rung that may be asked and whose wire can say it; after all of them, with `queue`, one that has
        requests waiting."""
        while self._rungs or (queue and self._busy):
            if self._rungs:
                spec = self._rungs.pop(0)
                if not await self._may(spec):
                    continue
            else:
                spec = self._busy.pop(0)
                del self._skipped[spec.name]
            way = self._shown.way(spec)
            try:
                request = self._request(spec, way)
            except Rejected as unsayable:
                self.fault = self.fault or unsayable
                self._house.spare(spec)
                continue
            return self._attempt(spec, request), way
        return None

    def _attempt(self, spec: ModelSpec, request: WireRequest) -> Attempt:
        house = self._house
        self._number += 1
        self._asked.add(spec.name)
        return Attempt(
            self._number, spec, house.providers[spec.provider], request,
            clock=house.clock, limits=house.limits, deadline=self._deadline,
        )  # fmt: skip

    def _request(self, spec: ModelSpec, way: Way) -> WireRequest:
        prompt = self._shown.prompt(way)
        provider = self._house.providers[spec.provider]
        call = self._call
        return provider.prepare(spec, prompt, stream=call.stream, request_id=self._name(), tenant=call.tenant)

    def _same(self, attempt: Attempt) -> WireRequest | None:
        """The request that takes a broken response up again, where its provider keeps it."""
        if attempt.reply is None or not attempt.spec.resume:
            return None
        provider = self._house.providers[attempt.spec.provider]
        return provider.resume(
            attempt.spec, self._call.prompt,
            request=attempt.request, received=attempt.reply.raw(), request_id=self._name(),
        )  # fmt: skip

    def _name(self) -> str:
        """What a provider is told that the request is called."""
        return f"{self._call.trace}-{self._call.span}"

    async def _may(self, spec: ModelSpec) -> bool:
        """Whether a model may be asked now: its breaker is closed, or this call is the one that tries it."""
        standing = self._house.health.standing(spec)
        self._probe = False
        if standing.state == "closed":
            return True
        now = self._house.clock.now()
        due = standing.until is not None and standing.until <= now
        if standing.state == "open" and due and await self._house.health.probe(spec):
            self._probe = True
            return True
        if loaded(standing.why):
            self._busy.append(spec)
        self._skipped[spec.name] = standing.why or f"{spec.name} is {standing.state}"
        if standing.until is not None:
            self._closed_until.append(standing.until)
        return False

    def _nobody(self) -> ProviderFault:
        """Nobody may be asked: each was found to be down a moment ago."""
        if not self._skipped:
            return Rejected("No model on the ladder can be asked this.")
        reasons = "; ".join(self._skipped.values())
        wait = None
        if self._closed_until:
            wait = max((min(self._closed_until) - self._house.clock.now()).total_seconds(), 0.5)
        kind = Throttled if all(throttles(why) for why in self._skipped.values()) else Overloaded
        return kind(f"No model that may answer can be asked now ({reasons}).", retry_after=wait)

    def _why(self, attempt: Attempt, way: Way) -> dict[str, Any]:
        """The decision in words and numbers: what the log says of why this model was asked, and how."""
        why: dict[str, Any] = {
            "ladder": [spec.name for spec in self._call.ladder],
            "rung": attempt.number,
            "way": way,
        }
        if self._route is not None and attempt.number == 1:
            why["route"] = self._route
        if self.fault is not None:
            why["after"] = self.fault.code
        if self._skipped:
            why["skipped"] = dict(self._skipped)
        return why

    async def _rival(self, attempt: Attempt) -> tuple[Attempt, Way, float] | None:
        """Who is asked as well where `attempt` is slow to begin, and after how many seconds."""
        probe, self._probe = self._probe, False
        if not (self._call.hedge or probe) or attempt.number > 1 or not self._rungs:
            return None
        patience = self._house.health.standing(attempt.spec).first_token_p95_ms
        if probe:
            # Whoever tries a model that was down must not wait out its silence.
            patience = min(patience or _PROBE_PATIENCE, _PROBE_PATIENCE)
        found = None if patience is None else await self._next(queue=False)
        return None if found is None or patience is None else (*found, patience / 1000)

    async def _race(
        self, attempt: Attempt, rival: Attempt, way: Way, patience: float
    ) -> AsyncGenerator[LegItem, None]:
        """Both legs up to the first read of one of them; the other is over then. `_first` is who won, and its read."""
        ahead = asyncio.ensure_future(attempt.read())
        tasks = {attempt: ahead}
        try:
            await asyncio.wait((ahead,), timeout=patience)
            if ahead.done():
                self._rungs.insert(0, rival.spec)
                self._number -= 1
                self._house.spare(rival.spec)
                self._first = attempt, ahead
                return
            self._open.append(rival)
            yield rival.started({**self._why(rival, way), "hedge": attempt.spec.name})
            tasks[rival] = asyncio.ensure_future(rival.read())
            while True:
                await asyncio.wait([t for t in tasks.values() if not t.done()], return_when="FIRST_COMPLETED")
                over = [one for one, task in tasks.items() if task.done()]
                won = next((one for one in over if tasks[one].exception() is None), None)
                if won is not None or len(over) == len(tasks):
                    break
            won = won or attempt
            lost = next(one for one in tasks if one is not won)
            yield await self._lost(lost, tasks[lost])
            self._first = won, tasks[won]
        finally:
            if self._first is None:
                for task in tasks.values():
                    task.cancel()
                await asyncio.wait(tasks.values())

    async def _lost(self, attempt: Attempt, task: "asyncio.Task[Batch | None]") -> LegEnded:
        task.cancel()
        await asyncio.wait((task,))
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, ProviderFault):
            return await self._over(attempt, fault)
        return await self._over(
            attempt, Outrun(f"{attempt.spec.name} was slower than the model asked as well.")
        )


def worth_another(fault: ProviderFault) -> bool:
    """Whether the next rung may do better. A model that is gone (404) is the provider's trouble, not the caller's; what
    is too long for one may fit into another, whatever the catalogue says of the first: our own pool is served with the
    window that its GPU has room for."""
    if isinstance(fault, Refused):
        return False
    if isinstance(fault, TooLong):
        return True
    return not isinstance(fault, Rejected) or fault.provider_status == _GONE
