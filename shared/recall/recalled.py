"""The cache before the models: what was answered is served again, equal requests share one answer."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from shared.core.chunk import Text
from shared.core.faults import Fault, ProviderFault
from shared.core.ids import SpanId, TraceId
from shared.core.leg import (
    Batch,
    Call,
    LegEnded,
    LegItem,
    LegStarted,
    Restarted,
    Servable,
    Spliced,
)
from shared.core.lines import LINES
from shared.core.model_spec import ModelSpec
from shared.core.money import ZERO
from shared.ports.answers import Answers, Stored
from shared.ports.clock import Clock
from shared.ports.flights import Flights, Following, Lead
from shared.ports.models import Models
from shared.recall.broadcast import Broadcast
from shared.recall.following import Follower
from shared.recall.lookup import Hit, Lookup
from shared.recall.naming import Named, Naming
from shared.recall.near.words import is_word
from shared.recall.serving import servable, served, stored

_TRIES = 5
"""How often a follower waits for another one's lead before it asks for itself."""
_TURNS = (LegStarted, LegEnded, Restarted, Spliced, Servable)
"""What comes between reads."""


@dataclass(slots=True)
class Recalled:
    """`ports.models.Models` over the models proper. `specs` knows every model by name."""

    models: Models
    answers: Answers
    flights: Flights
    lookup: Lookup
    naming: Naming
    clock: Clock
    specs: Mapping[str, ModelSpec]
    simulated: frozenset[str] = frozenset()
    """Providers that are simulated: what was made up is never served once a real one answers."""
    _before: dict[tuple[TraceId, SpanId], int] = field(default_factory=dict)
    """Legs of a call before those of the models proper."""
    _storing: set["asyncio.Task[Any]"] = field(default_factory=set)

    def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See `ports.models.Models.stream`."""
        if call.caching is None or call.caching.tier == "off":
            return self.models.stream(call)
        return self._answered(call, refresh=call.caching.refresh)

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """See `ports.models.Models.partials`."""
        before = self._before.pop((call.trace, call.span), 0)
        found = self.models.partials(call)
        return [replace(leg, leg=leg.leg + before) for leg in found] if before else found

    def keep(self, answers: Sequence[Servable]) -> None:
        """Store answers that passed their caller's checks, behind their caller's back."""
        for found in answers:
            row = stored(found, self.clock.now())
            if row is not None:
                task = asyncio.create_task(self._store(found, row), name="store an answer")
                self._storing.add(task)
                task.add_done_callback(self._storing.discard)

    def warm(self) -> None:
        """Load the word list of near hits, behind everybody's back: the first question must not wait for it."""
        task = asyncio.create_task(asyncio.to_thread(is_word, "a"), name="word list")
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def close(self) -> None:
        """Finish what is being stored; leave all flights."""
        if self._storing:
            await asyncio.wait(self._storing, timeout=5)
        if self.lookup.judge is not None:
            await self.lookup.judge.close()
        await self.flights.close()
        await self.answers.close()

    async def _store(self, found: Servable, row: Stored) -> None:
        tenant = found.call.tenant
        try:
            # At once, for who asks next; its vector, which takes its time, afterwards.
            await self.answers.put(tenant, row)
            if row.words and (vector := await self.lookup.vector_behind(row.words)):
                await self.answers.put(tenant, row, vector, self.lookup.embedder_name)
        except Fault as fault:
            LINES.warning("answer not stored", run=found.call.run, fault=fault.code, message=fault.message)

    async def _answered(self, call: Call, *, refresh: bool) -> AsyncGenerator[LegItem, None]:
        named = self.naming.named(call)
        if refresh:
            source = self._asked(call, named, None)
        elif (hit := await self.lookup.find(call, named)) is not None and self._stands(hit.stored):
            source = self._served(call, named, hit)
        else:
            flight = await self.flights.join(call.tenant, named.key)
            if isinstance(flight, Following):
                source = self._followed(call, named, flight)
            else:
                self.answers.count(call.tenant, "miss", ZERO)
                source = self._asked(call, named, flight)
        async with aclosing(source) as items:
            async for item in items:
                yield item

    def _stands(self, stored: Stored) -> bool:
        """Whether a stored answer may still be given: its model is there, and it is as real as the ones of today."""
        spec = self.specs.get(stored.model)
        return spec is not None and (not stored.simulated or spec.provider in self.simulated)

    async def _served(self, call: Call, named: Named, hit: Hit) -> AsyncGenerator[LegItem, None]:
        """A stored answer, as it came."""
        spec = self.specs[hit.stored.model]
        self.answers.count(call.tenant, "hit" if hit.kind == "hit" else "near", hit.stored.cost or ZERO)
        for item in served(hit.stored, spec, hit.kind, 1, hit.why, hit.ms):
            yield item
        if hit.kind == "near":
            self.lookup.served(call, named, hit)

    async def _asked(
        self, call: Call, named: Named, lead: Lead | None, before: int = 0, *, void: bool = False
    ) -> AsyncGenerator[LegItem, None]:
        """The models proper, told to all who wait for the same. `before` legs of the call are over; `void` where nobody
        can go on with what they brought."""
        voice = Broadcast(lead)
        reads: list[Batch] = [[Text(call.begun)]] if call.begun else []
        ended: LegEnded | None = None
        landed = False
        if before:
            self._before[(call.trace, call.span)] = before
        try:
            if void:
                yield _told(voice, Restarted(1), before)
            async with aclosing(self.models.stream(call)) as items:
                async for item in items:
                    if isinstance(item, _TURNS):
                        if isinstance(item, LegEnded):
                            ended = item
                        elif isinstance(item, Restarted):
                            reads.clear()
                        item = _told(voice, item, before)
                    else:
                        reads.append(item)
                        voice.read(item)
                    yield item
            landed = True
            self._before.pop((call.trace, call.span), None)
            if ended is not None:
                late = lead is not None and servable(call, reads, ended)
                await voice.landed(ended, self.clock.now().timestamp(), late=late)
        except ProviderFault as fault:
            landed = True
            await voice.failed(fault, self.clock.now().timestamp())
            raise
        finally:
            if not landed:
                await voice.left()
        if ended is not None:
            yield Servable(call, named.key, named.frame, named.content, named.words, reads, ended)

    async def _followed(self, call: Call, named: Named, flight: Following) -> AsyncGenerator[LegItem, None]:
        """An answer that another request is getting at this moment; where its lead leaves, one of those who follow goes
        on with it."""
        follower, lead = Follower(self.specs, self.clock), None
        for _ in range(_TRIES):
            async with aclosing(flight.messages()) as messages:
                async for message in messages:
                    if not follower.legs and flight.landed:
                        follower.kind = "hit"
                    for item in follower.hear(message):
                        yield item
                    if follower.over or follower.alone:
                        break
            if follower.over:
                self.answers.count(call.tenant, "hit" if follower.kind == "hit" else "joined", follower.cost)
                if follower.fault is not None:
                    raise follower.fault
                return
            if follower.alone or (lead := await flight.take_over()) is not None:
                break
        for item in follower.leave():
            yield item
        again, void = replace(call, begun=follower.text), follower.any and not follower.text
        async with aclosing(self._asked(again, named, lead, follower.legs, void=void)) as items:
            async for item in items:
                yield item


def _told(voice: Broadcast, item: LegItem, before: int) -> LegItem:
    """An item that is no read, told to those who wait, with the number that its leg has for its own caller."""
    if isinstance(item, LegStarted):
        voice.model(item.spec.name)
    elif isinstance(item, Restarted | Spliced):
        voice.turn(item)
    if before and isinstance(item, LegStarted | LegEnded | Restarted | Spliced):
        return replace(item, leg=item.leg + before)
    return item
