"""The models' health in Redis, read from a picture that each process keeps and renews behind its callers' backs."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import orjson

from shared.adapters.redis import health_scripts as scripts
from shared.adapters.redis.connection import RedisConnection, reached
from shared.adapters.redis.line import Script
from shared.core.faults import Unavailable
from shared.core.lines import LINES
from shared.core.model_spec import ModelSpec
from shared.models.breaker import RULES, Breaker, Mark, mark_of, scatter
from shared.models.figures import KEPT, MINUTE, Minutes, counted, tell
from shared.models.picture import NO_TURNS, Picture, Turns, milliseconds
from shared.ports.clock import Clock, Ids
from shared.ports.health import Report, Standing

BEAT = 1.0
"""Seconds between two pictures while there is traffic."""
_GAP = 0.02
"""… and at the least, however many faults come."""
_LIMIT = 2.0
_PROBE_LIMIT = 0.5
"""Seconds to wait for Redis: in the background, and while a request waits."""
_STALE = 5.0
"""Reports that could not be told for so long are dropped: told late, they would open what has recovered."""
_MOST = 10_000
_EXCHANGE, _PROBE, _COPIED = Script(scripts.EXCHANGE), Script(scripts.PROBE), Script(scripts.COPIED)
_COPY = 60_000
"""Milliseconds after which the copy of who is out is made anew: a Redis that came back with old data is believed for so
long."""
_BLANK = orjson.dumps(Breaker())
_RULES = orjson.dumps(RULES)
_FIELDS = frozenset(Breaker.__dataclass_fields__)


class _Told(NamedTuple):
    """A report on its way to Redis."""

    model: str
    provider: str
    mark: Mark
    turns: Turns
    first_token_ms: int | None
    at: int


@dataclass(slots=True)
class _Event:
    """A report, or several equal ones in a row."""

    model: str
    provider: str
    mark: Mark
    turns: tuple[int, int]
    times: int = 1


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is sent at once, and sent again with the same number until Redis has it. `since` is monotonic seconds."""

    number: int
    since: float
    payload: bytes


class Quarantined(Protocol):
    """The account of who is out, which outlives Redis (`PostgresQuarantine`). Raises Unavailable."""

    async def put(self, models: Sequence[str], why: str | None) -> None:
        """Take models out, or, where `why` is None, put them back."""
        ...

    async def all(self) -> Mapping[str, str]:
        """The models that are out, and why."""
        ...


