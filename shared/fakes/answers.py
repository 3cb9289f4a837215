"""The prompt cache in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from shared.core.ids import TenantId
from shared.core.money import Micros
from shared.ports.answers import Counted, Found, Stored, Tally

_LEAST = 0.8


class FakeAnswers:
    """`ports.answers.Answers`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[TenantId, bytes], tuple[Stored, tuple[float, ...], str]] = {}
        self._counts: Counter[tuple[TenantId, str]] = Counter()
        self._saved: Counter[TenantId] = Counter()

    async def find(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Found:
        """See the port."""
        live = [one for one in self._of(tenant) if one.expires > at]
        exact = next((one for one in live if one.key == key), None)
        like = None
        if exact is None and content is not None:
            like = next((one for one in reversed(live) if one.content == content), None)
        return Found(exact, like, any(one.words and one.frame == frame for one in live))

    async def near(
        self,
        tenant: TenantId,
        frame: bytes,
        vector: Sequence[float],
        embedder: str,
        at: datetime,
        limit: int = 8,
    ) -> Sequence[tuple[Stored, float]]:
        """See the port."""
        found = [
            (stored, sum(a * b for a, b in zip(vector, own, strict=True)))
            for (owner, _), (stored, own, name) in self._kept.items()
            if owner == tenant and stored.frame == frame and name == embedder and own and stored.expires > at
        ]
        near = [(stored, score) for stored, score in found if score >= _LEAST]
        return sorted(near, key=lambda pair: -pair[1])[:limit]

    async def put(
        self, tenant: TenantId, stored: Stored, vector: Sequence[float] | None = None, embedder: str = ""
    ) -> None:
        """See the port."""
        self._kept.pop((tenant, stored.key), None)  # the newest comes last
        self._kept[tenant, stored.key] = (stored, tuple(vector or ()), embedder)

    async def purge(self, tenant: TenantId, *, model: str = "", template: str = "", tag: str = "") -> int:
        """See the port."""
        gone = [
            one
            for one in self._of(tenant)
            if model in ("", one.model) and template in ("", one.template) and (not tag or tag in one.tags)
        ]
        for one in gone:
            del self._kept[tenant, one.key]
        return len(gone)

    async def tally(self, tenant: TenantId) -> Tally:
        """See the port."""
        own = self._of(tenant)
        hits, near, joined, misses = (
            self._counts[tenant, what] for what in ("hit", "near", "joined", "miss")
        )
        size = sum(len(one.reads) for one in own)
        return Tally(
            len(own), size, hits, near, joined, misses, Micros(self._saved[tenant]), 0, 0, near_off=False
        )

    def count(self, tenant: TenantId, what: Counted, saved: Micros) -> None:
        """See the port."""
        self._counts[tenant, what] += 1
        self._saved[tenant] += saved

    async def close(self) -> None:
        """See the port."""

    def _of(self, tenant: TenantId) -> list[Stored]:
        return [stored for (owner, _), (stored, _, _) in self._kept.items() if owner == tenant]
