"""What an operator has stopped: calls that cost money, all of them or those of the tier of our own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

Scope = Literal["all", "llama"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
SAID = "stopped: "
"""How the reason begins for which a model is quarantined because its tier is stopped; no other reason may."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that stands still since `at`; `by` is an actor (`key_…`), `ceiling` what the pool's most containers
    were before."""

    scope: Scope
    reason: str
    by: str
    at: datetime
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A line of what operators did: stopped for a reason, or (empty) let go on."""

    scope: Scope
    reason: str
    by: str
    at: datetime


class Stops(Protocol):
    """The same in all processes, whatever any store but the database forgets."""

    async def standing(self) -> Mapping[Scope, Stop]:
        """What is stopped. Quick: asked before every call. Raises Unavailable where nobody can say."""
        ...

    async def stop(self, stop: Stop) -> None:
        """Stop it, in place of an earlier stop of the same scope. When this returns every process knows. Raises
        Unavailable."""
        ...

    async def resume(self, scope: Scope, by: str, at: datetime) -> None:
        """Let it go on; one that was not stopped stays as it is. When this returns every process knows. Raises
        Unavailable."""
        ...

    async def history(self, limit: int) -> Sequence[Change]:
        """What was done, newest first."""
        ...
