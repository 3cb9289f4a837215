"""The second answer to a request, got and compared in the background. The caller's own never waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from shared.core.ids import TenantId
from shared.core.lines import LINES
from shared.cutover.captured import Asked, Capture
from shared.cutover.compare import compared
from shared.cutover.recorder import Recorder
from shared.models.catalogue import Catalogue

AT_ONCE = 16
"""Background requests under way at a time, in this process."""
WAITING = 48
"""How many more may wait for their turn; what comes on top is dropped, and counted."""
MOST_BYTES = 1024 * 1024
"""Of a request, and of either answer: longer ones are not compared."""
_QUICK = 64 * 1024
"""Bytes of both answers that are compared at once, in some 2 ms; the most there may be take 80, elsewhere."""
SECONDS = 180.0
"""The longest that either side may take."""


class Pair:
    """A request with two answers on their way. The one in the foreground is handed in, or given up."""

    def __init__(self, asked: Asked, background: Callable[[], Awaitable[Capture]]) -> None:
        self.asked = asked
        self.background = background
        self.front: asyncio.Future[Capture] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def answered(self, capture: Capture) -> None:
        """The caller has its answer, whole."""
        if not self.front.done():
            self.front.set_result(capture)

    def abandon(self) -> None:
        """The caller left: nobody pays for an answer that is compared with nothing."""
        if not self.front.done() and self.task is not None:
            self.task.cancel()


class Mirrors:
    """The pairs of this process."""

    def __init__(self, recorder: Recorder, catalogue: Catalogue, seconds: float = SECONDS) -> None:
        self._recorder, self._catalogue, self._seconds = recorder, catalogue, seconds
        self._room = asyncio.Semaphore(AT_ONCE)
        self._pairs: set[asyncio.Task[None]] = set()

    def start(self, asked: Asked, background: Callable[[], Awaitable[Capture]], size: int) -> Pair | None:
        """Begin the background's answer to a request of `size` bytes; None where it is too large, or where too many
        wait already."""
        if size > MOST_BYTES or len(self._pairs) >= AT_ONCE + WAITING:
            self._recorder.count(asked.tenant, "mirror:too_large" if size > MOST_BYTES else "mirror:dropped")
            return None
        pair = Pair(asked, background)
        pair.task = asyncio.create_task(self._work(pair), name="cutover mirror")
        self._pairs.add(pair.task)
        pair.task.add_done_callback(partial(self._over, asked.tenant))
        return pair

    async def close(self) -> None:
        """End what is under way."""
        pairs = list(self._pairs)
        for task in pairs:
            task.cancel()
        if pairs:
            await asyncio.wait(pairs)

    async def _work(self, pair: Pair) -> None:
        async with self._room:
            back = await self._back(pair)
        try:
            async with asyncio.timeout(self._seconds):
                front = await pair.front
        except TimeoutError:
            self._recorder.count(pair.asked.tenant, "mirror:unfinished")
            return
        ours, theirs = (front, back) if pair.asked.first == "chatsmart" else (back, front)
        if len(ours.body) + len(theirs.body) > _QUICK:
            row = await asyncio.to_thread(compared, pair.asked, ours, theirs, self._catalogue)
        else:
            row = compared(pair.asked, ours, theirs, self._catalogue)
        self._recorder.add(row)
        self._recorder.count(pair.asked.tenant, "mirror:compared")

    async def _back(self, pair: Pair) -> Capture:
        try:
            async with asyncio.timeout(self._seconds):
                return await pair.background()
        except TimeoutError:
            return Capture(fault="timeout", total_ms=round(self._seconds * 1000))

    def _over(self, tenant: TenantId, task: asyncio.Task[None]) -> None:
        self._pairs.discard(task)
        if task.cancelled():
            self._recorder.count(tenant, "mirror:abandoned")
        elif (error := task.exception()) is not None:
            LINES.error("a mirrored request broke", exc_info=error)
            self._recorder.count(tenant, "mirror:broke")
