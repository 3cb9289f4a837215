"""What a run came to: the values that `run`, `resume`, `replay` and `what_if` give back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from shared.core.event import Event
from shared.core.faults import Fault
from shared.core.frozen import quick
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import ZERO, Micros
from shared.core.usage import NO_USAGE, Usage

RunStatus = Literal["running", "finished", "failed", "cancelled"]
StepStatus = Literal["running", "finished", "otherwise", "skipped", "failed", "cancelled"]
STATUSES: tuple[StepStatus, ...] = get_args(StepStatus)


class StepView(NamedTuple):
    """One lane of one acting step, as its owner sees it. `name` is its path: `draft`, or `draft[2]` of a fan-out.

    `cost` (micro-dollars) and `usage` count the legs that delivered; `lost` is what the others cost us. `model` served
    the last delivered call. `first_token_ms` is of the first leg that sent one; both times are None where unknown.
    """

    name: str
    status: StepStatus = "running"
    model: str = ""
    cost: Micros = ZERO
    usage: Usage = NO_USAGE
    lost: Micros = ZERO
    unpriced: bool = False
    """Whether a delivered leg has no known price: `cost` leaves it out, and no invoice may be written."""
    legs: int = 0
    attempt: int = 0
    cuts: int = 0
    """How often shown text was voided or went on from another model."""
    simulated: bool = False
    borrowed: bool = False
    """Whether its answers came free from another run's log (`what_if`)."""
    saved: Micros = ZERO
    """What borrowed answers cost when they were made."""
    first_token_ms: int | None = None
    total_ms: int | None = None

    @property
    def step(self) -> str:
        """The name of the step, without the lane."""
        return self.name.partition("[")[0]


@quick
@dataclass(frozen=True, slots=True)
class RunView:
    """A run, over. Either `output` or `fault`; all figures come from the log, so a replay gives an equal view."""

    run: RunId
    tenant: TenantId
    trace: TraceId
    graph: str
    version: str
    status: RunStatus
    given: Any
    output: Any
    fault: Fault | None
    steps: tuple[StepView, ...]
    cost: Micros
    """What the customer pays, in micro-dollars: delivered legs only."""
    lost: Micros
    """What legs that delivered nothing cost us."""
    overrun: Micros
    """By how much delivered legs cost more than was held for them."""
    unpriced: bool
    usage: Usage
    simulated: bool
    quote: Micros
    actor: str
    started: datetime
    ended: datetime
    total_ms: int
    events: int = 0
    events_digest: str = ""
    """SHA-256 over the wire bytes of all events in order; empty while the last event is being made."""
    document_digest: str = ""
    """SHA-256 over the output's JSON; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A run rebuilt from its log alone: every event with its recorded position, both digests compared and equal."""

    view: RunView
    events: tuple[Event, ...]

    @property
    def output(self) -> Any:
        """What the run gave."""
        return self.view.output

    def wire(self) -> bytes:
        """The whole event stream as its readers got it."""
        return b"".join(event.wire() for event in self.events)


@dataclass(frozen=True, slots=True)
class StepDelta:
    """One step's lane before and after; None where a run had no such lane."""

    name: str
    before: StepView | None
    after: StepView | None

    @property
    def cost(self) -> int:
        """Micro-dollars more (or, negative, less) than before; a borrowed answer costs what it cost then."""
        after = 0 if self.after is None else self.after.cost + self.after.saved
        return after - (0 if self.before is None else self.before.cost)


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed when some steps' models were: `view` is the new run."""

    view: RunView
    steps: tuple[StepDelta, ...]
    same_output: bool

    @property
    def cost(self) -> int:
        """Micro-dollars more (or less) than the run it was made from."""
        return sum(step.cost for step in self.steps)


def usage_data(usage: Usage | None, cost: int | None) -> dict[str, Any]:
    """A usage object as the API writes it everywhere."""
    seen = usage or NO_USAGE
    return {
        "input_tokens": seen.input,
        "cache_read_tokens": seen.cache_read,
        "cache_write_tokens": seen.cache_write,
        "output_tokens": seen.output,
        "reasoning_tokens": seen.reasoning,
        "cost_micros": cost,
        "provenance": "absent" if usage is None else seen.provenance,
    }


def plain(view: RunView) -> Mapping[str, Any]:
    """What `finished` carries where the caller names no `render` of its own."""
    return {"id": view.run, "pipeline": view.graph, "status": view.status, "cost_micros": view.cost}
