"""Group commit: what several runs of one tenant append at the same time goes out as one transaction.

A commit waits for the disk, whatever it writes, and costs the same round trips. While one is on its way the next rows
gather, so that a busy tenant writes many runs for the price of one and an idle one waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.core.faults import Unavailable
from shared.core.ids import TenantId

R = TypeVar("R")
MOST = 128
"""How many appends go into one transaction."""
Write = Callable[[TenantId, Sequence[R]], Awaitable[object]]
"""Writes all of them, or none and raises."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[R]):
    rows: R
    done: "asyncio.Future[None]"


@dataclass(slots=True)
class Groups(Generic[R]):
    """Appends by tenant. Each is all or nothing by itself: one that can't be written takes no other with it."""

    write: Write[R]
    _waiting: dict[TenantId, list[_Waiting[R]]] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def append(self, tenant: TenantId, rows: R) -> None:
        """Return once `rows` are durable. Raises what `write` raises for them."""
        one = _Waiting(rows, asyncio.get_running_loop().create_future())
        queue = self._waiting.get(tenant)
        if queue is not None:
            queue.append(one)
        else:
            queue = self._waiting[tenant] = [one]
            task = asyncio.create_task(self._work(tenant, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await one.done

    async def _work(self, tenant: TenantId, queue: list[_Waiting[R]]) -> None:
        """Round after round, for as long as somebody waits."""
        group: list[_Waiting[R]] = []
        try:
            while queue:
                group = queue[:MOST]
                del queue[:MOST]
                await self._round(tenant, group)
        finally:
            del self._waiting[tenant]
            for one in (*group, *queue):
                one.done.cancel()  # nothing, unless the loop is closing

    async def _round(self, tenant: TenantId, group: list[_Waiting[R]]) -> None:
        group = [one for one in group if not one.done.done()]  # who left meanwhile wrote nothing
        if not group:
            return
        try:
            await self.write(tenant, [one.rows for one in group])
        except Exception as error:  # noqa: BLE001  # carried over to those who wait
            if len(group) == 1 or isinstance(error, Unavailable):
                for one in group:
                    if not one.done.done():
                        one.done.set_exception(error if len(group) == 1 else copy(error))
                return
            for one in group:
                await self._round(tenant, [one])
            return
        for one in group:
            if not one.done.done():
                one.done.set_result(None)
