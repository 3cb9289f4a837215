"""What is stopped: Postgres knows, Redis tells all processes, each keeps what it heard for a moment.

Redis holds a copy that lapses, so one that forgets, or that could not be told, is wrong for seconds at most. A change
waits out the moment for which processes go by what they heard: when it returns, all of them know.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from shared.adapters.postgres.stops import PostgresStops
from shared.adapters.redis.connection import RedisConnection, reached
from shared.core.faults import Unavailable
from shared.core.lines import LINES
from shared.ports.clock import Clock
from shared.ports.stops import Change, Scope, Stop

HEARD_SECONDS = 0.25
"""How long a process goes by what it heard."""
_COPY_MS = 10_000
_REDIS_SECONDS = 0.5


class KeptStops:
    """`ports.stops.Stops`."""

    def __init__(
        self, redis: RedisConnection, inner: PostgresStops, clock: Clock, namespace: str = "chatsmart"
    ) -> None:
        self._commands, self._inner, self._clock = redis.commands, inner, clock
        self._key = f"cs:{{{namespace}:stops}}"
        self._heard: Mapping[Scope, Stop] = {}
        self._until = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def standing(self) -> Mapping[Scope, Stop]:
        """See the port. Requests that come at once ask once."""
        if self._clock.monotonic() >= self._until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(), name="what is stopped")
            await asyncio.shield(self._asking)
        return self._heard

    async def stop(self, stop: Stop) -> None:
        """See the port."""
        await self._inner.stop(stop)
        await self._tell()

    async def resume(self, scope: Scope, by: str, at: datetime) -> None:
        """See the port."""
        await self._inner.resume(scope, by, at)
        await self._tell()

    async def history(self, limit: int) -> Sequence[Change]:
        """See the port."""
        return await self._inner.history(limit)

    async def _ask(self) -> None:
        # What is heard holds from the question on, not from the answer: a change counts from then, too.
        asked = self._clock.monotonic()
        copy: Any = None
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                with reached():
                    copy = await self._commands.get(self._key)
        except (Unavailable, TimeoutError):
            self._heard = await self._inner.standing()
        else:
            self._heard = _read(copy) if copy is not None else await self._copied()
        self._until = asked + HEARD_SECONDS

    async def _copied(self) -> Mapping[Scope, Stop]:
        """What Postgres knows, copied to Redis, unless a change was told there meanwhile."""
        found = await self._inner.standing()
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                with reached():
                    await self._commands.set(self._key, _written(found), px=_COPY_MS, nx=True)
        except (Unavailable, TimeoutError):
            pass  # the next one asks Postgres again
        return found

    async def _tell(self) -> None:
        found = await self._inner.standing()
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                with reached():
                    await self._commands.set(self._key, _written(found), px=_COPY_MS)
        except (Unavailable, TimeoutError):
            # Who holds money asks Redis first, so nothing is spent while it is away; its copy lapses afterwards.
            LINES.warning("stop not told to Redis", scopes=sorted(found))
        self._heard = found
        await asyncio.sleep(HEARD_SECONDS)


def _written(stops: Mapping[Scope, Stop]) -> bytes:
    return orjson.dumps([[one.scope, one.reason, one.by, one.at, one.ceiling] for one in stops.values()])


def _read(copy: bytes) -> Mapping[Scope, Stop]:
    return {
        scope: Stop(scope, reason, by, datetime.fromisoformat(at), ceiling)
        for scope, reason, by, at, ceiling in orjson.loads(copy)
    }
