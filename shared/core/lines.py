"""Log lines: an event and its fields, at a level.

What writes them is loaded with the first line: structlog and what it looks for take 40 ms of a container's start
(design law 13).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class Lines:
    """The product's one logger. Errors in exception handlers go with `exc_info`."""

    __slots__ = ("_first",)

    def __init__(self) -> None:
        self._first: Callable[[], None] | None = None

    def first(self, act: Callable[[], None]) -> None:
        """What is to be done before the next line, in place of what was to be done until now."""
        self._first = act

    def debug(self, event: str, **fields: Any) -> None:
        """What is only looked for."""
        self._logger().debug(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happened."""
        self._logger().info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What went wrong and was borne."""
        self._logger().warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """What somebody must look at."""
        self._logger().error(event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        """The same, with the error that is being handled."""
        self._logger().exception(event, **fields)

    def _logger(self) -> "FilteringBoundLogger":
        import structlog

        if self._first is not None:
            act, self._first = self._first, None
            act()
        made: FilteringBoundLogger = structlog.get_logger("chatsmart")
        return made


LINES = Lines()
