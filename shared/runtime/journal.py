"""Writes a run's log: rows queue up and go out together, and nothing is sent before its row is durable (law 3)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from shared.core.entry import Entry, EntryKind
from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId, TraceId
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.runtime.telling import Told
from shared.runtime.view import RunView

T = TypeVar("T")
PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts to write to a log that is away."""
Conclude = Callable[[RunView, Sequence[Entry]], Awaitable[object]]
"""Writes the last rows of a run together with whatever depends on them. False: it did not, and the run is left to
another process; its end is not told then."""


async def shielded(act: Coroutine[Any, Any, T]) -> T:
    """Finish `act` whatever happens; a cancellation that came meanwhile is raised after it."""
    task = asyncio.ensure_future(act)
    came: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cancelled:
            if task.cancelled():
                raise
            came = cancelled
    if came is not None:
        task.exception()
        raise came
    return task.result()


async def surely(act: Callable[[], Awaitable[T]]) -> T:
    """`act`, again where the store is away for a moment: rows bear repeating. Raises the last Unavailable."""
    for pause in PAUSES:
        try:
            return await act()
        except Unavailable:
            await asyncio.sleep(pause)
    return await act()


class Journal:
    """The rows of one run, in order, appended in groups.

    `add` queues a row; `flush` returns once all queued rows are durable; `soon` makes them durable at the event loop's
    next turn, so that a chain of steps writes one append per call and a lane that waits leaves nothing unwritten.
    """

    __slots__ = (
        "_actor", "_broken", "_clock", "_durable", "_log", "_next", "_queue", "_run", "_soon", "_tenant", "_trace",
        "_writing", "ending", "told",
    )  # fmt: skip

    def __init__(
        self, tenant: TenantId, run: RunId, trace: TraceId, actor: str, clock: Clock, log: Log
    ) -> None:
        self._tenant, self._run, self._trace, self._actor = tenant, run, trace, actor
        self._clock, self._log = clock, log
        self._queue: list[Entry] = []
        self._next = 1
        self._durable = 0
        self._writing: asyncio.Task[None] | None = None
        self._soon = False
        self.ending = False
        """Whether the last rows are about to be written anyway."""
        self._broken: BaseException | None = None
        self.told: list[Told] = []
        """Events given a position since the last row: the next row explains them."""

    def go_on(self, position: int) -> None:
        """The log holds rows up to `position` already."""
        self._next, self._durable = position + 1, position

    def add(self, kind: EntryKind, body: dict[str, Any], at: datetime | None = None, **columns: Any) -> Entry:
        """Queue a row, of now where no time is given. The columns are Entry's."""
        if self.told:
            body["at"] = self.told.copy()
            self.told.clear()
        entry = Entry(
            self._tenant, self._run, self._trace, self._next, kind, self._clock.now() if at is None else at,
            actor=self._actor, body=body, **columns,
        )  # fmt: skip
        self._next += 1
        self._queue.append(entry)
        return entry

    async def flush(self) -> None:
        """Make everything queued so far durable. Raises what the log raises; the rows stay queued then."""
        upto = self._next - 1
        while self._durable < upto:
            if self._broken is not None:
                raise self._broken
            await asyncio.shield(self._writing or self._write())

    def soon(self) -> None:
        """See to it that the queue is durable shortly, without waiting."""
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._kick)

    def _kick(self) -> None:
        self._soon = False
        if self._queue and self._writing is None and self._broken is None and not self.ending:
            self._write()

    def _write(self) -> "asyncio.Task[None]":
        batch, self._queue = self._queue, []
        task = self._writing = asyncio.ensure_future(self._append(batch))
        task.add_done_callback(_noticed)
        return task

    async def _append(self, batch: list[Entry]) -> None:
        try:
            await surely(lambda: self._log.append(batch))
        except BaseException as error:
            self._queue[:0] = batch
            self._broken = error
            raise
        finally:
            # Here and not in a callback: a flush that comes before the callback would wait for a task that is over.
            self._writing = None
        self._durable = batch[-1].position
        if self._queue:
            self.soon()

    async def settled(self) -> None:
        """Wait for the append that is on its way, if any."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    async def conclude(self, view: RunView, write: Conclude | None) -> bool:
        """Write the rows that are not durable yet, the last of the run: by `write`, where something else has to be in
        their transaction, else by themselves. Whether they were written. Raises what an earlier append raised: a run
        whose log can't be written has no end, and is left for another process to resume."""
        if self._broken is not None:
            raise self._broken
        rows, self._queue = self._queue, []
        if write is not None:
            return await surely(lambda: write(view, rows)) is not False
        await surely(lambda: self._log.append(rows))
        return True


def _noticed(task: "asyncio.Task[None]") -> None:
    """Whoever flushes next raises what broke the task; nobody may be waiting for it now."""
    if not task.cancelled():
        task.exception()
