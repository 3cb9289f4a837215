"""Which models answer a call, in which order: made of what is known already, no model is asked in order to route.

A candidate drops out that can't do the call, has no price today, is down, is too slow or not good enough. What is
left stands by what this very call would cost or by quality, and neighbours on the ladder are of different providers,
so that one provider's trouble takes only one rung.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from shared.core.model_spec import FOREVER, ModelSpec
from shared.core.need import Need
from shared.models.breaker import loaded
from shared.models.quality import Quality
from shared.ports.clock import Clock
from shared.ports.health import Health, Standing

_MOST_LINES = 64
"""Line-ups kept at once; a caller's own are as many as it has ladders."""
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """What is known of a call before it is made. Tokens; `output_tokens` is the most that is asked for."""

    input_tokens: int
    output_tokens: int
    schema: bool = False
    tools: bool = False
    images: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Who is asked, in order. Without rungs, `until` is when the first of those that are down may be tried again.

    `why` is JSON: `order` has [model, expected cost in micro-dollars, quality, 95th percentile of the first token in
    milliseconds or null, state] for each rung, `dropped` the reason for each model that is none, `relaxed` which
    demands gave way.
    """

    rungs: tuple[ModelSpec, ...]
    why: Mapping[str, Any]
    until: datetime | None = None


class _Rate(NamedTuple):
    """A price in whole millionths of a micro-dollar per token: exact for prices of at most six decimals."""

    read: int
    wrote: int
    above: int
    read_above: int
    wrote_above: int
    request: int


class _Row(NamedTuple):
    """One candidate that can do such a call, as far as it stays the same while prices do."""

    spec: ModelSpec
    rate: _Rate
    window: int
    quality: float
    below: bool
    """Not as good as the need asks."""


class _Line(NamedTuple):
    """The candidates of a need, and who is none of them for what it can't do. Right from `since` until `until`."""

    candidates: Sequence[ModelSpec]
    since: datetime
    until: datetime
    rows: list[_Row]
    dropped: dict[str, str]


class _Rung(NamedTuple):
    cost: int
    worse: float
    """Quality below zero: rungs sort by cost, then by quality."""
    place: int
    row: _Row
    standing: Standing
    slow: bool


class Router:
    """Orders candidates by need, size and health. Cheap enough to be asked for every call."""

    def __init__(self, quality: Quality, health: Health, clock: Clock) -> None:
        self._quality, self._health, self._clock = quality, health, clock
        self._lines: dict[tuple[int, Need | None, bool, bool, bool], _Line] = {}

    def route(self, candidates: Sequence[ModelSpec], need: Need | None, size: Size) -> Route:
        """The ladder for one call. Without a need the candidates keep their order, and only those drop out that can't
        do it or are down. Give the same tuple for the same candidates: what is worked out of it is kept by identity."""
        now = self._clock.now()
        line = self._line(candidates, need, size, now)
        dropped = line.dropped.copy()
        fit, until = self._up(line.rows, need, size, now, dropped)
        relaxed: list[str] = []
        if need is not None:
            fit = _meeting(fit, need, relaxed, dropped)
            if need.order == "best" or "quality" in relaxed:
                fit.sort(key=_best)
            else:
                fit.sort()
            fit = _apart(fit)
        order = [
            [row.spec.name, cost, row.quality, standing.first_token_p95_ms, standing.state]
            for cost, _, _, row, standing, _ in fit
        ]
        why = {"order": order, "dropped": dropped, "relaxed": relaxed}
        return Route(tuple([rung[3].spec for rung in fit]), why, None if fit else until)

    def _up(
        self, rows: Sequence[_Row], need: Need | None, size: Size, now: datetime, dropped: dict[str, str]
    ) -> tuple[list[_Rung], datetime | None]:
        """Who may be asked, and when the first of the others may. A breaker whose time is up lets one call try."""
        until: datetime | None = None
        up: list[_Rung] = []
        busy: list[_Rung] = []
        read, wrote = size.input_tokens, size.output_tokens
        slowest = None if need is None else need.first_token_ms
        standing_of = self._health.standing
        for place, row in enumerate(rows):
            spec, rate, window, quality, _ = row
            if read + wrote > window:
                dropped[spec.name] = f"its window has {window} tokens"
                continue
            standing = standing_of(spec)
            state, again = standing.state, standing.until
            p95 = standing.first_token_p95_ms
            slow = slowest is not None and p95 is not None and p95 > slowest
            rung = _Rung(_cost(rate, read, wrote), -quality, place, row, standing, slow)
            if state == "closed" or (state == "open" and again is not None and again <= now):
                up.append(rung)
                continue
            dropped[spec.name] = f"{state}: {standing.why}" if standing.why else state
            if loaded(standing.why):
                busy.append(rung)
            if state != "quarantined" and again is not None:
                until = again if until is None else min(until, again)
        if not up:  # a queue is better than no answer
            up = busy
            for rung in busy:
                del dropped[rung.row.spec.name]
        return up, until

    def _line(self, candidates: Sequence[ModelSpec], need: Need | None, size: Size, now: datetime) -> _Line:
        """What of the candidates stays the same until the next change of a price."""
        key = (id(candidates), need, size.schema, size.tools, size.images)
        kept = self._lines.get(key)
        if kept is not None and kept.candidates is candidates and kept.since <= now < kept.until:
            return kept
        edges = [edge for spec in candidates for price in spec.prices for edge in (price.since, price.until)]
        since = max((edge for edge in edges if edge <= now), default=_NEVER)
        until = min((edge for edge in edges if edge > now), default=FOREVER)
        line = _Line(candidates, since, until, [], {})
        for spec in candidates:
            rate = _rate(spec, now)
            lack = _lack(spec, need, size)
            if rate is None or lack:
                line.dropped[spec.name] = lack or "has no price today"
                continue
            quality = self._quality.of(spec.name, "chat" if need is None else need.work)
            below = need is not None and quality < need.quality
            line.rows.append(_Row(spec, rate, spec.window, quality, below))
        # A list may change behind our back. The candidates are kept too, so that no others get their identity.
        if isinstance(candidates, tuple):
            if len(self._lines) >= _MOST_LINES:
                self._lines.clear()
            self._lines[key] = line
        return line


