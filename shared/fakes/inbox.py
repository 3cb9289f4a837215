"""`ports.inbox.Inbox` in memory."""

from collections.abc import Sequence

from shared.ports.inbox import Notice


class MemoryInbox:
    """Notices in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Notice] = {}

    async def put(self, notice: Notice) -> bool:
        """See the port."""
        return self._kept.setdefault((notice.source, notice.id), notice) is notice

    async def waiting(self, source: str, most: int) -> Sequence[Notice]:
        """See the port."""
        found = [notice for notice in self._kept.values() if notice.source == source]
        return tuple(sorted(found, key=lambda notice: (notice.received, notice.id))[:most])
