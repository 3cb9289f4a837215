"""What the comparisons of some hours come to: a table for people and programs, and a plain verdict."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from shared.core.money import show
from shared.ports.comparisons import Comparison, Side

ENOUGH = 30
"""Comparisons under which nothing is said: at 30 in a row without a failure, the rate is under 10 % (95 %)."""
AGREEMENT = 0.95
"""The share of pairs that must agree in form before more traffic is advised."""
WORST = 10


@dataclass(frozen=True, slots=True)
class Measures:
    """One side of many answers. Times are milliseconds of whole answers; cost is in micro-dollars, over those pairs
    whose both sides are priced."""

    failures: int
    cost: int
    first_p50: int | None
    first_p95: int | None
    total_p50: int | None
    total_p95: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs of one model (as its callers name it), or all. `both` were answered by both sides, and of these `agreeing`
    agree in form, `identical` to the letter; `priced` have a cost on both sides."""

    model: str
    pairs: int
    both: int
    agreeing: int
    identical: int
    similarity: float | None
    priced: int
    ours: Measures
    theirs: Measures

    @property
    def agreement(self) -> float | None:
        """The share that agrees in form; None where nothing could be compared."""
        return self.agreeing / self.both if self.both else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ready`: nothing speaks against a larger share. `text` says why, or what does."""

    ready: bool
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """`counts` are all requests by the way they went; the rest is about those that were compared."""

    since: datetime
    until: datetime
    counts: Mapping[str, int]
    overall: Group
    models: tuple[Group, ...]
    worst: tuple[Comparison, ...]
    verdict: Verdict
    capped: bool
    """Whether there were more comparisons than were looked at: the newest count."""


def report(
    rows: Sequence[Comparison], counts: Mapping[str, int], since: datetime, until: datetime, limit: int
) -> Report:
    """The report on rows, newest first."""
    groups: dict[str, list[Comparison]] = defaultdict(list)
    for row in rows:
        groups[row.model].append(row)
    overall = _group("", rows)
    models = tuple(_group(name, groups[name]) for name in sorted(groups, key=lambda name: -len(groups[name])))
    return Report(
        since, until, counts, overall, models, _worst(rows), verdict(overall), capped=len(rows) >= limit
    )


def verdict(group: Group) -> Verdict:
    """What a careful person would say to the numbers."""
    if group.pairs < ENOUGH:
        return Verdict(
            False, f"Too few to judge: {group.pairs} compared, {ENOUGH} are needed. {_figures(group)}".strip()
        )
    against = []
    if group.ours.failures > group.theirs.failures + group.pairs * 0.01:
        against.append(
            f"ChatSmart failed {group.ours.failures} times, the old path {group.theirs.failures} times"
        )
    agreement = group.agreement
    if agreement is None:
        against.append("no request was answered by both")
    elif agreement < AGREEMENT:
        against.append(
            f"{group.both - group.agreeing} of {group.both} answers differ in form (how they end, tool calls, "
            "JSON, length): look at the examples"
        )
    if against:
        return Verdict(False, f"Not yet: {'; '.join(against)}. {_figures(group)}".strip())
    return Verdict(True, f"Nothing speaks against a larger share. {_figures(group)}".strip())


def percentile(values: Iterable[int], share: float) -> int | None:
    """The smallest value that so many of them do not pass (nearest rank); None where there are none."""
    found = sorted(values)
    return found[max(0, ceil(len(found) * share) - 1)] if found else None


def _figures(group: Group) -> str:
    said = []
    if group.both and group.agreement is not None:
        said.append(f"{group.agreement:.0%} agree in form, {group.identical} are identical")
    if group.priced:
        ratio = f" ({group.ours.cost / group.theirs.cost:.2g}×)" if group.theirs.cost else ""
        said.append(f"cost {show(group.ours.cost)} against {show(group.theirs.cost)}{ratio}")
    first, theirs = group.ours.first_p50, group.theirs.first_p50
    if first is not None and theirs is not None:
        said.append(f"first token {first} ms against {theirs} ms in the middle")
    return (". ".join(part[0].upper() + part[1:] for part in said) + ".") if said else ""


def _group(model: str, rows: Sequence[Comparison]) -> Group:
    both = [row for row in rows if not row.ours.fault and not row.theirs.fault]
    priced = [row for row in both if row.ours.cost is not None and row.theirs.cost is not None]
    return Group(
        model=model,
        pairs=len(rows),
        both=len(both),
        agreeing=sum(row.agrees for row in both),
        identical=sum(row.ours.digest == row.theirs.digest and row.agrees for row in both),
        similarity=round(sum(row.similarity for row in both) / len(both), 3) if both else None,
        priced=len(priced),
        ours=_measures([row.ours for row in rows], [row.ours for row in priced]),
        theirs=_measures([row.theirs for row in rows], [row.theirs for row in priced]),
    )


def _measures(sides: Sequence[Side], priced: Sequence[Side]) -> Measures:
    whole = [side for side in sides if not side.fault]
    firsts = [side.first_ms for side in whole if side.first_ms is not None]
    totals = [side.total_ms for side in whole]
    return Measures(
        failures=len(sides) - len(whole),
        cost=sum(side.cost or 0 for side in priced),
        first_p50=percentile(firsts, 0.5),
        first_p95=percentile(firsts, 0.95),
        total_p50=percentile(totals, 0.5),
        total_p95=percentile(totals, 0.95),
    )


def _worst(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """What ChatSmart alone failed first, then what differs in form, the least alike before the more alike."""
    bad = [
        row
        for row in rows
        if (row.ours.fault and not row.theirs.fault) or (not row.agrees and not row.theirs.fault)
    ]
    return tuple(sorted(bad, key=lambda row: (not row.ours.fault, row.similarity))[:WORST])
