"""Idempotency keys in memory."""

from dataclasses import replace
from datetime import datetime

from shared.core.ids import RunId, TenantId
from shared.ports.idempotency import KEPT, LEASE, Claim, Keyed


class MemoryIdempotency:
    """`ports.idempotency.Idempotency`."""

    def __init__(self) -> None:
        self._rows: dict[tuple[TenantId, bytes], tuple[Claim, datetime]] = {}

    async def claim(
        self, asked: Keyed, holder: RunId, at: datetime, instead_of: Claim | None = None
    ) -> Claim:
        """See the port."""
        place = (asked.tenant, asked.name)
        found, expires = self._rows.get(place, (None, at))
        free = found is None or expires <= at
        if found is not None and instead_of is not None:
            same = (found.holder, found.lease_until) == (instead_of.holder, instead_of.lease_until)
            free = free or (same and found.answer is None and found.fingerprint == asked.fingerprint)
        if found is not None and not free:
            return found
        claim = Claim(False, holder, asked.fingerprint, at + LEASE)
        self._rows[place] = (claim, at + KEPT)
        return replace(claim, mine=True)

    async def extend(self, asked: Keyed, holder: RunId, at: datetime) -> bool:
        """See the port."""
        return self._change(asked, holder, lease_until=at + LEASE)

    async def keep(self, asked: Keyed, holder: RunId, answer: bytes) -> bool:
        """See the port."""
        return self._change(asked, holder, answer=answer)

    async def free(self, asked: Keyed, holder: RunId) -> None:
        """See the port."""
        if self._held(asked, holder):
            del self._rows[asked.tenant, asked.name]

    async def expire(self, at: datetime, limit: int) -> int:
        """See the port."""
        over = [place for place, (_, expires) in self._rows.items() if expires <= at][:limit]
        for place in over:
            del self._rows[place]
        return len(over)

    def _held(self, asked: Keyed, holder: RunId) -> bool:
        row = self._rows.get((asked.tenant, asked.name))
        return row is not None and row[0].holder == holder

    def _change(self, asked: Keyed, holder: RunId, **changes: object) -> bool:
        if not self._held(asked, holder):
            return False
        claim, expires = self._rows[asked.tenant, asked.name]
        self._rows[asked.tenant, asked.name] = (replace(claim, **changes), expires)  # type: ignore[arg-type]
        return True
