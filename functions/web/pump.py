"""From an async generator to batches: everything that one network read brought goes out as one send."""

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
BACKLOG = 1024
"""How many items may wait for a slow client before the source is held up."""


class Pump(Generic[T]):
    """Drives `source` in a task of its own. Items that come without a pause between them form one batch.

    Leaving the context closes the source: for a chat that is what cancels the provider's call.
    """

    __slots__ = ("_done", "_error", "_items", "_loop", "_room", "_source", "_task", "_waiter")

    def __init__(self, source: AsyncGenerator[T, None]) -> None:
        self._source = source
        self._items: list[T] = []
        self._error: Exception | None = None
        self._done = False
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    async def __aenter__(self) -> "Pump[T]":
        """Begin to pump."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close the source."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._source.aclose()

    async def batch(self, seconds: float) -> list[T] | None:
        """What has come since the last call, at least one item; nothing after `seconds` of silence; None at the end.
        Raises what the source raised, once all that came before it has been handed over."""
        if not self._items and not self._done:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        items, self._items = self._items, []
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if items or not self._done:
            return items
        if self._error is not None:
            raise self._error
        return None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _run(self) -> None:
        try:
            async for item in self._source:
                self._items.append(item)
                self._wake()
                if len(self._items) >= BACKLOG:
                    self._room = self._loop.create_future()
                    await self._room
                    self._room = None
        except Exception as error:  # noqa: BLE001  # carried over to whoever takes the batches
            self._error = error
        finally:
            self._done = True
            self._wake()
