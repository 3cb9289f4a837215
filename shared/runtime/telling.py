"""Tells a run's readers what happens: gives each event its position, keeps all of them, and sends them in groups."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from orjson import dumps

from shared.core.event import Event, EventName
from shared.core.faults import Fault
from shared.core.ids import TraceId
from shared.runtime.answer import shown

Told = tuple[int, str, str, dict[str, Any]]
"""Position, what the event is within its run, its name and its data: as a row of the log keeps it."""
Emit = Callable[[Sequence[Event]], Awaitable[None]]
PAUSE = 1.0
"""Seconds before an `emit` that failed is tried again."""
CROWDED = 256
"""Events that may wait for a slow `emit` before the run waits for it too."""


class Telling:
    """The events of one run, positions 1, 2, 3 … without a gap.

    An event that an earlier process of this run told (`known`, by what it is) keeps its position and its place in the
    order; `seen_upto` is the last one that readers got. Where `emit` raises a Fault it is tried again after a pause;
    the run does not wait, for the log can rebuild every event. `explain` gets each new event but tokens, to be kept.
    """

    __slots__ = (
        "_box", "_emit", "_explain", "_held", "_mute", "_next", "_pause", "_pump", "_sent", "_told", "_unheard",
        "_waking", "events", "known", "trace",
    )  # fmt: skip

    def __init__(self, trace: TraceId, emit: Emit | None, explain: Callable[[Told], None] | None) -> None:
        self.trace, self._emit, self._explain = trace, emit, explain
        self.events: dict[int, Event] = {}
        self._unheard: dict[int, tuple[str, str]] = {}
        """Step and text of tokens that nobody listens to: no event is made of them unless somebody asks."""
        self.known: Mapping[str, int] = {}
        self._told: Mapping[int, Event] = {}
        self._next = 1
        self._sent = 0
        self._box: list[Event] = []
        self._held: dict[int, Event] = {}
        self._pump: asyncio.Task[None] | None = None
        self._waking = False
        self._mute = emit is None
        self._pause: asyncio.TimerHandle | None = None

    def go_on(self, known: Mapping[str, int], told: Mapping[int, Event], upto: int, seen_upto: int) -> None:
        """Positions up to `upto` are taken, `known` says by what, `told` in which words, which stand; readers have
        those up to `seen_upto`."""
        self.known, self._told, self._next, self._sent = known, told, upto + 1, seen_upto

    def say(self, name: EventName, ident: str, data: dict[str, Any]) -> None:
        """Tell an event; `ident` is what it is within the run."""
        event = self.reserve(name, ident, data)
        if not self._mute:
            self.put(event)

    def reserve(self, name: EventName, ident: str, data: dict[str, Any]) -> Event:
        """Give an event its position, and let nobody see it yet: `put` does."""
        position = self.known.get(ident) if self.known else None
        if position is None:
            position = self._next
            self._next += 1
            if self._explain is not None:
                self._explain((position, ident, name, data))
        event = self.events[position] = self._told.get(position) or Event(position, name, data)
        return event

    def token(self, step: str, what: str | Mapping[str, Any]) -> int:
        """Tell a piece of text, or of a value. Its position, which the leg's outcome explains."""
        position = self._next
        self._next += 1
        if self._mute and type(what) is str:
            self._unheard[position] = (step, what)
        else:
            self.put(Event(position, "token", shown(self.trace, step, what)))
        return position

    def put(self, event: Event) -> None:
        """An event whose position is known. Readers get it unless they have it."""
        self.events[event.position] = event
        if self._mute or event.position <= self._sent:
            return
        if event.position != self._sent + 1:
            self._held[event.position] = event
            return
        self._sent += 1
        self._box.append(event)
        while self._held and self._sent + 1 in self._held:
            self._sent += 1
            self._box.append(self._held.pop(self._sent))
        if not self._waking and self._pump is None:
            self._waking = True
            asyncio.get_running_loop().call_soon(self._wake)

    @property
    def heard(self) -> bool:
        """Whether anybody reads what is told."""
        return not self._mute

    @property
    def crowded(self) -> bool:
        """Whether the readers' side lags so far behind that the run should wait."""
        return len(self._box) > CROWDED and self._pause is None

    async def room(self) -> None:
        """Wait until what is on its way has been taken."""
        while self.crowded and self._pump is not None:
            await asyncio.wait((self._pump,))

    def _wake(self) -> None:
        self._waking = False
        if self._box and self._pump is None and self._pause is None and not self._mute:
            self._pump = asyncio.ensure_future(self._pumped())

    async def _pumped(self) -> None:
        try:
            await self._send()
        finally:
            self._pump = None

    async def _send(self) -> None:
        assert self._emit is not None
        while self._box:
            batch, self._box = self._box, []
            try:
                await self._emit(batch)
            except Fault:
                self._box[:0] = batch
                self._pause = asyncio.get_running_loop().call_later(PAUSE, self._again)
                return

    def _again(self) -> None:
        self._pause = None
        self._wake()

    def missing(self) -> list[int]:
        """Positions that were taken once and have no event now: told by a process that died, and lost."""
        events, unheard = self.events, self._unheard
        if len(events) + len(unheard) == self._next - 1:
            return []  # positions are given once, and none above
        return [place for place in range(1, self._next) if place not in events and place not in unheard]

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.events) + len(self._unheard)

    def ordered(self) -> tuple[Event, ...]:
        """All events, in order."""
        events = dict(self.events)
        for position, (step, text) in self._unheard.items():
            events[position] = Event(position, "token", shown(self.trace, step, text))
        return tuple(events[position] for position in sorted(events))

    def digest(self) -> str:
        """SHA-256 over the wire bytes of all events, in order."""
        events, unheard, parts = self.events, self._unheard, list[bytes]()
        steps: dict[str, bytes] = {}
        for position in sorted((*events, *unheard)):
            event = events.get(position)
            if event is not None:
                parts.append(event.wire())
                continue
            step, text = unheard[position]
            if (head := steps.get(step)) is None:
                head = steps[step] = Event(0, "token", shown(self.trace, step, "")).wire()[6:-5]
            # The bytes of `Event.wire`, without the event: the text is the last of its data.
            parts.append(b"id: %d\n%b%b}\n\n" % (position, head, dumps(text)))
        return sha256(b"".join(parts)).hexdigest()

    async def close(self) -> None:
        """Send what is left, in order; one more try where sending failed before."""
        if self._pump is not None:
            await self._pump
        self._unpause()
        if self._emit is not None and self._box:
            await self._send()
        self._unpause()

    def _unpause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
