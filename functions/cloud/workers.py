"""Modal's workers: a document is handed to a function of its own, which outlives the container that spawns it."""

import modal

from shared.core.faults import Unavailable
from shared.core.ids import RunId

APP = "chatsmart"
"""The deployed App's name (`infra/deploy.py`)."""


class ModalWorkers:
    """`ports.workers.Workers` by the deployed function `write`."""

    def __init__(self, app: str = APP, function: str = "write", client: modal.Client | None = None) -> None:
        self._write = modal.Function.from_name(app, function, client=client)

    async def enqueue(self, run: RunId) -> bool:
        """See the port. Spawned, not called: the answer is that Modal has it in its queue."""
        try:
            await self._write.spawn.aio(run)
        except (modal.exception.Error, OSError, TimeoutError) as error:
            raise Unavailable("The worker for documents can't be reached.") from error
        return True
