"""Live events in memory: within one process and one event loop."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import orjson

from shared.core.event import Event
from shared.core.ids import RunId, TenantId


class MemoryBus:
    """`ports.bus.Bus`. `forget` is what time does to a stream in Redis."""

    def __init__(self) -> None:
        self._streams: dict[tuple[TenantId, RunId], list[Event]] = {}
        self._news = asyncio.Condition()

    async def publish(self, tenant: TenantId, run: RunId, events: Sequence[Event]) -> None:
        """See the port."""
        if not events:
            return
        async with self._news:
            stream = self._streams.setdefault((tenant, run), [])
            for event in events:
                if not stream or event.position > stream[-1].position:
                    stream.append(Event(event.position, event.name, orjson.loads(orjson.dumps(event.data))))
            self._news.notify_all()

    async def follow(self, tenant: TenantId, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        """See the port. Also ends before a gap: positions count by ones."""
        last = after
        while True:
            stream = self._streams.get((tenant, run))
            if not stream:
                return
            fresh = [event for event in stream if event.position > last]
            if not fresh:
                if stream[-1].final:
                    return
                async with self._news:
                    if stream is self._streams.get((tenant, run)) and stream[-1].position <= last:
                        await self._news.wait()
                continue
            for event in fresh:
                if event.position != last + 1:
                    return
                yield event
                if event.final:
                    return
                last = event.position

    async def so_far(self, tenant: TenantId, run: RunId) -> Sequence[Event]:
        """See the port."""
        return tuple(self._streams.get((tenant, run), ()))

    async def forget(self, tenant: TenantId, run: RunId) -> None:
        """Drop a stream."""
        async with self._news:
            self._streams.pop((tenant, run), None)
            self._news.notify_all()
