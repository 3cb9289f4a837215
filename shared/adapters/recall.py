"""The prompt cache: Redis in front of Postgres.

While Redis is warm a request costs one command there, and what it does not have is not asked for elsewhere. A tenant's
epoch, which grows with each purge, ties the two together: Redis' copy of it lapses within a minute and is renewed from
Postgres behind requests' backs, so that not even a Redis that was away during a purge serves for long what was purged.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.recall import Kept, PostgresAnswers
from shared.adapters.postgres.retention import PostgresCache
from shared.adapters.redis.answers import LARGEST, RedisAnswers, Seen
from shared.core.faults import OurFault, Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.lines import LINES
from shared.core.money import Micros
from shared.ports.answers import Counted, Found, Stored, Tally
from shared.ports.clock import Clock
from shared.ports.retention import Removal

T = TypeVar("T")
WARMED, _TOGETHER = 1_000, 32 * 2**20
"""Answers that are brought to Redis at most when it has none, and the bytes of their bodies."""
_FRONT, _BACK = 0.5, 2.0
"""Seconds to wait for Redis, and for Postgres: then the request is asked as if nothing were stored."""
_AWAY = 1.0
"""Seconds for which a Redis that failed is not asked again."""
_FLUSH = 3.0
"""Seconds between two writings of the figures."""
_ASKED, _ON_ITS_WAY = 10_000, 900.0
"""Requests that are remembered to be asked for at most, and for how many seconds."""
_TENANTS = 10_000


class KeptAnswers:
    """`ports.answers.Answers`. `close` writes down what was counted."""

    def __init__(self, front: RedisAnswers, back: PostgresAnswers, clock: Clock) -> None:
        self._front, self._back, self._clock = front, back, clock
        self._asked: OrderedDict[tuple[TenantId, bytes], tuple[int, float]] = OrderedDict()
        """The epoch under which a request was not found, and when: its answer is not stored where it was purged since.
        """
        self._counts: dict[TenantId, dict[Counted, tuple[int, int]]] = {}
        self._tasks: dict[tuple[str, TenantId], asyncio.Task[None]] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._epochs: dict[TenantId, int] = {}

    def epoch(self, tenant: TenantId) -> int:
        """The tenant's purges, as the last `find` of this process saw them: who asks after a purge must not share an
        answer with who asked before."""
        return self._epochs.get(tenant, 0)

    async def find(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Found:
        """See the port. `content` is looked for where there is no exact answer."""
        seen = await self._seen(tenant, key, frame, content, at)
        if seen is not None and seen.epoch is not None:
            self._saw(tenant, seen.epoch)
            if not seen.fresh:
                self._behind("renew", tenant, lambda: self._renew(tenant))
            if seen.exact is not None or (seen.warm and not seen.large):
                if seen.exact is None:
                    self._note(tenant, key, seen.epoch)
                return Found(seen.exact, seen.content, seen.others)
        return await self._kept(tenant, key, frame, content, at, seen)

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
        with suppress(Unavailable, OurFault):
            return await _within(_BACK, self._back.near(tenant, frame, vector, embedder, at, limit))
        return ()

    async def put(
        self, tenant: TenantId, stored: Stored, vector: Sequence[float] | None = None, embedder: str = ""
    ) -> None:
        """See the port. One that was asked for before it was purged is not stored. Raises Unavailable."""
        name = (tenant, stored.key)
        # Its vector may come later, and a purge before it.
        later = vector is None and bool(stored.words)
        asked = self._asked.get(name) if later else self._asked.pop(name, None)
        since = None if asked is None else asked[0]
        epoch = await self._back.put(tenant, stored, vector, embedder, since)
        if epoch is not None:
            await self._fill(tenant, epoch, [stored])

    async def purge(self, tenant: TenantId, *, model: str = "", template: str = "", tag: str = "") -> int:
        """See the port. Raises Unavailable where either store is: what Postgres had is gone then, and Redis may serve
        it for up to a minute, so it is to be asked again."""
        gone, epoch = await self._back.purge(tenant, model, template, tag)
        await self._front.tell(tenant, epoch)
        return gone

    async def tally(self, tenant: TenantId) -> Tally:
        """See the port."""
        await self._flush(tenant)
        return await self._back.tally(tenant)

    def count(self, tenant: TenantId, what: Counted, saved: Micros) -> None:
        """See the port."""
        counts = self._counts.setdefault(tenant, {})
        n, sum_ = counts.get(what, (0, 0))
        counts[what] = (n + 1, sum_ + saved)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(
                self._write(), name="figures of the cache"
            )

    async def close(self) -> None:
        """Write down what was counted and end what goes on behind requests' backs."""
        tasks = list(self._tasks.values())
        if self._flushing is not None:
            tasks.append(self._flushing)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for tenant in list(self._counts):
            await self._flush_quietly(tenant)

    async def _seen(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Seen | None:
        """What Redis has; None while it is away."""
        if self._clock.monotonic() < self._away_until:
            return None
        try:
            return await _within(_FRONT, self._front.get(tenant, key, frame, content, at))
        except Unavailable:
            self._away_until = self._clock.monotonic() + _AWAY
            return None

    async def _kept(
        self,
        tenant: TenantId,
        key: bytes,
        frame: bytes,
        content: bytes | None,
        at: datetime,
        seen: Seen | None,
    ) -> Found:
        """What Postgres has, brought to Redis behind the request's back; the newest of the tenant with it."""
        try:
            kept = await _within(_BACK, self._back.find(tenant, key, frame, content, at))
        except (Unavailable, OurFault) as fault:
            LINES.warning("cache not read", fault=fault.code, message=fault.message)
            return Found()
        self._saw(tenant, kept.epoch)
        if kept.exact is None:
            self._note(tenant, key, kept.epoch)
        if seen is not None and not seen.large:
            self._behind("bring", tenant, lambda: self._bring(tenant, frame, kept))
            if not seen.warm or seen.epoch != kept.epoch:
                self._behind("warm", tenant, lambda: self._warm(tenant))
        return Found(kept.exact, kept.content, kept.until is not None)

    async def _bring(self, tenant: TenantId, frame: bytes, kept: Kept) -> None:
        now = self._clock.now()
        await self._front.tell(tenant, kept.epoch)
        if kept.until is not None:
            await self._front.mark(tenant, kept.epoch, frame, kept.until, now)
        await self._front.put(tenant, kept.epoch, [one for one in (kept.exact, kept.content) if one], (), now)

    async def _renew(self, tenant: TenantId) -> None:
        await self._front.tell(tenant, await self._back.epoch(tenant))

    async def _warm(self, tenant: TenantId) -> None:
        now = self._clock.now()
        newest = await self._back.newest(tenant, now, WARMED, LARGEST, _TOGETHER)
        await self._front.tell(tenant, newest.epoch)
        await self._front.put(tenant, newest.epoch, newest.small, newest.large, now)
        await self._front.warm(tenant, newest.epoch)

    async def _fill(self, tenant: TenantId, epoch: int, stored: Sequence[Stored]) -> None:
        """Bring to Redis what Postgres has now. A Redis that is away has no answer more than before."""
        if self._clock.monotonic() < self._away_until:
            return
        try:
            await _within(_FRONT, self._front.put(tenant, epoch, stored, (), self._clock.now()))
        except Unavailable:
            self._away_until = self._clock.monotonic() + _AWAY

    def _saw(self, tenant: TenantId, epoch: int) -> None:
        if len(self._epochs) >= _TENANTS and tenant not in self._epochs:
            self._epochs.clear()
        self._epochs[tenant] = epoch

    def _note(self, tenant: TenantId, key: bytes, epoch: int) -> None:
        # The first who asks counts, as long as its answer may still come: the others share it.
        now, before = self._clock.monotonic(), self._asked.get((tenant, key))
        if before is None or before[1] < now - _ON_ITS_WAY:
            self._asked[tenant, key] = (epoch, now)
            if len(self._asked) > _ASKED:
                self._asked.popitem(last=False)

    def _behind(self, name: str, tenant: TenantId, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One at a time of a kind for a tenant, behind requests' backs."""
        if (name, tenant) in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(_quietly(work), name=f"{name} the cache")
        self._tasks[name, tenant] = task
        task.add_done_callback(lambda _: self._tasks.pop((name, tenant), None))

    async def _write(self) -> None:
        while self._counts:
            await asyncio.sleep(_FLUSH)
            for tenant in list(self._counts):
                await self._flush_quietly(tenant)

    async def _flush_quietly(self, tenant: TenantId) -> None:
        with suppress(Unavailable):  # tried again the next time, with what has come meanwhile
            await self._flush(tenant)

    async def _flush(self, tenant: TenantId) -> None:
        counts = self._counts.pop(tenant, None)
        if counts is None:
            return
        try:
            await self._back.count(tenant, counts)
        except BaseException:
            now = self._counts.setdefault(tenant, {})
            for what, (n, saved) in counts.items():
                more, most = now.get(what, (0, 0))
                now[what] = (n + more, saved + most)
            raise


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Raises Unavailable where it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unavailable("A store did not answer in time.") from None


async def _quietly(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except (Unavailable, OurFault) as fault:
        LINES.warning("cache not renewed", fault=fault.code, message=fault.message)


class ExpiringAnswers(PostgresCache):
    """The class of stored answers: what goes in Postgres is void in Redis at once."""

    def __init__(self, database: Database, front: RedisAnswers, back: PostgresAnswers) -> None:
        super().__init__(database)
        self._front, self._back = front, back

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        gone = await super().expire(tenant, before, removal, limit)
        if gone:
            await self._tell(tenant)
        return gone

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        gone = await super().erase(tenant, run, removal)
        await self._tell(tenant)
        return gone

    async def _tell(self, tenant: TenantId) -> None:
        await self._front.tell(tenant, await self._back.epoch(tenant))
