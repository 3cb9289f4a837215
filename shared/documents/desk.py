"""The verbs on documents: read an order, quote, start, wait, look up, follow, replay, re-run, cancel."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import (
    BadGraph,
    BadRequest,
    CallerFault,
    Conflict,
    NotYours,
    OurFault,
    OverBudget,
    Unavailable,
)
from shared.core.ids import KeyId, RunId, run_id, trace_of
from shared.core.money import Micros, show
from shared.core.tenant import Principal
from shared.documents.begun import as_begun
from shared.documents.orders import Order, permitted, read_order
from shared.documents.replayed import Replayed, replayed
from shared.documents.tape import entries_to_json
from shared.documents.veil import Unveiled, veiled
from shared.documents.work import BEAT_SECONDS, FIRST_TOKENS, Stores, Works
from shared.guard.hiding import Hiding, shown
from shared.guard.keeping import vault_until
from shared.guard.limits import caps_of, charges_of, check_run
from shared.guard.spend import settle
from shared.guard.stopped import refused
from shared.models.catalogue import Catalogue
from shared.ports.retention import removed
from shared.ports.shelf import Document
from shared.runtime.budget import Quote
from shared.runtime.journal import shielded

_POLL_SECONDS = 0.05
"""How often a document is looked at while its event stream is not there (yet, or any longer)."""
_SILENT_SECONDS = 3.0
"""After this long without an event a reader looks whether the document is over."""
_LAST_POSITION = 2**31
"""Past any event of a run: where the end of one that was given up is told."""
_WRITTEN = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}MARK_"
"""How the placeholder begins of a placeholder that its author wrote: nothing is hidden there."""
_SWEPT = 50
"""How many orphans are handed out in one sweep."""
_LEAST_OUTPUT = 256
"""Tokens: no step says anything useful in less, so a budget that can't pay for these is refused at once."""


