"""Goes on with documents whose process died and ends the chats of such a process: what is paid for is in the log."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def run(services: "Services") -> int:
    """The number of documents taken over and chats ended."""
    ended = await services.chat.end_abandoned()
    return ended + await services.documents.adopt_orphans()
