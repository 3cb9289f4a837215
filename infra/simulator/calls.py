"""The record of every call that the simulator saw, for tests and demonstrations to look at."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

_KEPT = 20_000
_BODY_LIMIT = 65_536


@dataclass(slots=True)
class Call:
    """One call. Times are Unix seconds; `finished` is None while it runs; `cancelled` means the client left
    first."""

    n: int
    provider: str
    path: str
    started: float
    model: str = ""
    stream: bool = False
    status: int | None = None
    finished: float | None = None
    cancelled: bool = False
    fault: str | None = None
    tokens_sent: int = 0
    bytes_sent: int = 0
    id: str = ""
    body: bytes = field(default=b"", repr=False)

    def end(self, *, cancelled: bool = False) -> None:
        """Notes the end, once."""
        if self.finished is None:
            self.finished = time.time()
            self.cancelled = cancelled

    def shown(self, *, bodies: bool = False) -> dict[str, Any]:
        """The call as JSON; the request body as text, only where asked for."""
        row = asdict(self)
        body = row.pop("body")
        if bodies:
            row["body"] = body.decode("utf-8", "replace")
        return row


class Calls:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._rows: deque[Call] = deque(maxlen=_KEPT)
        self._numbers = count(1)

    def begin(self, provider: str, path: str) -> Call:
        """A new row."""
        call = Call(next(self._numbers), provider, path, time.time())
        self._rows.append(call)
        return call

    def keep_body(self, call: Call, body: bytes) -> None:
        """Keeps the request body, up to 64 KiB of it."""
        call.body = body[:_BODY_LIMIT]

    def rows(self) -> tuple[Call, ...]:
        """Everything kept."""
        return tuple(self._rows)

    def clear(self) -> None:
        """Forgets everything; calls under way keep their own rows to themselves."""
        self._rows.clear()
