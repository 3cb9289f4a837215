"""Containers on Modal: looked at and bounded through its autoscaler.

Its 0 as the most containers means no bound at all (`modal` 1.6.4 reads and writes it so), so it is never sent.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import modal

from functions.cloud.workers import APP
from shared.core.faults import Conflict, NotYours, Unavailable
from shared.guard.bounded import agreed
from shared.ports.capacity import Bounds, Room

_KEEP = -1
"""Modal's word for: leave it as it is."""


class ModalCapacity:
    """`ports.capacity.Capacity` of a deployed App: its functions, classes and servers."""

    def __init__(self, app: str = APP, client: modal.Client | None = None) -> None:
        self._app, self._client = app, client

    async def rooms(self) -> Sequence[Room]:
        """See the port. Modal tells the containers of functions and classes, not those of a server."""
        with _reached():
            parts = await self._parts()
            return [await _room(name, parts[name]) for name in sorted(parts)]

    async def bound(self, name: str, bounds: Bounds) -> Room:
        """See the port."""
        with _reached():
            part = (await self._parts()).get(name)
            if part is None:
                raise NotYours(f"There is no part '{name}'.")
            agreed(await _room(name, part), bounds)
            await part.autoscaler.update.aio(
                min_containers=_KEEP if bounds.minimum is None else bounds.minimum,
                max_containers=_KEEP if bounds.maximum is None else bounds.maximum,
                buffer_containers=_KEEP if bounds.buffer is None else bounds.buffer,
            )
            return await _room(name, part)

    async def _parts(self) -> dict[str, Any]:
        """Handles by name."""
        app = await modal.App.lookup.aio(self._app, client=self._client)
        info = await app.info.aio(refresh=True)
        # A class is listed by the function behind it.
        found: dict[str, Any] = {
            name.removesuffix(".*"): modal.Function.from_id(id_, client=self._client)
            for name, id_ in info.functions.items()
        }
        return found | {
            name.removesuffix(".*"): modal.Server.from_id(id_, client=self._client)
            for name, id_ in info.servers.items()
        }


async def _room(name: str, part: Any) -> Room:
    settings = await part.autoscaler.settings.aio()
    containers = None
    if isinstance(part, modal.Function):
        containers = (await part.get_current_stats.aio()).num_total_runners
    return Room(
        name,
        containers,
        settings.min_containers or 0,
        settings.max_containers,
        settings.buffer_containers or 0,
    )


@contextmanager
def _reached() -> Iterator[None]:
    """Modal's errors as ours: what it refuses is told, what it can't be asked is Unavailable."""
    try:
        yield
    except (modal.exception.InvalidError, modal.exception.PermissionDeniedError) as error:
        raise Conflict(f"Modal does not allow this: {error}") from error
    except (modal.exception.Error, OSError, TimeoutError) as error:
        raise Unavailable("Modal can't be reached to look at containers.") from error
