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
        "_actor", "_broken", "_clock", "_durable", "_log", "_next", "_queue", "_run", "_soon", "_task", "_tenant",
        "_trace", "_turns", "busy", "ending", "left", "told",
    )  # fmt: skip

    def __init__(
        self, tenant: TenantId, run: RunId, trace: TraceId, actor: str, clock: Clock, log: Log
    ) -> None:
        self._tenant, self._run, self._trace, self._actor = tenant, run, trace, actor
        self._clock, self._log = clock, log
        self._queue: list[Entry] = []
        self._next = 1
        self._durable = 0
        self._task: asyncio.Task[None] | None = None
        """Writes what nobody waits for; kept, for a loop holds tasks weakly."""
        self._turns: list[asyncio.Future[None]] = []
        """Those who wait for the append that is on its way."""
        self.busy = False
        """Whether an append is on its way."""
        self._soon = False
        self.ending = False
        """Whether the last rows are about to be written anyway."""
        self.left: asyncio.CancelledError | None = None
        """The cancellation that came while the last rows were being written."""
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

    @property
    def untouched(self) -> bool:
        """Whether there is nothing but the row that a run begins with, and that is not durable."""
        return self._durable == 0 and len(self._queue) <= 1 and not self.busy

    async def flush(self) -> None:
        """Make everything queued so far durable. Raises what the log raises; the rows stay queued then."""
        upto = self._next - 1
        while self._durable < upto:
            if self._broken is not None:
                raise self._broken
            if self.busy:
                await self._turn()
            else:
                await self._here()

    def soon(self) -> None:
        """See to it that the queue is durable shortly, without waiting."""
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._kick)

    def _kick(self) -> None:
        self._soon = False
        if self._queue and not self.busy and self._broken is None and not self.ending:
            self._write()

    async def _here(self) -> None:
        """Append the queue without a task of its own: most runs have one lane, which waits anyway."""
        batch, self._queue = self._queue, []
        self.busy = True
        try:
            await self._log.append(batch)
        except Unavailable:
            self._write(batch)
        except asyncio.CancelledError:
            # Whoever waited leaves; the rows go on. They may be on their way already, and bear repeating.
            self._write(batch)
            raise
        except BaseException as error:
            self._broke(batch, error)
            raise
        else:
            self._written(batch)

    def _write(self, batch: list[Entry] | None = None) -> None:
        if batch is None:
            batch, self._queue = self._queue, []
        self.busy = True
        task = self._task = asyncio.ensure_future(self._append(batch))
        task.add_done_callback(_noticed)

    async def _append(self, batch: list[Entry]) -> None:
        try:
            await surely(lambda: self._log.append(batch))
        except BaseException as error:
            self._broke(batch, error)
            raise
        self._written(batch)

    def _broke(self, batch: list[Entry], error: BaseException) -> None:
        self._queue[:0] = batch
        self._broken = error
        self._free()

    def _written(self, batch: list[Entry]) -> None:
        self._durable = batch[-1].position
        self._free()
        if self._queue:
            self.soon()

    def _free(self) -> None:
        """The append is over: who waits for it looks round."""
        self.busy = False
        self._task = None
        for turn in self._turns:
            if not turn.done():
                turn.set_result(None)
        self._turns.clear()

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        await turn

    async def settled(self) -> None:
        """Wait for the append that is on its way, if any."""
        while self.busy:
            await self._turn()

    async def conclude(self, view: RunView, write: Conclude | None) -> bool:
        """Write the rows that are not durable yet, the last of the run: by `write`, where something else has to be in
        their transaction, else by themselves. Whether they were written. Raises what an earlier append raised: a run
        whose log can't be written has no end, and is left for another process to resume. A cancellation on the way is
        kept in `left`, not raised: the end is written all the same."""
        if self._broken is not None:
            raise self._broken
        rows, self._queue = self._queue, []
        if write is not None:
            return await surely(lambda: write(view, rows)) is not False
        try:
            await self._log.append(rows)
        except Unavailable:
            again = asyncio.ensure_future(surely(lambda: self._log.append(rows)))
        except asyncio.CancelledError as left:
            self.left = left
            again = asyncio.ensure_future(surely(lambda: self._log.append(rows)))
        else:
            return True
        while not again.done():
            try:
                await asyncio.wait((again,))
            except asyncio.CancelledError as left:
                self.left = left
        again.result()
        return True


def _noticed(task: "asyncio.Task[None]") -> None:
    """Whoever flushes next raises what broke the task; nobody may be waiting for it now."""
    if not task.cancelled():
        task.exception()