class RedisHealth:
    """`ports.health.Health`.

    `standing` and `report` touch memory only. One background task exchanges reports for a new picture in a single
    round trip: at once after a fault, every second while there is traffic; it ends when there is none. What a process
    tells it sees at once itself. While Redis is away the picture goes on with what this process sees alone.

    Who is out is written to `kept` first; Redis has a copy, which is brought anew every minute and where it was lost.
    """

    def __init__(
        self,
        connection: RedisConnection,
        clock: Clock,
        ids: Ids,
        scope: str = "health",
        kept: Quarantined | None = None,
    ) -> None:
        self._kept = kept
        self._connection, self._commands = connection, connection.commands
        self._clock = clock
        self._ids = ids
        self._prefix = f"cs:{{{scope}}}:"  # braces: one hash slot
        self._picture = Picture()
        self._own = Minutes()
        self._turns: dict[str, Turns] = {}
        self._unshared: set[str] = set()
        """Probes that Redis did not give, so that it must not hear of their turns."""
        self._pending: deque[_Told] = deque(maxlen=_MOST)
        self._sending: _Batch | None = None
        self._number = 0
        self._name = ""
        self._figures_at = "0"
        self._away = self._closed = self._used = False
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the first picture; where Redis is away, do without, but for who is out."""
        self._closed = False
        if not await self.exchange() and self._kept is not None:
            with suppress(Unavailable):
                self._picture.quarantined = dict(await self._kept.all())

    async def close(self) -> None:
        """End the background task, and tell what is left to tell."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if (self._pending or self._sending) and not self._away:
            await self.exchange()

    def standing(self, spec: ModelSpec) -> Standing:
        """See the port."""
        self._used = True
        if self._task is None:
            self._begin()
        return self._picture.standing(spec.name, spec.provider, self._now)

    def report(self, report: Report) -> None:
        """See the port."""
        now, mark = self._now(), mark_of(report)
        turns = self._turns.pop(report.model, NO_TURNS)
        self._picture.hear(report.model, report.provider, mark, now, turns)
        if report.model in self._unshared:
            self._unshared.discard(report.model)
            turns = NO_TURNS
        told = _Told(report.model, report.provider, mark, turns, report.first_token_ms, now)
        self._pending.append(told)
        if mark.kind in ("fault", "load") or turns != NO_TURNS:
            self._wake.set()
        if self._task is None:
            self._begin()

    async def probe(self, spec: ModelSpec) -> bool:
        """See the port. While Redis is away each process gives out one probe of its own. Where this process knows of
        one under way nobody is asked: a model that is out costs a request no round trip."""
        if not self._picture.due(spec.name, spec.provider, self._now()):
            return False
        if self._away:
            return self._take(spec)
        keys = [self._prefix + "breakers", self._prefix + "quarantine"]
        try:
            async with asyncio.timeout(_PROBE_LIMIT):
                with reached():
                    answer: Any = await self._connection.script(
                        _PROBE, keys, [_BLANK, self._now(), spec.name, spec.provider, RULES.probe]
                    )
        except (Unavailable, TimeoutError):
            return self._take(spec)
        given, turns = bool(answer[0]), Turns(answer[1], answer[2])
        if given and any(turns):
            self._turns[spec.name] = turns
            self._unshared.discard(spec.name)
            self._picture.taken(spec.name, spec.provider, turns, self._now())
        return given

    async def quarantine(self, models: Sequence[str], why: str | None) -> None:
        """See the port. Kept until it is ended: the one key here that does not lapse. Where Redis alone is away it is
        said all the same, and holds as soon as Redis is back."""
        if not models:
            return
        key = self._prefix + "quarantine"
        async with self._one_at_a_time:  # a picture under way must not bring the old list back
            if self._kept is not None:
                await self._kept.put(models, why)
                self._picture.quarantined = dict(await self._listed(self._kept))
                return
            with reached():
                if why is None:
                    await self._commands.hdel(key, *models)
                else:
                    await self._commands.hset(key, mapping=dict.fromkeys(models, why))
            kept = {model: told for model, told in self._picture.quarantined.items() if model not in models}
            self._picture.quarantined = kept if why is None else kept | dict.fromkeys(models, why)

    async def table(self) -> Mapping[str, Standing]:
        """See the port. `standing` goes by the same picture afterwards."""
        async with self._one_at_a_time:
            await self._exchange(anew=True)
        return self._picture.table(self._now())

    async def exchange(self) -> bool:
        """Tell what is to be told and take a new picture; False where Redis is away. Never fails."""
        async with self._one_at_a_time:
            try:
                await self._exchange(anew=False)
            except Unavailable:
                return False
        return True

    async def forget(self) -> None:
        """Drop all that is known, quarantine too: a fresh start, for tests. Raises Unavailable."""
        async with self._one_at_a_time:
            with reached():
                await self._commands.delete(*self._keys(self._now()))
            if self._kept is not None:
                await self._kept.put(list(await self._kept.all()), None)
            self._pending.clear()
            self._turns.clear()
            self._sending, self._figures_at, self._own = None, "0", Minutes()
            self._picture.draw({}, {}, {}, {})

    def _begin(self) -> None:
        """See to it that a new picture comes."""
        if self._closed:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody's loop: the next caller's will do
            return
        self._task = loop.create_task(self._renew(), name="health")

    async def _renew(self) -> None:
        try:
            while True:
                self._wake.clear()
                self._used = False
                if await self.exchange():
                    await asyncio.sleep(_GAP)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(BEAT - _GAP):
                            await self._wake.wait()
                else:
                    await asyncio.sleep(BEAT)
                if not (self._used or self._pending or self._sending):
                    return
        finally:
            self._task = None

    async def _exchange(self, *, anew: bool) -> None:
        """Raises Unavailable."""
        now, batch = self._now(), self._batch()
        arguments: list[bytes | str | int] = [
            _BLANK, _RULES, now, repr(scatter(now)), batch.number if batch else 0, batch.payload if batch else b"",
            self._figures_at, int(anew),
        ]  # fmt: skip
        try:
            async with asyncio.timeout(_LIMIT):
                with reached():
                    answer: Any = await self._connection.script(_EXCHANGE, self._keys(now), arguments)
        except (Unavailable, TimeoutError) as error:
            self._missed(batch, error)
            raise Unavailable("Redis can't be used: health goes by what this process sees.") from error
        self._sending = None
        copied = self._draw(answer)
        if self._kept is not None and (copied is None or abs(now - copied) >= _COPY):
            with suppress(Unavailable):  # until the next picture those who are known to be out stay out
                self._picture.quarantined = dict(await self._listed(self._kept))
        if self._away:
            self._away = False
            LINES.warning("health_shared_again")

    def _missed(self, batch: _Batch | None, error: Exception) -> None:
        if batch is not None and batch.since < self._clock.monotonic() - _STALE:
            self._sending = None
        self._picture.count(tell(self._own.total(self._now())))
        self._figures_at = "0"
        if not self._away:
            self._away = True
            LINES.warning("health_not_shared", error=str(error) or type(error).__name__)

    def _batch(self) -> _Batch | None:
        """What to send: the batch that was not received, else all that is pending."""
        if self._sending is None and self._pending:
            counts: Counter[str] = Counter()
            for told in self._pending:
                counts.update(counted(told.model, told.mark, told.first_token_ms))
            self._own.add(counts, self._now())
            self._number += 1
            payload = orjson.dumps({"events": _rows(self._pending), "counts": counts})
            self._sending = _Batch(self._number, self._clock.monotonic(), payload)
            self._pending.clear()
        return self._sending

    async def _listed(self, kept: Quarantined) -> Mapping[str, str]:
        """Who is out, with a fresh copy for Redis: of several who bring one at once the last to begin does."""
        key, mark = [self._prefix + "quarantine"], self._ids.uuid().hex
        with reached():
            await self._commands.hset(key[0], "?", mark)
        listed = await kept.all()
        words = [word for pair in listed.items() for word in pair]
        with reached():
            await self._connection.script(_COPIED, key, [mark, self._now(), *words])
        return listed

    def _draw(self, answer: Any) -> int | None:
        """When the copy of who is out was made; None: there is none."""
        breakers, quarantined, at, total = answer
        models: dict[str, Breaker] = {}
        providers: dict[str, Breaker] = {}
        for name, raw in zip(breakers[::2], breakers[1::2], strict=True):
            kind, _, called = name.decode().partition(" ")
            fields = orjson.loads(raw)
            breaker = Breaker(**{one: value for one, value in fields.items() if one in _FIELDS})
            (models if kind == "m" else providers)[called] = breaker
        out = {
            name.decode(): why.decode() for name, why in zip(quarantined[::2], quarantined[1::2], strict=True)
        }
        out.pop("?", None)
        copied = out.pop("#", None)
        if self._kept is not None and copied is None:
            out = dict(self._picture.quarantined)
        figures = tell(orjson.loads(total)) if total else None
        self._figures_at = at.decode()
        self._picture.draw(models, providers, out, figures)
        for told in self._pending:  # came while this was under way
            self._picture.hear(told.model, told.provider, told.mark, told.at, told.turns)
        return None if copied is None else int(copied)

    def _take(self, spec: ModelSpec) -> bool:
        turns = self._picture.take(spec.name, spec.provider, self._now())
        if turns is not None and any(turns):
            self._turns[spec.name] = turns
            self._unshared.add(spec.name)
        return turns is not None

    def _keys(self, now: int) -> list[str]:
        self._name = (
            self._name or self._ids.uuid().hex
        )  # not before: a process may be copied until it is started
        minutes = (f"minute:{now // MINUTE - ago}" for ago in range(KEPT))
        names = ("breakers", "quarantine", f"heard:{self._name}", "figures", *minutes)
        return [self._prefix + name for name in names]

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _rows(pending: Iterable[_Told]) -> list[_Event]:
    """Reports in their order. Successes of a model are told as one where no fault lies between them: to breakers that
    is the same, and a busy second is a few rows."""
    rows: list[_Event] = []
    plain: dict[str, _Event] = {}
    for told in pending:
        well, probe = told.mark.kind == "well", told.turns != NO_TURNS
        if told.mark.kind == "aside" and not probe:
            continue
        if well and not probe and told.model in plain:
            plain[told.model].times += 1
            continue
        row = _Event(told.model, told.provider, told.mark, (told.turns.model, told.turns.provider))
        rows.append(row)
        if not well:
            plain.clear()
        elif not probe:
            plain[told.model] = row
    return rows
