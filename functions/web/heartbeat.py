"""A sign of life in a stream that is silent, so that no proxy takes a thinking model for a dead connection."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Send

SECONDS = 15.0
"""After so much silence a comment goes out."""
BEAT = b": still here\n\n"


class Heartbeat:
    """`async with Heartbeat(send) as heart:` sends a comment after every `SECONDS` without `heart.sent()`.

    One timer for the whole stream: it is left where it is while the stream moves on, and set again when it rings.
    """

    __slots__ = ("_last", "_loop", "_send", "_task", "_timer")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(SECONDS, self._ring)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """No more; a comment that is on its way goes out whole."""
        self._timer.cancel()
        if self._task is not None and not self._task.done():
            await asyncio.wait((self._task,))

    def sent(self) -> None:
        """Something has gone out."""
        self._last = self._loop.time()

    def _ring(self) -> None:
        now = self._loop.time()
        if now - self._last >= SECONDS:
            self._last = now
            message = {"type": "http.response.body", "body": BEAT, "more_body": True}
            self._task = asyncio.ensure_future(self._beat(message))
            self._task.add_done_callback(_noticed)
        self._timer = self._loop.call_at(self._last + SECONDS, self._ring)

    async def _beat(self, message: dict[str, object]) -> None:
        await self._send(message)


def _noticed(task: "asyncio.Future[None]") -> None:
    """A comment that can't be sent is no loss: what comes after it can't be sent either, and says so."""
    if not task.cancelled():
        task.exception()
