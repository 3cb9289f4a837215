"""Equal requests in the air, over all processes: a lease in Redis says who leads, a stream what was said.

A process asks Redis once for a flight, however many of its requests join it: they share what one reader hears of it, or
what the lead says where that is here too. One reader serves all flights of the process over one connection.
"""

import asyncio
import secrets
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from shared.adapters.redis import flights_scripts as scripts
from shared.adapters.redis.connection import ERRORS, RedisConnection
from shared.adapters.redis.flight import Flight, Follower, LoneLead, OwnLead, word_of
from shared.adapters.redis.line import Script
from shared.core.faults import Unavailable
from shared.core.ids import TenantId

T = TypeVar("T")
_JOIN, _SAY, _RENEW = Script(scripts.JOIN), Script(scripts.SAY), Script(scripts.RENEW)
_END, _TAKE, _CHECK = Script(scripts.END), Script(scripts.TAKE), Script(scripts.CHECK)
LEASE = 3.0
"""Seconds for which a lead is believed to live after it was last heard of …"""
BEAT = 1.0
"""… and how often it is heard of."""
LATE = 5.0
"""Seconds for which a flight is joined after its end: who looked into the cache before the answer was there comes so
late."""
_ENDED, _RUNNING = 30.0, 60.0
"""Seconds for which a flight is kept after its end, for those who hear it slowly; after its lead was last heard of."""
_MOST = 64 * 2**20
"""Bytes of one flight: past that nothing is told any more, and those who follow ask for themselves."""
_LIMIT = 1.0
"""Seconds to wait for Redis: a request that leads alone is better than one that waits …"""
_AWAY = 1.0
"""… and for so long nobody else tries."""
_BLOCK_MS = 25
"""The reader looks round so often: a flight that is joined meanwhile waits for it."""
_PAGE = 500
_DOUBTS = 10


