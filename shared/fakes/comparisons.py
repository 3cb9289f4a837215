"""What was measured while tenants move, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.core.ids import TenantId
from shared.ports.comparisons import Comparison, Count


class MemoryComparisons:
    """`ports.comparisons.Comparisons`."""

    def __init__(self) -> None:
        self._rows: list[Comparison] = []
        self._counts: Counter[tuple[TenantId, datetime, str]] = Counter()

    async def add(self, tenant: TenantId, rows: Sequence[Comparison], counts: Sequence[Count]) -> None:
        """See the port."""
        self._rows += rows
        for count in counts:
            self._counts[tenant, count.hour, count.way] += count.n

    async def since(self, tenant: TenantId, since: datetime, limit: int) -> Sequence[Comparison]:
        """See the port."""
        mine = [row for row in reversed(self._rows) if row.tenant == tenant and row.at >= since]
        return tuple(sorted(mine, key=lambda row: row.at, reverse=True)[:limit])

    async def counts(self, tenant: TenantId, since: datetime) -> Mapping[str, int]:
        """See the port."""
        first = since.replace(minute=0, second=0, microsecond=0)
        found: Counter[str] = Counter()
        for (owner, hour, way), n in self._counts.items():
            if owner == tenant and hour >= first:
                found[way] += n
        return dict(found)

    async def sweep(self, before: datetime, limit: int) -> int:
        """See the port."""
        old = sorted((row for row in self._rows if row.at < before), key=lambda row: row.at)[:limit]
        gone = {id(row) for row in old}
        self._rows = [row for row in self._rows if id(row) not in gone]
        for name in [name for name in self._counts if name[1] < before]:
            del self._counts[name]
        return len(old)
