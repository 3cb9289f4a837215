"""The hash chain in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from shared.core.entry import Entry
from shared.core.ids import TenantId
from shared.fakes.log import REMOVED, MemoryLog, digests_of
from shared.ports.retention import Tombstone
from shared.ports.seals import Verdict


@dataclass(frozen=True, slots=True)
class _Seal:
    number: int
    entries: int
    digest: bytes


class MemorySeals:
    """`ports.seals.Seals` over a `MemoryLog`: a seal covers the next so many of a tenant's rows."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._seals: dict[TenantId, list[_Seal]] = defaultdict(list)

    async def seal(self, tenant: TenantId, at: datetime) -> int:
        """See the port."""
        seals = self._seals[tenant]
        covered = sum(seal.entries for seal in seals)
        rows = self._log.rows[tenant][covered:]
        if rows:
            previous = seals[-1].digest if seals else b""
            seals.append(_Seal(len(seals) + 1, len(rows), self._digest(previous, rows)))
        return len(rows)

    async def verify(self, tenant: TenantId) -> Verdict:
        """See the port."""
        rows = self._log.rows[tenant]
        start, previous, broken = 0, b"", ""
        for seal in self._seals[tenant]:
            part = rows[start : start + seal.entries]
            if not broken and self._digest(previous, part) != seal.digest:
                broken = f"Seal {seal.number} does not fit its {seal.entries} entries."
            start, previous = start + seal.entries, seal.digest
        unsealed = max(len(rows) - start, 0)
        bare = len(self._log.tombstones[tenant])
        return Verdict(tenant, len(self._seals[tenant]), min(start, len(rows)), unsealed, broken, bare)

    async def due(self, limit: int) -> Sequence[TenantId]:
        """See the port."""
        due = []
        for tenant, rows in self._log.rows.items():
            if len(rows) > sum(seal.entries for seal in self._seals[tenant]):
                due.append(tenant)
        return tuple(sorted(due)[:limit])

    def _digest(self, previous: bytes, rows: Sequence[Entry]) -> bytes:
        found = (_row(row, self._log.tombstones[row.tenant].get((row.run, row.position))) for row in rows)
        return sha256(previous + b"".join(found)).digest()


def _row(row: Entry, tombstone: Tombstone | None) -> bytes:
    """A row's digest, its words by their own."""
    words = digests_of(row)
    if tombstone is not None:
        bare = not row.request and not row.response and row.body == REMOVED
        words = (tombstone.request, tombstone.response, tombstone.body) if bare else (b"", b"", b"")
    figures = replace(row, request=b"", response=b"", body={})
    return sha256(repr((figures, words)).encode()).digest()