class RedisFlights:
    """`ports.flights.Flights`. `epoch` counts a tenant's purges: requests of different epochs share nothing."""

    def __init__(
        self,
        connection: RedisConnection,
        namespace: str = "chatsmart",
        epoch: Callable[[TenantId], int] = lambda tenant: 0,
    ) -> None:
        self._epoch = epoch
        self._line, self._connection = connection.line, connection
        self._namespace = namespace
        # Nothing here keeps a flight or a lead alive but those who hold them: one that is dropped ends with its lease.
        self._flights: weakref.WeakValueDictionary[tuple[TenantId, bytes, int], Flight] = (
            weakref.WeakValueDictionary()
        )
        self._followed: weakref.WeakSet[Flight] = weakref.WeakSet()
        self._led: weakref.WeakSet[Flight] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._away_until = self._failing_since = 0.0

    async def join(self, tenant: TenantId, key: bytes) -> OwnLead | LoneLead | Follower:
        """See the port. One round trip for all of this process who join while the flight lasts."""
        epoch, now = self._epoch(tenant), _now()
        name = (tenant, key, epoch)
        flight = self._flights.get(name)
        late = flight is not None and flight.ended == "over" and now - flight.ended_at > LATE
        if flight is None or late or flight.ended == "lost":
            if now < self._away_until:
                return LoneLead()
            stem = f"{self._namespace}:flight:{{{tenant}:{key.hex()}:{epoch}}}"
            flight = self._flights[name] = Flight((stem + ":state", stem + ":tail"))
            flight.opening = self.begin(self._opened(flight))
        if flight.opening is not None:
            await asyncio.shield(flight.opening)
        if flight.ended == "lost" and not flight.said:
            return LoneLead()
        return self.claimed(flight, begins=True) or Follower(self, flight)

    async def close(self) -> None:
        """See the port."""
        for flight in list(self._led):
            lead = flight.lead() if flight.lead is not None else None
            if lead is not None:
                await lead.end(None)
        for flight in list(self._followed):
            if not flight.ended:
                flight.end("lost")
        ours = [task for task in (self._reader, self._keeper) if task is not None and not task.done()]
        for task in ours:
            task.cancel()
        rest = [*ours, *self._tasks]
        if rest:
            await asyncio.wait(rest, timeout=_LIMIT * 2)

    def begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Work that is done also where its caller leaves."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def claimed(self, flight: Flight, *, begins: bool) -> OwnLead | None:
        """The lead that Redis gave this process, for the first who asks. `begins`: nothing was said before it."""
        if flight.offered is None or flight.offered[1] != begins:
            return None
        lead = OwnLead(self, flight, flight.offered[0])
        flight.offered, flight.lead = None, weakref.ref(lead)
        return lead

    async def take(self, flight: Flight) -> None:
        """Ask for the lead of a flight whose lead has left."""
        arguments = [str(flight.number), str(flight.heard), secrets.token_hex(8), _ms(LEASE), _ms(_RUNNING)]
        try:
            words = await self._run(_TAKE, flight, arguments)
        except Unavailable:
            return flight.end("lost")
        if words[0] == "lead":
            self._offer(flight, int(words[1]), begins=False)
        elif words[0] == "follow":
            self._follow(flight, int(words[1]))
        else:
            flight.end("lost")
        return None

    async def say(self, lead: OwnLead, message: bytes, before: "asyncio.Task[Any] | None") -> bool:
        """Tell everybody, after what was told before."""
        if before is not None:
            await asyncio.wait((before,))
        if lead.out:
            return False
        flight = lead.flight
        if not lead.alone:
            words = [str(lead.token), str(flight.heard + 1), _ms(LEASE), _ms(_RUNNING), str(_MOST)]
            if not self._leads(lead, await self._answer(_SAY, flight, [*words, word_of(message)])):
                return False
        flight.heard += 1
        flight.tell(message)
        return True

    async def end(
        self, lead: OwnLead, last: bytes | None, before: "asyncio.Task[Any] | None", *, late: bool
    ) -> None:
        """The lead's last word, or none."""
        if before is not None:
            await asyncio.wait((before,))
        if lead.out:
            return
        flight = lead.flight
        if not lead.alone:
            words = [
                str(lead.token),
                "l" if last is None else "o" if late else "p",
                word_of(last or b""),
                _ms(_ENDED),
            ]
            answer = await self._answer(_END, flight, words)
            if not self._leads(lead, answer):
                return
            if answer.startswith("ended") and answer != f"ended {flight.heard + 1}":
                lead.out = True  # something is in the stream that is not known here
                self._follow(flight, 0)
                return
        lead.out = True
        flight.heard += 1
        if last is not None:
            flight.tell(last)
            flight.end("over", late=late)
        else:
            flight.end("lost" if lead.alone else "left")

    def _leads(self, lead: OwnLead, answer: str) -> bool:
        """Whether the lead is still the lead, by what a script said; a flight that Redis has lost stays its own."""
        if answer == "out":
            lead.out = True
            self._follow(lead.flight, 0)
            return False
        lead.alone = lead.alone or answer == "gone"
        return True

    async def _answer(self, script: Script, flight: Flight, arguments: list[str]) -> str:
        try:
            return " ".join(await self._run(script, flight, arguments))
        except Unavailable:
            return "gone"

    async def _run(self, script: Script, flight: Flight, arguments: list[str]) -> list[str]:
        """A script's words. Raises Unavailable, after a second at the latest."""
        try:
            async with asyncio.timeout(_LIMIT):
                return (await self._line.run(script, flight.keys, arguments)).split()
        except TimeoutError:
            self._away_until = _now() + _AWAY
            raise Unavailable("Redis did not answer in time.") from None
        except Unavailable:
            self._away_until = _now() + _AWAY
            raise

    async def _opened(self, flight: Flight) -> None:
        arguments = [_ms(LEASE), _ms(LATE), _ms(_RUNNING), secrets.token_hex(8)]
        try:
            words = await self._run(_JOIN, flight, arguments)
        except Unavailable:
            return flight.end("lost")
        finally:
            flight.opening = None
        flight.number = int(words[1])
        if words[0] == "lead":
            self._offer(flight, int(words[2]), begins=True)
        else:
            self._follow(flight, int(words[2]))
        return None

    def _offer(self, flight: Flight, token: int, *, begins: bool) -> None:
        flight.offer(token, begins=begins)
        self._followed.discard(flight)
        self._led.add(flight)
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="flights kept")

    def _follow(self, flight: Flight, left_ms: int) -> None:
        """Hear the stream; the lease is looked at again when it may have run out."""
        flight.ended, flight.led, flight.lead, flight.offered = "", False, None, None
        flight.check_at = _now() + max(left_ms, 0) / 1000 + 0.005
        self._led.discard(flight)
        self._followed.add(flight)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="flights heard")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            if not await self._beat():
                return

    async def _beat(self) -> bool:
        """Renew the leases of this process; False where it has none. One that was dropped runs out."""
        kept = [flight for flight in self._led if flight.led and not flight.ended]
        renewing: list[OwnLead] = []
        for flight in kept:
            lead = flight.lead() if flight.lead is not None else None
            if lead is None:
                self._follow(flight, 0)
            elif not lead.alone:
                renewing.append(lead)
        async with asyncio.TaskGroup() as group:
            for lead in renewing:
                group.create_task(self._renewed(lead))
        return bool(kept)

    async def _renewed(self, lead: OwnLead) -> None:
        words = [str(lead.token), _ms(LEASE), _ms(_RUNNING)]
        try:
            answer = await self._run(_RENEW, lead.flight, words)
        except Unavailable:
            return  # the next message will tell whether Redis is back
        if not lead.out and lead.flight.led:
            self._leads(lead, answer[0])

    async def _read(self) -> None:
        self._failing_since = 0.0
        while await self._page():
            pass

    async def _page(self) -> bool:
        """One look at all flights that are followed; False where there are none. Holds none of them afterwards."""
        now = _now()
        due = [flight for flight in self._followed if not flight.ended and flight.check_at <= now]
        if due:
            async with asyncio.TaskGroup() as group:
                for flight in due:
                    group.create_task(self._check(flight))
        heard = {flight.keys[1]: flight for flight in self._followed if not flight.ended and not flight.led}
        if not heard:
            return False
        streams = {tail: flight.position for tail, flight in heard.items()}
        try:
            async with asyncio.timeout(_LIMIT):
                pages = await self._connection.pages(streams, _PAGE, _BLOCK_MS)
        except ERRORS:  # TimeoutError among them
            self._missed(list(heard.values()))
            await asyncio.sleep(_BLOCK_MS / 1000)
            return True
        self._failing_since = 0.0
        for tail, entries in pages:
            flight = heard[tail]
            if not flight.ended and not flight.led:
                flight.hear(entries)
        return True

    def _missed(self, flights: list[Flight]) -> None:
        """A restart is waited for; not much longer than that."""
        now = _now()
        self._failing_since = self._failing_since or now
        if now - self._failing_since >= _LIMIT:
            self._away_until = now + _AWAY
            for flight in flights:
                flight.end("lost")

    async def _check(self, flight: Flight) -> None:
        """Whether the flight's lead lives. What it said before it died is heard first."""
        flight.check_at = _now() + 0.1
        try:
            words = await self._run(_CHECK, flight, [str(flight.number)])
        except Unavailable:
            return  # the reader finds that out
        if flight.ended or flight.led:
            return
        if words[0] == "gone":
            flight.end("lost")
            return
        left, n = int(words[1]), int(words[2])
        if n > flight.heard:
            flight.doubts += 1  # entries that are counted and don't come were lost
            if flight.doubts > _DOUBTS:
                flight.end("lost")
        elif words[0] == "up" and left > 0:
            flight.doubts, flight.check_at = 0, _now() + left / 1000 + 0.005
        else:
            flight.end("left")


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))


def _now() -> float:
    return asyncio.get_running_loop().time()
