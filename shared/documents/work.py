"""Doing the work of a document: run the graph, write the result, settle the money. In that order, once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from pydantic import BaseModel

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Conflict, Diverged, Fault, OurFault, Stopped, Unavailable
from shared.core.ids import RunId
from shared.core.leg import Caching, Servable
from shared.core.lines import LINES
from shared.core.money import ZERO, Micros
from shared.core.rules import NO_RULES, Rules
from shared.core.tenant import Limits, Principal
from shared.documents.finish import documented, finished_json
from shared.documents.pipeline import Pipeline, Registry
from shared.documents.view import fault_json
from shared.guard.checking import checking
from shared.guard.fallback import instead
from shared.guard.hiding import Hiding
from shared.guard.keeping import vault_until
from shared.guard.limits import rest_of
from shared.guard.spend import settle
from shared.ports.bus import Bus
from shared.ports.clock import Clock, Ids
from shared.ports.keys import Keys
from shared.ports.ledger import Ledger
from shared.ports.log import Log
from shared.ports.models import Models
from shared.ports.recogniser import Recogniser
from shared.ports.shelf import Document, Shelf
from shared.ports.stops import Stops
from shared.ports.vault import Vault
from shared.ports.workers import Workers
from shared.runtime.course import Context, Finding
from shared.runtime.journal import Conclude
from shared.runtime.run import resume, run, what_if
from shared.runtime.step import Ladder
from shared.runtime.view import RunView

BEAT_SECONDS = 5.0
"""How often a running document says that it is alive; three missed beats make an orphan."""
FIRST_TOKENS = 1
"""What a document takes of its caller's tokens when it begins, so that one in debt waits; the rest once it is known."""
_LONG_AGO = timedelta(days=1)
_HANDING_SECONDS = 5.0
"""A process that is told to end has little time."""
SourceFinder = Callable[[Principal, str, RunId], Awaitable[Sequence[Finding]]]
"""Looks a query up for a caller, on behalf of a run."""


