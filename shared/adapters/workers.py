"""Workers where there is one process, or several alike: each goes on with documents itself."""

from collections.abc import Awaitable, Callable

from shared.core.ids import RunId

Adopt = Callable[[RunId], Awaitable[bool]]


class OwnWorkers:
    """`ports.workers.Workers` by this very process. One that is closing takes nothing: what it leaves is found by the
    sweep of another process, or of its own next start."""

    def __init__(self) -> None:
        self.adopt: Adopt = _nobody
        """Claims and begins; set once there is somebody to do it."""

    async def enqueue(self, run: RunId) -> bool:
        """See the port."""
        return await self.adopt(run)


async def _nobody(_run: RunId) -> bool:
    return False
