"""Noticing that a client has left, while its request is being worked on."""

import asyncio
from types import TracebackType

from starlette.types import Receive


class Departure:
    """`async with Departure(receive):` cancels its body when the client leaves, and then ends quietly.

    The request's body must have been read: what comes next from `receive` is the disconnect. `gone` tells afterwards
    whether it came. Call `over()` before the last send: a server also reports a disconnect once an answer is whole.
    """

    __slots__ = ("_receive", "_task", "_watcher", "gone")

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive

    async def __aenter__(self) -> "Departure":
        """Begin to watch."""
        task = asyncio.current_task()
        assert task is not None  # a coroutine under a server always runs in a task
        self._task = task
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching; swallow the cancellation where it was ours and nobody else's."""
        self.over()
        if not self.gone:
            return False
        return self._task.uncancel() == 0 and kind is asyncio.CancelledError

    def over(self) -> None:
        """The answer is as good as sent: no more watching."""
        self._watcher.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.gone = True
        self._task.cancel()
