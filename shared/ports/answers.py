"""Answers that may be served again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.core.frozen import quick
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.core.usage import Usage


@quick
@dataclass(frozen=True, slots=True)
class Stored:
    """A whole, valid answer. `key`, `frame` and `content` are 32 bytes, made with the tenant's own secret.

    `key` names the whole request; `frame` all of it but the words of the last message; `content` the frame and the
    ordered content words of that message (None: such words can't be told). `reads` is the answer as it came, as JSON.
    """

    key: bytes
    frame: bytes
    content: bytes | None
    model: str
    provider: str
    template: str
    tags: tuple[str, ...]
    run: RunId
    created: datetime
    expires: datetime
    cost: Micros | None
    usage: Usage
    simulated: bool
    reads: bytes
    words: str = ""
    """The last message, redacted: what a verifier compares. Empty where the near tier may not serve it."""


@quick
@dataclass(frozen=True, slots=True)
class Found:
    """What there is for a request: the answer to it, or else the newest to one with the same content words; and whether
    the frame has answers at all whose words could be near."""

    exact: Stored | None = None
    content: Stored | None = None
    others: bool = False


Counted = Literal["hit", "near", "joined", "miss"]
"""What became of a request."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A tenant's cache in figures. Money is what the served answers had cost when they were made, in micro-dollars."""

    entries: int
    bytes: int
    hits: int
    near: int
    joined: int
    misses: int
    saved: Micros
    checked: int
    """Near hits that were checked by asking anew …"""
    wrong: int
    """… and those of them that were wrong."""
    near_off: bool
    """Whether the near tier has turned itself off."""


class Answers(Protocol):
    """The prompt cache of each tenant. A store that is away is a cache that knows nothing: nothing here but `put`,
    `purge` and `tally` raises Unavailable."""

    async def find(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Found:
        """What is stored for a request and has not expired at `at`. One round trip while the front store is warm."""
        ...

    async def near(
        self,
        tenant: TenantId,
        frame: bytes,
        vector: Sequence[float],
        embedder: str,
        at: datetime,
        limit: int = 8,
    ) -> Sequence[tuple[Stored, float]]:
        """Answers in the same frame whose words are nearest, with the cosine, the nearest first; 0.8 at least."""
        ...

    async def put(
        self, tenant: TenantId, stored: Stored, vector: Sequence[float] | None = None, embedder: str = ""
    ) -> None:
        """Store an answer; one under the same key is replaced. One that was not found, was asked for and was purged
        before it came is not stored."""
        ...

    async def purge(self, tenant: TenantId, *, model: str = "", template: str = "", tag: str = "") -> int:
        """Forget answers of a model, a template or a tag (each that is given must fit); all where none is given. The
        number forgotten. None of them is served by any process once this returns."""
        ...

    async def tally(self, tenant: TenantId) -> Tally:
        """The figures."""
        ...

    def count(self, tenant: TenantId, what: Counted, saved: Micros) -> None:
        """Count a request. Cheap: it is written down some seconds later, and may be lost with its process."""
        ...

    async def close(self) -> None:
        """Write down what was counted."""
        ...
