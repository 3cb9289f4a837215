"""A time limit that is set anew with every read, at the price of one timer for the whole answer.

`asyncio.timeout` makes and cancels a timer each time: 3 to 4 microseconds a read, as much as the rest of a token's way.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
_HELD_UP = 0.2
"""Seconds that a timer may ring late before it says more of this process than of what it waits for."""


class Silence:
    """`within(awaitable, seconds)` raises TimeoutError where it takes longer. One at a time.

    The timer is left where it is while the moment it waits for moves on; when it rings too early it is set again. When
    it rings late, this process was held up, not the provider: what has come meanwhile lies unread, so the wait goes on
    for as long as the process stood still, once.
    """

    __slots__ = ("_due", "_loop", "_rang", "_spared", "_task", "_timer")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._due = 0.0
        self._rang = self._spared = False

    async def within(self, waiting: Awaitable[T], seconds: float) -> T:
        """What `waiting` gives. Raises TimeoutError after `seconds`, and has cancelled it then."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        self._due = loop.time() + max(seconds, 0.0)
        timer = self._timer
        if timer is None or timer.when() > self._due:
            if timer is not None:
                timer.cancel()
            self._timer = loop.call_at(self._due, self._ring)
        task = self._task = asyncio.current_task()
        assert task is not None  # what awaits runs in a task
        before = task.cancelling()
        self._rang = self._spared = False
        try:
            return await waiting
        except asyncio.CancelledError:
            # As asyncio.timeout does: only where nobody else has cancelled the task as well.
            if self._rang and task.uncancel() <= before:
                raise TimeoutError from None
            raise
        finally:
            self._task = None

    def stop(self) -> None:
        """No more waiting: the timer is taken down."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        assert self._loop is not None
        self._timer = None
        if self._task is None:
            return  # nobody waits now: the next to wait sets it
        late = self._loop.time() - self._due
        if late > _HELD_UP and not self._spared:
            self._spared = True
            self._due += late + _HELD_UP
            late = -1.0
        if late < 0:
            self._timer = self._loop.call_at(self._due, self._ring)
            return
        self._rang = True
        self._task.cancel()
