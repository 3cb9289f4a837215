"""How the models are doing, as all processes together have seen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec

State = Literal["closed", "open", "probing", "quarantined"]
"""Of a breaker: closed lets calls through, open does not, probing waits for the one call that tries, quarantined was
taken out by an operator or a check and stays out until somebody puts it back."""


@quick
@dataclass(frozen=True, slots=True)
class Standing:
    """One model now. `until` says when an open breaker lets a probe through; `why` is for people."""

    state: State = "closed"
    until: datetime | None = None
    why: str = ""
    first_token_p50_ms: int | None = None
    first_token_p95_ms: int | None = None
    """Of recent answers; None where there were too few to say."""
    calls: int = 0
    failures: int = 0
    """Of the last minutes."""


@quick
@dataclass(frozen=True, slots=True)
class Report:
    """How one leg went. `fault` is the code of what went wrong, empty where it went well; a refusal of content and a
    caller that left are no fault of the model. `retry_after` is in seconds, as the provider asked."""

    model: str
    provider: str
    fault: str = ""
    retry_after: float | None = None
    first_token_ms: int | None = None
    unreachable: bool = False
    """The provider could not even be connected to: with provider_overloaded, where no status came back."""
    pool: str = ""
    """What our own pool said of itself with a refusal: `draining`, `sick`, or nothing; `busy`: it answers, but others
    wait there already. A report of `busy` tells of no leg's end."""


class Health(Protocol):
    """Shared by all processes; read without waiting, from a picture at most about a second old."""

    def standing(self, spec: ModelSpec) -> Standing:
        """How a model is doing, by the picture that this process has. Never waits, never fails."""
        ...

    def report(self, report: Report) -> None:
        """Tell how a leg went. Never waits, never fails: it is passed on behind the caller's back, a fault at once."""
        ...

    async def probe(self, spec: ModelSpec) -> bool:
        """Take the one call that an open breaker lets through when its time is up. False where another process has it,
        or it is too early. Where the store is away the answer is True: then each process probes for itself."""
        ...

    async def quarantine(self, models: Sequence[str], why: str | None) -> None:
        """Take models out until further notice, or, where `why` is None, put them back. Raises Unavailable."""
        ...

    async def table(self) -> Mapping[str, Standing]:
        """All models that anything is known of, as the store has it now. Raises Unavailable."""
        ...
