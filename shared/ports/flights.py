"""Requests that are being answered now, so that equal ones share one answer."""

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from shared.core.ids import TenantId


class Lead(Protocol):
    """The one who asks the provider, for all who wait. Its lease is renewed while it lives."""

    token: int
    """Grows with each lead of a key: what an older one still says is not heard."""

    async def say(self, message: bytes) -> bool:
        """Tell the followers. False where another has taken over meanwhile; nothing was said then."""
        ...

    async def end(self, last: bytes | None, *, late: bool = True) -> None:
        """The flight is over: `last` is its last message; None: the lead leaves before the end, and a follower may
        take over at once. Who joins within some seconds after the end hears all of it, unless `late` is False: then it
        is for those who follow already. Never raises."""
        ...


@runtime_checkable
class Following(Protocol):
    """One who waits for a lead."""

    def messages(self) -> AsyncGenerator[bytes, None]:
        """All that leads have said since the flight began, from its first message on, then what comes; ends where the
        flight is over, or where its lead has left or its lease has run out. Close it to leave: nobody else notices."""
        ...

    async def take_over(self) -> Lead | None:
        """Lead, where the flight's lead has left: one of those who ask gets it, the others None and may follow on with
        `messages`, which goes on after what this follower has heard. None also where the flight is over."""
        ...

    @property
    def landed(self) -> bool:
        """Whether all has been said, heard or not: who follows now hears an answer that is there."""
        ...

    @property
    def over(self) -> bool:
        """Whether the flight came to its end, with a last message that was heard."""
        ...


class Flights(Protocol):
    """Equal requests of a tenant in the air, over all processes. Where the store is away everyone leads alone."""

    async def join(self, tenant: TenantId, key: bytes) -> Lead | Following:
        """Lead where nobody flies under this key, else follow. Never raises."""
        ...

    async def close(self) -> None:
        """Leave all flights of this process."""
        ...
