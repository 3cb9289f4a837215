"""The service that a tenant's callers used before: OpenAI's interface at an address that the tenant names."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class OldRequest:
    """A request as the caller made it, its credential exchanged. `head_seconds` is how long the answer's head may
    take."""

    url: str
    headers: Sequence[Header]
    body: bytes
    head_seconds: float


class OldAnswer(Protocol):
    """Its answer: the head is there, the body on its way."""

    status: int
    headers: Sequence[Header]

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come, exactly. Raises Cut where the connection breaks or goes silent, Malformed
        past the size limit."""
        ...


class OldPath(Protocol):
    """Sends a POST. No redirect is followed, nothing is decoded, nothing is tried twice."""

    def send(self, request: OldRequest) -> AbstractAsyncContextManager[OldAnswer]:
        """Send it; leaving the context closes the connection. Raises Rejected where the address may not be reached
        from here, and Overloaded or TimedOut where no answer begins: refused, unknown, broken, a redirect, too slow."""
        ...
