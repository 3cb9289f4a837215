"""Equal requests in the air, in one process."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from shared.core.ids import TenantId
from shared.ports.flights import Following, Lead


@dataclass(eq=False)
class _Flight:
    said: list[bytes] = field(default_factory=list)
    token: int = 1
    led: bool = True
    over: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class _Lead:
    def __init__(self, flights: "FakeFlights", name: tuple[TenantId, bytes], flight: _Flight) -> None:
        self._flights, self._name, self._flight = flights, name, flight
        self.token = flight.token

    async def say(self, message: bytes) -> bool:
        flight = self._flight
        if flight.token != self.token or flight.over:
            return False
        flight.said.append(message)
        flight.tell()
        return True

    async def end(self, last: bytes | None, *, late: bool = True) -> None:
        flight = self._flight
        if flight.token != self.token or flight.over:
            return
        flight.led = False
        if last is not None:
            flight.said.append(last)
            flight.over = True
        self._flights.done(self._name, flight)
        flight.tell()


class _Following:
    def __init__(self, flights: "FakeFlights", name: tuple[TenantId, bytes], flight: _Flight) -> None:
        self._flights, self._name, self._flight, self._heard = flights, name, flight, 0

    @property
    def landed(self) -> bool:
        return self._flight.over

    @property
    def over(self) -> bool:
        return self._flight.over and self._heard == len(self._flight.said)

    async def messages(self) -> AsyncGenerator[bytes, None]:
        flight = self._flight
        while True:
            while self._heard < len(flight.said):
                self._heard += 1
                yield flight.said[self._heard - 1]
            if flight.over or not flight.led:
                return
            await flight.news.wait()

    async def take_over(self) -> Lead | None:
        flight = self._flight
        if flight.led or flight.over:
            return None
        flight.led = True
        flight.token += 1
        return _Lead(self._flights, self._name, flight)


class FakeFlights:
    """`ports.flights.Flights`."""

    def __init__(self) -> None:
        self._flights: dict[tuple[TenantId, bytes], _Flight] = {}

    async def join(self, tenant: TenantId, key: bytes) -> Lead | Following:
        """See the port."""
        name = (tenant, key)
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = _Flight()
            return _Lead(self, name, flight)
        return _Following(self, name, flight)

    def done(self, name: tuple[TenantId, bytes], flight: _Flight) -> None:
        """A flight that is over is there for nobody who comes later."""
        if flight.over and self._flights.get(name) is flight:
            del self._flights[name]

    async def close(self) -> None:
        """See the port."""
        self._flights.clear()
