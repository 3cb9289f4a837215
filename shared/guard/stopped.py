"""The last door before the models: what an operator has stopped is not asked. What costs nothing never comes here."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.core.faults import Stopped
from shared.core.leg import Call, LegEnded, LegItem, LegStarted
from shared.core.model_spec import POOL
from shared.ports.models import Models
from shared.ports.stops import Scope, Stop, Stops


def refused(standing: Mapping[Scope, Stop]) -> Stopped | None:
    """What everybody is told where all is stopped; None where it is not."""
    stop = standing.get("all")
    if stop is None:
        return None
    return Stopped(f"An operator has stopped everything that costs money: {stop.reason.rstrip('.')}.")


def _tier(standing: Mapping[Scope, Stop]) -> Stopped:
    return Stopped(f"An operator has stopped our own models: {standing['llama'].reason.rstrip('.')}.")


@dataclass(slots=True)
class Stoppable:
    """`ports.models.Models` over the models, asked only for what is not stopped."""

    models: Models
    stops: Stops

    def stream(self, call: Call) -> AsyncGenerator[LegItem, None]:
        """See `ports.models.Models.stream`. Raises Stopped before anything is sent."""
        return _Asking(self, call)

    def partials(self, call: Call) -> Sequence[LegEnded]:
        """See `ports.models.Models.partials`."""
        return self.models.partials(call)

    async def allowed(self, call: Call) -> Call:
        """The call with the models that may be asked. Raises Stopped where none is left."""
        standing = await self.stops.standing()
        if not standing:
            return call
        fault = refused(standing)
        if fault is not None:
            raise fault
        ladder = tuple(spec for spec in call.ladder if spec.provider != POOL)
        if not ladder:
            raise _tier(standing)
        finishers = tuple(spec for spec in call.finishers if spec.provider != POOL)
        return replace(call, ladder=ladder, finishers=finishers)


class _Asking(AsyncGenerator[LegItem, None]):
    """A stream that asks before each leg whether it may: a leg is told before it is sent."""

    __slots__ = ("_call", "_closed", "_door", "_source")

    def __init__(self, door: Stoppable, call: Call) -> None:
        self._door, self._call = door, call
        self._source: AsyncGenerator[LegItem, None] | None = None
        self._closed = False

    def __anext__(self) -> Any:
        return self._first() if self._source is None else self._next(self._source)

    async def _first(self) -> LegItem:
        if self._closed:
            raise StopAsyncIteration
        call = await self._door.allowed(self._call)
        self._source = self._door.models.stream(call)
        return await anext(self._source)

    async def _next(self, source: AsyncGenerator[LegItem, None]) -> LegItem:
        item = await anext(source)
        if type(item) is LegStarted:
            standing = await self._door.stops.standing()
            fault = refused(standing)
            if fault is None and "llama" in standing and item.spec.provider == POOL:
                fault = _tier(standing)
            if fault is not None:
                # Not sent, so it has nothing to pay. A leg that it was to run beside has: `partials` tells it.
                await source.aclose()
                raise fault
        return item

    async def asend(self, value: None) -> LegItem:
        """The next piece."""
        return await anext(self)

    async def athrow(self, *what: Any) -> LegItem:
        """Raise in the stream."""
        if self._source is None:
            self._closed = True
            raise what[0]
        return await self._source.athrow(*what)

    async def aclose(self) -> None:
        """See `AsyncGenerator.aclose`."""
        self._closed = True
        if self._source is not None:
            await self._source.aclose()
