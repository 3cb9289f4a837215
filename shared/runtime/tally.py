"""The figures of a run, added up from the outcome rows of its log: live and in a replay by the same code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.core.entry import Entry
from shared.core.frozen import quick
from shared.core.money import Micros
from shared.core.usage import NO_USAGE, Usage
from shared.runtime.tape import Tape
from shared.runtime.view import STATUSES, RunStatus, StepStatus, StepView


@dataclass(slots=True)
class Tally:
    """The figures of one lane, added up from its outcome rows."""

    model: str = ""
    cost: int = 0
    usage: Usage = NO_USAGE
    lost: int = 0
    unpriced: bool = False
    legs: int = 0
    attempt: int = 0
    cuts: int = 0
    simulated: bool = False
    borrowed: bool | None = None
    saved: int = 0
    first_token_ms: int | None = None
    total_ms: int | None = None
    status: StepStatus = "running"
    left: list[Entry] = field(default_factory=list)
    """Legs that were cut short by whoever read them: who pays shows at the run's end."""

    def add(self, outcome: Entry, void: bool = False) -> None:
        """Count a leg; `void` where its answer was asked for again by a later process. A failed leg is our loss."""
        self.legs += 1
        self.simulated = self.simulated or bool(outcome.body.get("simulated"))
        self.borrowed = "borrowed" in outcome.body and self.borrowed is not False
        if self.first_token_ms is None:
            self.first_token_ms = outcome.first_token_ms
        if outcome.fault and not void and "unfinished" in outcome.body:
            self.left.append(outcome)
        elif outcome.fault or void:
            self.lost += outcome.cost or 0
        else:
            self._pay(outcome)

    def end(self, status: RunStatus) -> None:
        """The run is over. Legs cut short because their caller left are paid for as far as they came, or leaving before
        the end would make answers free; those that were cut because something else failed are our loss."""
        for outcome in self.left:
            if status == "failed":
                self.lost += outcome.cost or 0
            else:
                self._pay(outcome)
        self.left = []

    def _pay(self, outcome: Entry) -> None:
        if "was" in outcome.body:
            self.saved += outcome.body["was"]["cost"] or 0
        self.model = outcome.model
        self.cost += outcome.cost or 0
        self.unpriced = self.unpriced or outcome.cost is None
        if outcome.usage is not None:
            self.usage += outcome.usage

    def view(self, path: str) -> StepView:
        """As its owner sees it."""
        return StepView(
            path, self.status, self.model, Micros(self.cost), self.usage, Micros(self.lost), self.unpriced, self.legs,
            self.attempt, self.cuts, self.simulated, bool(self.borrowed), Micros(self.saved),
            self.first_token_ms, self.total_ms,
        )  # fmt: skip


@quick
@dataclass(frozen=True, slots=True)
class Total:
    """All lanes together."""

    steps: tuple[StepView, ...]
    cost: Micros
    lost: Micros
    unpriced: bool
    usage: Usage
    simulated: bool


def total(tallies: Mapping[str, Tally], order: Sequence[str]) -> Total:
    """The lanes in the graph's order, and their sums."""
    place = {name: n for n, name in enumerate(order)}
    places = []
    for path in tallies:
        name, _, lane = path.partition("[")
        places.append((place[name], int(lane[:-1]) if lane else 0, path))
    paths = [path for _, _, path in sorted(places)]
    lanes = [tallies[path] for path in paths]
    return Total(
        tuple(lane.view(path) for path, lane in zip(paths, lanes, strict=True)),
        Micros(sum(lane.cost for lane in lanes)),
        Micros(sum(lane.lost for lane in lanes)),
        any(lane.unpriced for lane in lanes),
        _sum(lane.usage for lane in lanes),
        any(lane.simulated for lane in lanes),
    )


def _sum(usages: Iterable[Usage]) -> Usage:
    found = NO_USAGE
    for usage in usages:
        found += usage
    return found


def recorded(tape: Tape, order: Sequence[str]) -> tuple[StepView, ...]:
    """The lanes of a recorded run, from its rows alone."""
    tallies: dict[str, Tally] = {}
    for leg in tape.legs():
        if leg.outcome is not None:
            tallies.setdefault(leg.outcome.step, Tally()).add(leg.outcome)
    for path, row in tape.steps.items():
        tally = tallies.setdefault(path, Tally())
        tally.attempt, tally.total_ms, tally.status = row.attempt, row.total_ms, status_of(row.finish)
    return total(
        {path: tally for path, tally in tallies.items() if path.partition("[")[0] in order}, order
    ).steps


def status_of(finish: str) -> StepStatus:
    """A step row's `finish`."""
    return next(status for status in STATUSES if status == finish)
