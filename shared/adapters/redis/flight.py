"""A flight as one process sees it: what was said, who leads, and those here who hear it."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from shared.adapters.redis.flights import RedisFlights

Ended = Literal["", "over", "left", "lost"]
"""Not ended; with its last message; its lead has gone, and another may take over; what is said can't be heard."""


class Flight:
    """One for all in this process who join under a key; it goes with the last of them.

    `heard` is the last entry of the stream that is known here, `said` all messages among them. The source of more is
    this process' own lead (`led`), or else the stream.
    """

    __slots__ = (
        "__weakref__", "check_at", "doubts", "ended", "ended_at", "heard", "keys", "lead", "led", "news", "number",
        "offered", "opening", "said", "taking",
    )  # fmt: skip

    def __init__(self, keys: tuple[str, str]) -> None:
        self.keys = keys
        self.number = self.heard = self.doubts = 0
        self.said: list[bytes] = []
        self.ended: Ended = ""
        self.ended_at = self.check_at = 0.0
        self.news = asyncio.Event()
        self.led = False
        self.lead: weakref.ref[OwnLead] | None = None
        self.offered: tuple[int, bool] | None = None
        """A lead that nobody has claimed yet: its token, and whether the flight begins with it."""
        self.opening: asyncio.Task[None] | None = None
        self.taking: asyncio.Task[None] | None = None

    def tell(self, message: bytes) -> None:
        """One more message."""
        self.said.append(message)
        self._wake()

    def end(self, how: Ended, *, late: bool = True) -> None:
        """Nothing more comes for now. Not `late`: nobody joins it any more."""
        at = _now() if late else float("-inf")
        self.ended, self.ended_at, self.offered, self.led, self.lead = how, at, None, False, None
        self._wake()

    def offer(self, token: int, *, begins: bool) -> None:
        """The lead is this process'."""
        self.ended, self.led, self.lead, self.offered = "", True, None, (token, begins)

    def hear(self, entries: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """What the stream brings. Ends as lost before a gap."""
        self.doubts, left = 0, False
        for id_, fields in entries:
            number, _, n = id_.partition(b"-")
            ((kind, message),) = fields.items()
            if int(number) != self.number or int(n) != self.heard + 1 or kind == b"f":
                return self.end("lost")
            self.heard += 1
            left = kind == b"l"
            if not left:
                self.tell(_bytes_of(message))
            if kind in (b"o", b"p"):
                return self.end("over", late=kind == b"o")
        if left:
            self.end("left")
        return None

    @property
    def position(self) -> str:
        """The entry after which the stream is read."""
        return f"{self.number}-{self.heard}"

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class OwnLead:
    """`ports.flights.Lead` of this process."""

    __slots__ = ("__weakref__", "_busy", "_flight", "_flights", "alone", "out", "token")

    def __init__(self, flights: "RedisFlights", flight: Flight, token: int) -> None:
        self._flights, self._flight, self.token = flights, flight, token
        self.out = False
        """Another leads, or the flight has ended."""
        self.alone = False
        """Redis does not know of it any more: those in this process hear it still."""
        self._busy: asyncio.Task[Any] | None = None

    @property
    def flight(self) -> Flight:
        """What it leads."""
        return self._flight

    async def say(self, message: bytes) -> bool:
        """See the port. A caller that is cancelled has said it all the same."""
        if self.out:
            return False
        self._busy = task = self._flights.begin(self._flights.say(self, message, self._busy))
        return bool(await asyncio.shield(task))

    async def end(self, last: bytes | None, *, late: bool = True) -> None:
        """See the port."""
        if not self.out:
            work = self._flights.end(self, last, self._busy, late=late)
            self._busy = task = self._flights.begin(work)
            await asyncio.shield(task)


class LoneLead:
    """`ports.flights.Lead` where Redis is away: it talks to nobody."""

    __slots__ = ()
    token = 0

    async def say(self, message: bytes) -> bool:
        """Nobody hears it, and nobody else leads."""
        return True

    async def end(self, last: bytes | None, *, late: bool = True) -> None:
        """Nobody waits for it."""


class Follower:
    """`ports.flights.Following`."""

    __slots__ = ("_at", "_flight", "_flights")

    def __init__(self, flights: "RedisFlights", flight: Flight) -> None:
        self._flights, self._flight, self._at = flights, flight, 0

    @property
    def landed(self) -> bool:
        """See the port."""
        return self._flight.ended == "over"

    @property
    def over(self) -> bool:
        """See the port."""
        return self._flight.ended == "over" and self._at == len(self._flight.said)

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """See the port."""
        flight = self._flight
        while True:
            while self._at < len(flight.said):
                self._at += 1
                yield flight.said[self._at - 1]
            if flight.ended:
                return
            await flight.news.wait()

    async def take_over(self) -> OwnLead | LoneLead | None:
        """See the port. Where the flight can't be heard any more everyone leads alone."""
        flight = self._flight
        if self._at < len(flight.said):
            return None
        if flight.ended == "left":
            if flight.taking is None or flight.taking.done():
                flight.taking = self._flights.begin(self._flights.take(flight))
            await asyncio.shield(flight.taking)
            if (lead := self._flights.claimed(flight, begins=False)) is not None:
                return lead
        return LoneLead() if flight.ended == "lost" else None


def _now() -> float:
    return asyncio.get_running_loop().time()


def word_of(message: bytes) -> str:
    """Bytes as a script takes them: each a character. JSON that is ASCII stays as it is."""
    return message.decode("latin-1")


def _bytes_of(word: bytes) -> bytes:
    return word if word.isascii() else word.decode().encode("latin-1")
