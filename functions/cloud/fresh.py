"""What is built before a snapshot of memory is taken, and again where the settings have changed since."""

from collections.abc import Callable
from typing import Generic, TypeVar

from shared.config import Settings

T = TypeVar("T")


class Fresh(Generic[T]):
    """Something made from the settings. Made at once, so that a snapshot holds it."""

    def __init__(
        self, make: Callable[[Settings], T], read: Callable[[], Settings] = Settings.from_env
    ) -> None:
        self._make, self._read = make, read
        self._settings = read()
        self.made = make(self._settings)

    def freshen(self) -> None:
        """Secrets rotate while snapshots live: read the settings again, and make it anew where they differ."""
        settings = self._read()
        if settings != self._settings:
            self._settings, self.made = settings, self._make(settings)
