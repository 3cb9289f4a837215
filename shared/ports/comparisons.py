"""What was measured while a tenant moves: pairs of answers to one request, and how many requests went which way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.ids import TenantId, TraceId
from shared.core.money import Micros


@dataclass(frozen=True, slots=True)
class Side:
    """One of two answers. Times are in milliseconds from the request's arrival; `size` is in characters."""

    model: str = ""
    status: int = 0
    fault: str = ""
    """Why there is no whole answer; empty where there is one."""
    first_ms: int | None = None
    total_ms: int = 0
    cost: Micros | None = None
    """In micro-dollars; None is unpriced."""
    finish: str = ""
    size: int = 0
    digest: str = ""
    """Of the text, spaces made one: equal digests are equal answers."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A request that both answered. `first` says which of them its caller got: `chatsmart` or `old`."""

    tenant: TenantId
    trace: TraceId
    at: datetime
    path: str
    model: str
    """As the caller named it."""
    first: str
    ours: Side
    theirs: Side
    agrees: bool = False
    """Same end, same tool calls, both JSON or both not, neither half as long as the other."""
    why: str = ""
    """What does not agree, in words."""
    similarity: float = 0.0
    """0 to 1: how many words the two texts share. 1 for equal texts."""
    sample: Mapping[str, str] | None = None
    """`ours` and `theirs`, cut short, where the tenant wants them kept."""


@dataclass(frozen=True, slots=True)
class Count:
    """`n` requests of one hour that went one way."""

    tenant: TenantId
    hour: datetime
    way: str
    n: int


class Comparisons(Protocol):
    """Written in the background, read for reports, kept for a while."""

    async def add(self, tenant: TenantId, rows: Sequence[Comparison], counts: Sequence[Count]) -> None:
        """Write a tenant's rows, and add to its counts; all or nothing."""
        ...

    async def since(self, tenant: TenantId, since: datetime, limit: int) -> Sequence[Comparison]:
        """The tenant's newest comparisons from `since` on."""
        ...

    async def counts(self, tenant: TenantId, since: datetime) -> Mapping[str, int]:
        """How many requests went which way, from the hour of `since` on."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` comparisons, and counts, of all tenants from before `before`. The number forgotten."""
        ...
