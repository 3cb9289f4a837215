"""Live events on Redis Streams: one stream a run, an entry's id is `<position>-0`."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import orjson
from redis.exceptions import ResponseError

from shared.adapters.redis.connection import BLOCK, RedisConnection, reached
from shared.adapters.redis.troubles import told
from shared.core.event import Event
from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId

RUNNING_SECONDS = 24 * 3600
ENDED_SECONDS = 3600
"""How long a stream is kept after its last event; the log can rebuild it for ever."""
_PAGE = 500
_TAKEN = "equal or smaller than the target stream top item"


class RedisBus:
    """`ports.bus.Bus`. No entry is ever trimmed: a stream goes as a whole."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._commands = connection.commands

    async def publish(self, tenant: TenantId, run: RunId, events: Sequence[Event]) -> None:
        """See the port. One round trip. A position that is there, or behind the last one, is left as it is."""
        if not events:
            return
        key = _key(tenant, run)
        ended = any(event.final for event in events)
        pipeline = self._commands.pipeline(transaction=False)
        for event in events:
            fields: dict[Any, Any] = {b"n": event.name, b"d": orjson.dumps(event.data)}
            pipeline.xadd(key, fields, id=f"{event.position}-0")
        pipeline.expire(key, ENDED_SECONDS if ended else RUNNING_SECONDS)
        with reached():
            answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not (
                isinstance(answer, ResponseError) and _TAKEN in str(answer)
            ):
                raise Unavailable(told(answer))

    async def follow(self, tenant: TenantId, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        """See the port. Also ends before a gap (Redis lost the events before it): positions count by ones."""
        key = _key(tenant, run)
        last = after
        wait = False
        while True:
            page = await self._page(key, last, wait=wait)
            for id_, fields in page:
                event = _event(id_, fields)
                if event.position != last + 1:
                    return
                yield event
                if event.final:
                    return
                last = event.position
            if not page and await self._over(key, last):
                return
            wait = True

    async def so_far(self, tenant: TenantId, run: RunId) -> Sequence[Event]:
        """See the port."""
        with reached():
            entries: Any = await self._commands.xrange(_key(tenant, run))
        return tuple(_event(id_, fields) for id_, fields in entries)

    async def forget(self, tenant: TenantId, run: RunId) -> bool:
        """Drop a stream before its time. False where there is none. Raises Unavailable."""
        with reached():
            gone: Any = await self._commands.delete(_key(tenant, run))
        return bool(gone)

    async def _page(self, key: str, last: int, *, wait: bool) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Entries past `last`; none where none came for a while."""
        with reached():
            block = int(BLOCK * 1000) if wait else None
            return await self._connection.entries(key, f"{last}-0", _PAGE, block)

    async def _over(self, key: str, last: int) -> bool:
        """Whether nothing can come: the stream is gone, or its final event has been seen."""
        with reached():
            newest: Any = await self._commands.xrevrange(key, count=1)
        if not newest:
            return True
        event = _event(*newest[0])
        return event.final and event.position <= last


def _key(tenant: TenantId, run: RunId) -> str:
    """Braces: in a cluster all keys of a run lie together."""
    return f"cs:{{{tenant}:{run}}}:events"


def _event(id_: bytes, fields: dict[bytes, bytes]) -> Event:
    name: Any = fields[b"n"].decode()
    return Event(position=int(id_.split(b"-")[0]), name=name, data=orjson.loads(fields[b"d"]))
