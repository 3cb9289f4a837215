"""Workers in memory: they take note."""

from shared.core.faults import Unavailable
from shared.core.ids import RunId


class NotingWorkers:
    """`ports.workers.Workers` that only remember. `away` makes them refuse."""

    def __init__(self) -> None:
        self.enqueued: list[RunId] = []
        self.away = False

    async def enqueue(self, run: RunId) -> bool:
        """See the port."""
        if self.away:
            raise Unavailable("The workers can't be reached.")
        if run in self.enqueued:
            return False
        self.enqueued.append(run)
        return True
