"""Who goes on with a document when its process is gone."""

from typing import Protocol

from shared.core.ids import RunId


class Workers(Protocol):
    """Takes documents that are on the shelf and that nobody works on."""

    async def enqueue(self, run: RunId) -> bool:
        """Have one gone on with; nobody waits for its end. Whether it was taken: False says that there is nothing to
        do, as far as is known. Naming one twice, or one that is over, does no harm. Raises Unavailable."""
        ...