@dataclass(frozen=True, slots=True)
class Documents:
    """A tenant's documents. Every verb takes the principal; another tenant's document is not there."""

    stores: Stores
    catalogue: Catalogue
    works: Works

    def read(self, body: Mapping[str, Any]) -> Order:
        """The order in a request. Raises BadRequest or BadBrief."""
        return read_order(self.stores.registry, body)

    def quote(self, principal: Principal, order: Order) -> Quote:
        """The worst case, step by step. Nothing is held. Raises Forbidden where the policy allows a step no model."""
        return permitted(order, principal.rules).pipeline.graph.quote(order.given)

    def quote_json(self, quote: Quote) -> dict[str, Any]:
        """A quote as the API gives it."""
        return {
            "micros": quote.micros,
            "tokens": quote.worst.tokens,
            "seconds": quote.worst.seconds,
            "steps": [
                {
                    "name": line.step,
                    "micros": line.worst.micros,
                    "tokens": line.worst.tokens,
                    "seconds": line.worst.seconds,
                    "lanes": line.lanes,
                    "models": list(line.models),
                }
                for line in quote.steps
            ],
        }

    async def start(self, principal: Principal, order: Order, run: RunId | None = None) -> Document:
        """Hold the money, put the document on the shelf and begin. Raises OverBudget before anything is stored. `run`
        is its id, where it was promised one."""
        order = permitted(order, principal.rules)
        await self._not_stopped()
        self._affordable(order)
        hiding = Hiding(principal.rules, more=self.stores.recogniser)
        order = veiled(order, hiding)
        document = await self._shelved(principal, order, hiding, run)
        self.works.begin(document, order.pipeline, order.given)
        return document

    async def _shelved(
        self,
        principal: Principal,
        order: Order,
        hiding: Hiding,
        run: RunId | None = None,
        parent: RunId | None = None,
    ) -> Document:
        """A new document, its money held. Whatever fails leaves neither."""
        pipeline = order.pipeline
        stores = self.stores
        now = stores.clock.now()
        run = run or run_id("doc", stores.ids.uuid())
        worst = pipeline.graph.quote(order.given).micros
        held = worst if order.budget is None else min(worst, order.budget)
        check_run(principal, stores.house, held)
        document = Document(
            id=run,
            tenant=principal.tenant,
            trace=trace_of(run),
            pipeline=pipeline.name,
            status="running",
            created=now,
            given=order.given.model_dump(mode="json"),
            actor=principal.actor,
            budget=order.budget,
            version=pipeline.graph.version,
            parent=parent,
        )
        try:
            # Shielded: a hold whose caller leaves while it is on its way would land after it was released.
            caps = caps_of(principal, stores.house)
            charges = charges_of(principal, stores.house, FIRST_TOKENS, requests=0)
            await shielded(stores.ledger.hold(principal.tenant, run, Micros(held), caps, charges))
            if hiding.any:
                until = vault_until(principal.rules, now)
                await stores.vault.keep(principal.tenant, run, hiding.marks, until)
            await stores.shelf.put(document)
        except BaseException:
            await asyncio.shield(settle(stores.ledger, principal.tenant, run, Micros(0)))
            raise
        self.works.callers[run] = principal
        self.works.hidings[run] = hiding
        return document

    async def wait(self, principal: Principal, run: RunId, seconds: float) -> Document:
        """The document as soon as it is over, or as it stands after `seconds`."""
        task = self.works.tasks.get(run)
        if task is not None:
            await asyncio.wait((task,), timeout=seconds)
        return await self.get(principal, run)

    async def get(self, principal: Principal, run: RunId) -> Document:
        """The document as its owner sees it. Raises NotYours."""
        return await Unveiled(self.stores.vault, await self._kept(principal, run)).document()

    async def _kept(self, principal: Principal, run: RunId) -> Document:
        """The document as it is kept: with placeholders for what is hidden. Raises NotYours."""
        document = await self.stores.shelf.get(principal.tenant, run)
        if document is None:
            raise NotYours(f"There is no document '{run}'.")
        return document

    async def listed(
        self, principal: Principal, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        """Newest first, past the id `after`."""
        return await self.stores.shelf.listed(principal.tenant, after, limit, pipeline)

    async def follow(self, principal: Principal, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        """The events past position `after`: live while there is a stream, from the log once that has expired."""
        unveiled = Unveiled(self.stores.vault, await self._kept(principal, run))
        while True:
            async with aclosing(self._live(principal, run, after)) as events:
                async for event in events:
                    yield await unveiled.event(event)
                    after = event.position
                    if event.final:
                        return
            # The stream is not there, has a gap, or has no more for one that named a position past its end.
            document = await self._kept(principal, run)
            if document.status != "running":
                for event in await self._told(principal, document):
                    if event.position > after:
                        yield event
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _told(self, principal: Principal, document: Document) -> Sequence[Event]:
        """All events of a document that is over; where its log has no end (it was given up), what the shelf says."""
        try:
            return (await self.replay(principal, document.id)).events
        except (Conflict, NotYours):
            return (Event(_LAST_POSITION, "failed", {"trace": document.trace, **(document.fault or {})}),)

    async def _live(self, principal: Principal, run: RunId, after: int) -> AsyncGenerator[Event, None]:
        """Events off the bus; ends early where the run is over and the bus does not say so (it was away then)."""
        async with aclosing(self.stores.bus.follow(principal.tenant, run, after)) as events:
            while True:
                coming = asyncio.ensure_future(anext(events, None))
                try:
                    while not (await asyncio.wait((coming,), timeout=_SILENT_SECONDS))[0]:
                        if (await self._kept(principal, run)).status != "running":
                            return
                finally:
                    if not coming.done():
                        coming.cancel()
                        await asyncio.wait((coming,))
                event = coming.result()
                if event is None:
                    return
                yield event

    async def replay(self, principal: Principal, run: RunId) -> Replayed:
        """The document rebuilt from the log. Raises NotYours; Conflict while it is still being written; Gone where the
        log has lost its words."""
        found = await replayed(self.stores.registry, await self._tape(principal, run))
        return await Unveiled(self.stores.vault, found.document).replayed(found)

    async def tape(self, principal: Principal, run: RunId) -> list[dict[str, Any]]:
        """All log entries of a run as JSON. Raises NotYours, and Gone where its words were removed."""
        return entries_to_json(await self._tape(principal, run))

    async def rerun(
        self, principal: Principal, run: RunId, swaps: Mapping[str, str], new: RunId | None = None
    ) -> Document:
        """The same order again, as a document of its own: without `swaps` all of it on today's models; with some, those
        steps on the models named and what follows from them, and all else out of the log, free. `new` is its id, where
        it was promised one. Raises NotYours, Gone,
        Conflict while the document is being written, BadRequest, UnknownModel."""
        before = await self._kept(principal, run)
        if before.status == "running":
            raise Conflict("The document is still being written.")
        await self._not_stopped()
        if before.removed is not None:
            raise removed(run, "", before.removed)
        pipeline = self.stores.registry.get(before.pipeline)
        if pipeline is None:
            raise Conflict(f"The pipeline '{before.pipeline}' is not served any longer.")
        ladders = {step: (self.catalogue.get(model),) for step, model in swaps.items()}
        try:
            graph = pipeline.graph.with_ladders(ladders)
        except BadGraph as fault:
            raise BadRequest(fault.message, param="set") from None
        marks = await self.stores.vault.marks(principal.tenant, before.id)
        hiding = Hiding(principal.rules, marks, self.stores.recogniser)
        order = read_order(
            self.stores.registry, {"pipeline": pipeline.name, "brief": shown(before.given, marks)}
        )
        order = replace(order, pipeline=replace(pipeline, graph=graph), budget=before.budget)
        # The policy may hide more by now than it did then.
        order = veiled(permitted(order, principal.rules), hiding)
        if swaps and any(not mark.startswith(_WRITTEN) for mark in hiding.marks.keys() - marks.keys()):
            raise Conflict(
                "Your policy hides now what this document was written with, so its log can't be gone on with; "
                "re-run it without 'set'."
            )
        tape = await self._tape(principal, run) if swaps else ()
        document = await self._shelved(principal, order, hiding, new, parent=before.id)
        if swaps:
            self.works.vary(document, pipeline, tape, ladders)
        else:
            self.works.begin(document, order.pipeline, order.given, refresh=True)
        return document

    async def cancel(self, principal: Principal, run: RunId) -> Document:
        """Stop writing; what was spent stays in the log. A finished document stays as it is. Raises NotYours, and
        Conflict where another process is working on it."""
        document = await self._kept(principal, run)
        if document.status == "running" and not await self.works.cancel(run):
            document = await self._kept(principal, run)
            if document.status == "running":
                raise Conflict("The document is being written by another process; try again in a moment.")
        return await self.get(principal, run)

    async def adopt_orphans(self) -> int:
        """Hand documents whose process died to the workers. The number that they took."""
        stores = self.stores
        if "all" in await stores.stops.standing():
            return 0  # they stay where they are until it is let go on
        silent = self._silent
        # Looked at, not taken: that is the worker's to do. A document that nobody takes is found by every sweep.
        found = await stores.shelf.claim_orphans(silent, silent - timedelta(seconds=1), limit=_SWEPT)
        taken = 0
        for _, run in found:
            taken += await self.works.workers.enqueue(run)
        return taken

    async def adopt(self, run: RunId) -> bool:
        """Go on with a document whose process died, here. False where there is nothing to do: it is over, or somebody
        works on it."""
        stores = self.stores
        if run in self.works.tasks or self.works.closing or "all" in await stores.stops.standing():
            return False
        found = await stores.shelf.claim_orphans(self._silent, stores.clock.now(), 1, run)
        if not found:
            return False
        document = await stores.shelf.get(found[0][0], run)
        if document is None or document.status != "running":
            return False
        try:
            await self._adopt(document)
        except Unavailable:
            return False  # its beat goes stale again, and the next sweep finds the store back
        except (CallerFault, OurFault) as fault:
            await self.works.give_up(document, fault)
        return True

    async def see_through(self, run: RunId) -> bool:
        """`adopt`, and wait until this process has nothing more to do for the document."""
        if not await self.adopt(run):
            return False
        task = self.works.tasks.get(run)
        if task is not None:
            await asyncio.wait((task,))
        return True

    @property
    def _silent(self) -> datetime:
        """A running document whose last beat is older than this has lost its process."""
        return self.stores.clock.now() - timedelta(seconds=3 * BEAT_SECONDS)

    async def _not_stopped(self) -> None:
        """A document costs money, whatever of it is stored: raises Stopped before anything is held."""
        fault = refused(await self.stores.stops.standing())
        if fault is not None:
            raise fault

    async def _adopt(self, document: Document) -> None:
        stores = self.stores
        pipeline = stores.registry.get(document.pipeline)
        if pipeline is None:
            raise Conflict(f"The pipeline '{document.pipeline}' is not served any longer.")
        try:
            given = pipeline.given.model_validate_json(orjson.dumps(document.given), strict=True)
        except ValidationError:
            raise Conflict(f"The pipeline '{document.pipeline}' takes other fields now.") from None
        tape = await stores.log.tape(document.tenant, document.id)
        if tape:
            pipeline = replace(pipeline, graph=as_begun(pipeline.graph, tape[0], self.catalogue))
        worst = pipeline.graph.quote(given).micros
        held = worst if document.budget is None else min(worst, document.budget)
        key = KeyId(document.actor) if document.actor.startswith("key_") else None
        of_tenant, of_key = await stores.keys.limits(document.tenant, key)
        rules = await stores.keys.rules(document.tenant)
        who = Principal(
            document.tenant, document.actor, key, key_limits=of_key, tenant_limits=of_tenant, rules=rules
        )
        marks = await stores.vault.marks(document.tenant, document.id)
        await stores.ledger.hold(document.tenant, document.id, Micros(held), caps_of(who, stores.house))
        self.works.callers[document.id] = who
        self.works.hidings[document.id] = Hiding(rules, marks, self.stores.recogniser)
        if not tape and document.parent is not None:
            raise Conflict("This re-run was lost before it began; ask for it again.")
        if not tape:
            self.works.begin(document, pipeline, given)
            return
        seen = await stores.bus.so_far(document.tenant, document.id)
        self.works.take_over(document, pipeline, tape, seen)

    async def _tape(self, principal: Principal, run: RunId) -> tuple[Entry, ...]:
        entries = await self.stores.log.tape(principal.tenant, run)
        if not entries:
            raise NotYours(f"There is no run '{run}'.")
        return entries

    def _affordable(self, order: Order) -> None:
        """Refuse at once a budget that can't buy the shortest answer from the cheapest model of each step."""
        if order.budget is None:
            return
        now, pipeline = self.stores.clock.now(), order.pipeline
        least = sum(
            min((spec.worst_case(0, _LEAST_OUTPUT, now) for spec in node.step.ladder), default=0)
            for node in pipeline.graph.nodes
        )
        if order.budget < least:
            worst = pipeline.graph.quote(order.given).micros
            raise OverBudget(
                f"A budget of {order.budget} micro-dollars ({show(order.budget)}) can't pay for a document of pipeline "
                f"'{pipeline.name}': the least is {least} ({show(least)}), and {worst} ({show(worst)}) covers any.",
                param="budget_micros",
            )