def caching(rules: Rules, *, refresh: bool) -> Caching | None:
    """How the cache is to treat a document's calls."""
    if rules.cache == "off":
        return None
    return Caching(rules.cache, rules.cache_seconds, rules.digest, refresh=refresh)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that a document touches. `house` is what binds a tenant without limits of its own."""

    registry: Registry
    shelf: Shelf
    log: Log
    bus: Bus
    ledger: Ledger
    models: Models
    keys: Keys
    clock: Clock
    ids: Ids
    house: Limits
    vault: Vault
    stops: Stops
    recogniser: Recogniser | None = None
    keep: Callable[[Sequence[Servable]], None] | None = None
    """Takes answers that may be served again; None: there is no cache."""
    sources: SourceFinder | None = None
    """What tenants added to look things up in."""
    told: Callable[[Document], None] | None = None
    """Told of every document that is finished."""


@dataclass(slots=True)
class Works:
    """The documents that this process is working on. A reader that leaves stops none of them."""

    stores: Stores
    workers: Workers
    """Who goes on with what is left when this process ends."""
    tasks: dict[RunId, asyncio.Task[None]] = field(default_factory=dict)
    closing: bool = False
    hidings: dict[RunId, Hiding] = field(default_factory=dict)
    """What each run hides: what its sources bring is hidden under the same names."""
    callers: dict[RunId, Principal] = field(default_factory=dict)
    """Whose rates a document's tokens are taken from, once it is settled."""
    left: set[RunId] = field(default_factory=set)
    """What this process, as it closes, did not see to its end."""
    _spent: dict[RunId, tuple[Micros, int]] = field(default_factory=dict)

    def begin(
        self, document: Document, pipeline: Pipeline, given: BaseModel, *, refresh: bool = False
    ) -> None:
        """Start on a document that is on the shelf and whose money is held. With `refresh` no stored answer will do."""
        self._launch(
            document,
            run(
                pipeline.graph,
                given,
                self._context(document, pipeline, refresh=refresh),
                conclude=self._conclude(document, pipeline),
            ),
        )

    def take_over(
        self, document: Document, pipeline: Pipeline, tape: Sequence[Entry], seen: Sequence[Event]
    ) -> None:
        """Go on with a document whose process died: what is paid for is in its tape."""
        conclude = self._conclude(document, pipeline)
        work = resume(pipeline.graph, tape, self._context(document, pipeline), seen=seen, conclude=conclude)
        self._launch(document, work)

    def vary(
        self, document: Document, pipeline: Pipeline, tape: Sequence[Entry], ladders: Mapping[str, Ladder]
    ) -> None:
        """Write a document anew from another one's log, with other models for some steps."""
        conclude = self._conclude(document, pipeline)
        context = self._context(document, pipeline)
        self._launch(document, what_if(pipeline.graph, tape, ladders, context, conclude=conclude))

    async def cancel(self, run_id: RunId) -> bool:
        """Stop a document and wait until it is written down. False where this process is not working on it."""
        task = self.tasks.get(run_id)
        if task is None:
            return False
        task.cancel()
        await asyncio.wait((task,))
        return True

    async def close(self) -> None:
        """Leave everything that is running where it stands: the workers are told of it, and resume it from the log."""
        self.closing = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step would leave nothing behind
        tasks = tuple(self.tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        left, self.left = tuple(self.left), set()
        # One that could not be handed over is found by the next sweep.
        handing = [asyncio.create_task(self._hand_over(run)) for run in left]
        if handing:
            _, late = await asyncio.wait(handing, timeout=_HANDING_SECONDS)
            for task in late:
                task.cancel()

    async def _hand_over(self, run: RunId) -> None:
        with suppress(Unavailable):
            await self.workers.enqueue(run)

    def _launch(self, document: Document, work: Awaitable[object]) -> None:
        task = asyncio.create_task(self._see_through(document, work), name=document.id)
        self.tasks[document.id] = task
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self.tasks.pop(RunId(task.get_name()), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            LINES.error("run broke", run=task.get_name(), exc_info=error)

    async def _see_through(self, document: Document, work: Awaitable[object]) -> None:
        beating = asyncio.create_task(self._beat(document))
        ours = True
        try:
            await work
        except (Conflict, Diverged) as fault:
            # The log does not allow going on: another process ended the run, or it is not what this code can read.
            ours = False
            await asyncio.shield(self.give_up(document, fault))
        except OurFault as fault:
            # Anything but a store that is away means that another process writes this run: it is no longer ours.
            ours = isinstance(fault, Unavailable)
            raise
        finally:
            beating.cancel()
            await asyncio.shield(self._leave(document, ours))

    async def _leave(self, document: Document, ours: bool) -> None:
        """Settle what was concluded. What was not (we are closing, the database is away) is another's to go on with."""
        spent, caller = self._spent.pop(document.id, None), self.callers.pop(document.id, None)
        self.hidings.pop(document.id, None)
        if spent is not None:
            cost, tokens = spent
            rest = () if caller is None else rest_of(caller, self.stores.house, FIRST_TOKENS, tokens)
            await settle(self.stores.ledger, document.tenant, document.id, cost, rest)
        elif ours:
            await self._abandon(document)

    async def give_up(self, document: Document, fault: Fault) -> None:
        """End a document that can't be gone on with, saying why; nothing more of it is paid."""
        stores = self.stores
        now = await stores.shelf.get(document.tenant, document.id)
        if now is not None and now.status == "running":
            said = fault_json(fault.code, fault.message, fault.advice)
            await stores.shelf.put(now.with_(status="failed", finished=stores.clock.now(), fault=said))
        self.callers.pop(document.id, None)
        await settle(stores.ledger, document.tenant, document.id, ZERO)

    async def _abandon(self, document: Document) -> None:
        """Hand a document over: with its beat in the past whoever is told of it takes it. Its hold stays until then."""
        if self.closing:
            self.left.add(document.id)
        with suppress(Unavailable):
            await self.stores.shelf.beat(document.tenant, document.id, document.created - _LONG_AGO)

    async def _beat(self, document: Document) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(Unavailable):
                await self.stores.shelf.beat(document.tenant, document.id, self.stores.clock.now())
                await self.stores.ledger.extend(document.tenant, document.id)

    def _context(self, document: Document, pipeline: Pipeline, *, refresh: bool = False) -> Context:
        stores = self.stores
        caller = self.callers.get(document.id)
        rules = NO_RULES if caller is None else caller.rules

        async def emit(events: Sequence[Event]) -> None:
            await stores.bus.publish(document.tenant, document.id, events)

        return Context(
            tenant=document.tenant,
            run=document.id,
            actor=document.actor,
            clock=stores.clock,
            ids=stores.ids,
            models=stores.models,
            log=stores.log,
            emit=emit,
            cap=document.budget,
            render=lambda view: finished_json(view, pipeline, document.budget),
            caching=None if stores.keep is None else caching(rules, refresh=refresh),
            keep=stores.keep,
            sources=partial(self._sources, document),
            instead=instead(rules),
            check=checking(rules),
        )

    async def _sources(self, document: Document, query: str) -> Sequence[Finding]:
        """What the tenant's own sources find, without what its policy hides."""
        stores, hiding = self.stores, self.hidings.get(document.id)
        caller = self.callers.get(document.id)
        if stores.sources is None or caller is None or hiding is None:
            return ()
        found = await stores.sources(caller, query, document.id)
        before = len(hiding.marks)
        veiled = tuple(
            replace(one, title=hiding.text(one.title), text=hiding.text(one.text)) for one in found
        )
        if len(hiding.marks) > before:
            until = vault_until(caller.rules, stores.clock.now())
            await stores.vault.keep(document.tenant, document.id, hiding.marks, until)
        return veiled

    def _conclude(self, document: Document, pipeline: Pipeline) -> Conclude:
        """The document's last state and the log's last rows, in one transaction (law 3)."""

        async def conclude(view: RunView, entries: Sequence[Entry]) -> bool:
            if self.closing or isinstance(view.fault, Stopped):
                return False  # left as it is: it is gone on with later
            done = replace(documented(view, pipeline, document.budget), parent=document.parent)
            await self.stores.shelf.put(done, entries)
            self._spent[document.id] = (view.cost, view.usage.input + view.usage.output)
            if self.stores.told is not None and done.status == "finished":
                self.stores.told(done)
            return True

        return conclude
