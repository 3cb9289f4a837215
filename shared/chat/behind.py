"""What is done behind an answer: its caller need not wait for it, and it is done all the same."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from shared.core.faults import Fault
from shared.core.lines import LINES


class Behind:
    """Work under way."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this as well."""
        task = asyncio.create_task(_told(work), name="behind an answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for all of it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)


async def _told(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Fault as fault:
        LINES.warning("rows not written", fault=fault.code, message=fault.message)
