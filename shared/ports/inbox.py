"""What other services tell us, kept before it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of another service. `id` is the sender's own, `kind` its word for what happened; `body` is the bytes
    that came, which the signature is over."""

    source: str
    id: str
    kind: str
    received: datetime
    body: bytes = field(repr=False)


class Inbox(Protocol):
    """Notices, each once: senders repeat what they are not sure of, in any order."""

    async def put(self, notice: Notice) -> bool:
        """Keep it. False where it is there already, whatever its body. Raises Unavailable."""
        ...

    async def waiting(self, source: str, most: int) -> Sequence[Notice]:
        """Those that nobody has handled, oldest first. Raises Unavailable."""
        ...
