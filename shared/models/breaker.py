"""Circuit breakers, pure: what a report means to them, and when they open, let one probe through and close.

One for each model and one for each provider. Times are milliseconds of the epoch and come from the caller.
`shared/adapters/redis/health_scripts.py` says the same in Lua, where all processes meet; a law holds the two
together (tests/laws/test_breaker.py). Opening, half-opening and closing are Nygard's circuit breaker (Release It!);
the numbers are ours.
"""

from dataclasses import dataclass, field
from typing import Literal

from shared.core.model_spec import POOL
from shared.ports.health import Report

Kind = Literal["well", "fault", "aside", "load"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When a breaker opens, and for how long. Times in milliseconds."""

    in_a_row: int = 3
    """Faults without a success between; a timeout counts double, for it cost a reader the whole limit."""
    window: int = 30_000
    slot: int = 5_000
    calls: int = 6
    share: float = 0.5
    """… or this share of at least so many calls within the window, which moves on by slots."""
    first: int = 5_000
    longest: int = 60_000
    """Open times double from `first` to `longest`, each a fifth shorter or longer by chance."""
    throttled: int = 2_000
    shortest_wait: int = 1_000
    longest_wait: int = 600_000
    """A provider's Retry-After is kept to, within these; without one, `throttled`."""
    unauthorised: int = 60_000
    cold: int = 10_000
    """The local pool says 503 while it starts: asked again so often, which also keeps it starting."""
    draining: int = 1_000
    """A replica that makes way for another: that one is there already, or nobody is (which it will say itself)."""
    busy: int = 2_000
    """How long a pool in which requests wait is spared; every answer of it that says so anew prolongs that."""
    probe: int = 75_000
    """A probe that nobody reported on is free again after this: longer than the longest limit on a first token."""
    quiet: int = 10_000
    """A provider that any model succeeded at so recently does know our credential: one model that it denies us says
    nothing of the others."""


RULES = Rules()


@dataclass(frozen=True, slots=True)
class Mark:
    """A report as a breaker reads it. `aside` is an outcome that says nothing of the model; `load` is no fault, but a
    reason to ask others for a moment."""

    kind: Kind
    weight: int = 0
    open_ms: int = RULES.first
    at_once: bool = False
    exact: bool = False
    """Open for just `open_ms`, neither doubled nor scattered."""
    blames: bool = False
    """The provider itself may be at fault …"""
    alone: bool = False
    """… and one model's word is enough."""
    why: str = ""


WELL = Mark("well")
ASIDE = Mark("aside")
_SILENT = Mark("fault", 2, why="fell silent")
_FAULTS = {
    "provider_overloaded": Mark("fault", 1, why="is down or overloaded"),
    "provider_timeout": _SILENT,
    "provider_cut": Mark("fault", 1, why="broke off its answers"),
    "provider_malformed": Mark("fault", 1, why="sent answers that can't be read"),
    "provider_error": Mark("fault", 1, why="fails"),
    "provider_throttled": Mark("fault", 1, RULES.throttled, at_once=True, why="limits our rate"),
    "provider_unauthorised": Mark(
        "fault", 1, RULES.unauthorised, at_once=True, blames=True, alone=True, why="refuses our credential"
    ),
}
_UNREACHABLE = Mark("fault", 1, blames=True, why="can't be reached")
_COLD = Mark("fault", 1, RULES.cold, at_once=True, exact=True, why="is starting")


_DRAINING = Mark("fault", 0, RULES.draining, at_once=True, exact=True, why="makes way for a new replica")
_SICK = Mark("fault", 1, at_once=True, why="is not well")
_BUSY = Mark("load", 0, RULES.busy, at_once=True, exact=True, why="has requests waiting")
_THROTTLED = (_FAULTS["provider_throttled"].why, "asked us to wait")


def throttles(why: str) -> bool:
    """Whether a standing's reason is that the provider limits our rate: the caller is to hear that, and no outage."""
    return why.endswith(_THROTTLED)


def loaded(why: str) -> bool:
    """Whether a standing's reason is load alone: who has nobody else to ask may ask that model all the same."""
    return why.endswith(_BUSY.why)


def mark_of(report: Report) -> Mark:
    """What a report means. Refusals of content, requests that were wrong, callers that left and legs that were outrun
    are no fault of a model: every code that is not known as a fault is set aside."""
    if report.pool == "busy":
        return _BUSY
    if not report.fault:
        return WELL
    if report.provider == POOL and report.fault == "provider_throttled":
        return _BUSY
    if report.fault == "provider_overloaded":
        if report.provider == POOL:
            return {"draining": _DRAINING, "sick": _SICK}.get(report.pool, _COLD)
        return _UNREACHABLE if report.unreachable else _FAULTS[report.fault]
    if report.fault == "provider_throttled" and report.retry_after is not None and report.retry_after >= 0:
        wait = int(min(report.retry_after * 1000, RULES.longest_wait))
        asked = max(wait, RULES.shortest_wait)
        return Mark("fault", 1, asked, at_once=True, exact=True, why=_THROTTLED[1])
    return _FAULTS.get(report.fault, ASIDE)


def scatter(now: int) -> float:
    """A factor of 0.8 to 1.2 out of the moment: chance enough that breakers which opened together are not tried
    together, and the same wherever it is worked out."""
    return 0.8 + 0.4 * ((now * 2_654_435_761) % 2**32 / 2**32)


@dataclass(slots=True)
class Breaker:
    """The state of one. `until` 0 is closed; open otherwise, also when that time is past: then the next probe may go,
    and while `lapse` lies ahead one is under way.

    `turn` counts openings and probes, so that a report can say which probe it is of; `opened` is the turn at which it
    last opened, `again` how often it opened since it was closed.
    """

    until: int = 0
    why: str = ""
    again: int = 0
    turn: int = 0
    opened: int = 0
    lapse: int = 0
    streak: int = 0
    provider: str = ""
    slots: dict[str, list[int]] = field(default_factory=dict)
    """Of a model: whose it is; calls and faults by slot."""
    well_at: int = 0
    blamed: dict[str, int] = field(default_factory=dict)
    """Of a provider: which models found it at fault since it last answered, and when."""

    def hear(self, mark: Mark, now: int, turn: int = 0) -> None:
        """A model's leg ended. `turn` is that of the probe that it was, 0 for any other."""
        if mark.kind == "aside":
            self._free(turn)
            return
        if mark.kind == "load":
            (self._failed(mark, now, turn) if self.until else self._open(mark, now))
            return
        self._count(mark, now)
        if mark.kind == "well":
            self.streak = 0
            self._answered(turn)
            return
        self.streak += mark.weight
        if self.until:
            self._failed(mark, now, turn)
        elif mark.at_once or self.streak >= RULES.in_a_row or self._often():
            self._open(mark, now)

    def hear_of(self, model: str, mark: Mark, now: int, turn: int = 0) -> None:
        """A leg of one of a provider's models ended."""
        if mark.kind == "aside":
            self._free(turn)
        elif mark.kind in ("well", "load"):
            self.well_at = now
            self.blamed.clear()
            self._answered(turn)
        else:
            if mark.blames:
                self.blamed[model] = now
                self.blamed = {one: at for one, at in self.blamed.items() if at > now - RULES.window}
            if self.until:
                self._failed(mark, now, turn)
            elif mark.blames and (len(self.blamed) > 1 or (mark.alone and self.well_at <= now - RULES.quiet)):
                self._open(mark, now)

    def due(self, now: int) -> bool:
        """Whether a call may go: as often as one likes where closed, once as a probe where the time is up."""
        return not self.until or (now >= self.until and now >= self.lapse)

    def take(self, now: int) -> int:
        """Take the probe, where one is `due`; the turn to report it with, 0 where none is needed."""
        if not self.until:
            return 0
        self.turn += 1
        self.lapse = now + RULES.probe
        return self.turn

    def _count(self, mark: Mark, now: int) -> None:
        slot = now // RULES.slot
        oldest = slot - RULES.window // RULES.slot
        counts = self.slots.get(str(slot))
        if counts is None:
            self.slots = {one: kept for one, kept in self.slots.items() if int(one) > oldest}
            counts = self.slots[str(slot)] = [0, 0]
        counts[0] += 1
        counts[1] += mark.kind == "fault"

    def _often(self) -> bool:
        calls = sum(counts[0] for counts in self.slots.values())
        faults = sum(counts[1] for counts in self.slots.values())
        return calls >= RULES.calls and faults >= calls * RULES.share

    def _open(self, mark: Mark, now: int) -> None:
        length = float(mark.open_ms)
        if not mark.exact:
            length = min(length * 2 ** min(self.again, 10), RULES.longest) * scatter(now)
        self.until = now + int(length)
        self.why = mark.why
        self.lapse = 0
        self.turn += 1
        self.opened = self.turn

    def _failed(self, mark: Mark, now: int, turn: int) -> None:
        """A fault while it is open: of the probe, or of a call that was under way before."""
        if turn and turn == self.turn:
            self.again += mark.kind != "load"  # a queue is no sign that it is getting worse
            self._open(mark, now)
        elif mark.exact:
            self.until = max(self.until, now + mark.open_ms)

    def _answered(self, turn: int) -> None:
        # A late probe of this opening counts, also where another took its place: answers longer than `probe` must
        # be able to close it. A call that began before it opened proves nothing.
        if self.until and turn > self.opened:
            self.until = self.again = self.lapse = 0
            self.why = ""
            self.slots = {}

    def _free(self, turn: int) -> None:
        if turn and turn == self.turn:
            self.lapse = 0
