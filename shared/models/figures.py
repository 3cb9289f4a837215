"""Figures of recent calls that add up over processes: calls, failures, and first-token times as a histogram.

Counts lie by minute under names of `<model> <what>`: `c` calls, `f` failures, or the number of a bucket. Buckets are
15 % wide from 10 ms to 120 s, so that a percentile is right to about 7 %.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.breaker import Mark

MINUTE = 60_000
KEPT = 10
"""Minutes over which first tokens are looked at."""
COUNTED = 5
"""Minutes over which calls and failures are counted, the present one among them."""
ENOUGH = 20
"""With fewer first tokens than these there is no percentile."""
_SHORTEST = 10.0
_WIDTH = math.log(1.15)
_LAST = int(math.log(120_000 / _SHORTEST) / _WIDTH)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one model. Times in milliseconds; None where there were too few to say."""

    p50: int | None = None
    p95: int | None = None
    calls: int = 0
    failures: int = 0


NOTHING = Figures()


def bucket(first_token_ms: int) -> int:
    """The bucket that a first-token time falls into."""
    if first_token_ms <= _SHORTEST:
        return 0
    return min(int(math.log(first_token_ms / _SHORTEST) / _WIDTH), _LAST)


def middle(number: int) -> int:
    """The time that stands for a bucket, in milliseconds."""
    return round(_SHORTEST * math.exp((number + 0.5) * _WIDTH))


def counted(model: str, mark: Mark, first_token_ms: int | None) -> list[str]:
    """The names under which one leg counts, each once."""
    names = []
    if mark.kind not in ("aside", "load"):
        names.append(f"{model} c")
    if mark.kind == "fault":
        names.append(f"{model} f")
    if first_token_ms is not None:
        names.append(f"{model} {bucket(first_token_ms)}")
    return names


def tell(total: Mapping[str, int]) -> dict[str, Figures]:
    """The figures of all models in a sum of counts."""
    buckets: dict[str, dict[int, int]] = {}
    calls: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for name, count in total.items():
        model, _, what = name.rpartition(" ")
        of = buckets.setdefault(model, {})
        if what == "c":
            calls[model] += count
        elif what == "f":
            failures[model] += count
        else:
            of[int(what)] = of.get(int(what), 0) + count
    return {
        model: Figures(_percentile(of, 50), _percentile(of, 95), calls[model], failures[model])
        for model, of in buckets.items()
    }


def _percentile(buckets: Mapping[int, int], percent: int) -> int | None:
    total = sum(buckets.values())
    if total < ENOUGH:
        return None
    rank = -(-total * percent // 100)
    for number in sorted(buckets):
        rank -= buckets[number]
        if rank <= 0:
            return middle(number)
    return None


class Minutes:
    """The counts of one process, or of a test."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[str]] = {}

    def add(self, counts: Mapping[str, int], now: int) -> None:
        """Count in the present minute; `now` in milliseconds of the epoch."""
        minute = now // MINUTE
        if minute not in self._counts:
            self._counts = {one: kept for one, kept in self._counts.items() if one > minute - KEPT}
            self._counts[minute] = Counter()
        self._counts[minute].update(counts)

    def total(self, now: int) -> dict[str, int]:
        """The sum over the last minutes."""
        minute = now // MINUTE
        total: Counter[str] = Counter()
        for one, counts in self._counts.items():
            recent = one > minute - COUNTED
            if one > minute - KEPT:
                total.update(
                    {name: n for name, n in counts.items() if recent or name[-2:] not in (" c", " f")}
                )
        return dict(total)