def _rate(spec: ModelSpec, at: datetime) -> _Rate | None:
    try:
        price = spec.price(at)
    except LookupError:
        return None

    def whole(amount: Decimal) -> int:
        return int((amount * 1_000_000).to_integral_value(ROUND_HALF_UP))

    cliff = price.cliff
    return _Rate(
        whole(price.input),
        whole(price.output),
        cliff.above if cliff else -1,
        whole(price.input * cliff.input) if cliff else 0,
        whole(price.output * cliff.output) if cliff else 0,
        whole(price.request * 1_000_000),
    )


def _cost(rate: _Rate, input_tokens: int, output_tokens: int) -> int:
    """What `spec.cost(Usage(input=…, output=…), now)` says, in micro-dollars, half a one up."""
    read, wrote, above, read_above, wrote_above, request = rate
    if -1 < above < input_tokens:
        read, wrote = read_above, wrote_above
    return (input_tokens * read + output_tokens * wrote + request + 500_000) // 1_000_000


def _lack(spec: ModelSpec, need: Need | None, size: Size) -> str:
    """What a candidate can't do, whatever its health; empty where it can do it all."""
    if size.schema and not spec.schema:
        return "keeps to no schema"
    if size.tools and not spec.tools:
        return "calls no tools"
    if size.images and not spec.images:
        return "reads no images"
    return "is for research" if spec.searches and need is not None and need.work != "research" else ""


def _meeting(rungs: list[_Rung], need: Need, relaxed: list[str], dropped: dict[str, str]) -> list[_Rung]:
    """Those that meet the need. Where none of them has a closed breaker, first the time to the first token gives way,
    then quality as well; `relaxed` says which did, `dropped` who is out and why."""
    met = [rung for rung in rungs if not (rung[5] or rung[3].below)]
    if len(met) == len(rungs):
        return met
    for demands in (["first_token_ms"], ["first_token_ms", "quality"]):
        if any(rung.standing.state == "closed" for rung in met):
            break
        more = [rung for rung in rungs if "quality" in demands or not rung.row.below]
        if len(more) > len(met):
            met, relaxed[:] = more, [d for d in demands if d == "quality" or any(r.slow for r in more)]
    names = {rung.row.spec.name for rung in met}
    for rung in rungs:
        name, p95 = rung.row.spec.name, rung.standing.first_token_p95_ms
        if name not in names:
            below = f"quality {rung.row.quality:g} is under {need.quality:g}"
            dropped[name] = below if rung.row.below else f"begins only after {p95} ms"
    return met


def _best(rung: _Rung) -> tuple[float, int]:
    return rung.worse, rung.cost


def _apart(rungs: list[_Rung]) -> list[_Rung]:
    """The same, each next rung of a provider that has not been there yet; once all have, they begin again."""
    if len(rungs) < 3:
        return rungs
    left, apart = rungs, []
    while left:
        seen: set[str] = set()
        later: list[_Rung] = []
        for rung in left:
            provider = rung[3].spec.provider
            if provider in seen:
                later.append(rung)
            else:
                seen.add(provider)
                apart.append(rung)
        left = later
    return apart
