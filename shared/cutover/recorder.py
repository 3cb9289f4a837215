"""What is measured on the way, written behind the answers' backs: some rows at a time, some times a minute."""

import asyncio
from collections import Counter, deque
from datetime import datetime

from shared.core.faults import Fault
from shared.core.ids import TenantId
from shared.core.lines import LINES
from shared.ports.clock import Clock
from shared.ports.comparisons import Comparison, Comparisons, Count

_MOST = 2_000
"""Comparisons that wait while the store is away; the oldest go first."""


class Recorder:
    """Collects and writes. Losing a second of it with the process is accepted: no bill depends on it."""

    def __init__(self, comparisons: Comparisons, clock: Clock, every: float = 1.0) -> None:
        """`every` is in seconds."""
        self._store, self._clock, self._every = comparisons, clock, every
        self._rows: deque[Comparison] = deque(maxlen=_MOST)
        self._counts: Counter[tuple[TenantId, datetime, str]] = Counter()
        self._task: asyncio.Task[None] | None = None

    def count(self, tenant: TenantId, way: str) -> None:
        """One more request that went this way."""
        hour = self._clock.now().replace(minute=0, second=0, microsecond=0)
        self._counts[tenant, hour, way] += 1
        self._wake()

    def add(self, row: Comparison) -> None:
        """One more comparison."""
        self._rows.append(row)
        self._wake()

    async def flush(self) -> None:
        """Write what is there. Raises a Fault where the store is away; then nothing is forgotten."""
        rows, counts = list(self._rows), self._counts.copy()
        for tenant in {*(row.tenant for row in rows), *(name[0] for name in counts)}:
            mine = [row for row in rows if row.tenant == tenant]
            own = {name: n for name, n in counts.items() if name[0] == tenant}
            await self._store.add(tenant, mine, [Count(*name, n) for name, n in own.items()])
            # Only now: what could not be written waits for the next time.
            written = {id(row) for row in mine}
            self._rows = deque((row for row in self._rows if id(row) not in written), maxlen=_MOST)
            self._counts = +(self._counts - Counter(own))

    async def close(self) -> None:
        """Write the rest, if the store is there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        try:
            await self.flush()
        except Fault as fault:
            LINES.warning("comparisons lost", fault=fault.code, rows=len(self._rows))

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="cutover recorder")

    async def _work(self) -> None:
        while self._rows or self._counts:
            await asyncio.sleep(self._every)
            try:
                await self.flush()
            except Fault as fault:
                LINES.warning("comparisons wait", fault=fault.code, rows=len(self._rows))
                await asyncio.sleep(self._every * 5)
