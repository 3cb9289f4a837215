"""A request that both ways got, and an answer to it as it went over the wire."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.core.ids import TenantId


@dataclass(slots=True)
class Capture:
    """An answer as it went over the wire. `marks` are (bytes that had come, milliseconds by then)."""

    status: int = 0
    events: bool = False
    body: bytes = b""
    marks: list[tuple[int, int]] = field(default_factory=list)
    total_ms: int = 0
    fault: str = ""
    """Why the body is not whole; empty where it is."""
    trace: str = ""
    model: str = ""
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that both got. `first` is who answered the caller: `chatsmart` or `old`."""

    tenant: TenantId
    at: datetime
    path: str
    model: str
    first: str
    keep: bool = False
