"""Where a program that a tenant wrote runs: it reaches nothing but the doors that it is given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Door = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""A host function: its name and its JSON arguments to a JSON value.

Arguments that the program gave by name stand under it, those by position under "0", "1", … Where the entry is an
`async def` the program awaits its doors, several at once if it likes; in a plain one a door answers at once. A Fault
that a door raises reaches the program as a PermissionError (NotGranted), a ValueError (BadRequest) or a RuntimeError,
with its message; unless the program catches it, `run` raises the Fault itself.
"""

Limit = Literal["seconds", "memory", "output", "fetches", "recursion", "doors"]
"""What a program can be stopped at; `doors` is the time that all calls of doors may take together."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a program may use in one call."""

    seconds: float = 2.0
    """Of its own, CPU and wall; the time in which a door works for it does not count."""
    memory: int = 64 * 2**20
    """Bytes."""
    output: int = 256 * 2**10
    """Bytes of the answer as JSON, and of what is printed, each."""
    fetches: int = 8
    """Calls of doors, of all together."""
    recursion: int = 200
    """Frames."""
    door_seconds: float = 30.0
    """What all calls of doors may take together."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a tenant wrote."""

    source: str
    entry: str
    """The name of the function that is called, with the given values by name."""
    sha256: str
    """Of the source and its manifest, hex: names the program in logs and records."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A call that came to its end."""

    value: Any
    """JSON."""
    printed: str
    ms: int
    """Wall milliseconds, those of the doors among them."""


class Sandbox(Protocol):
    """Runs programs, each call in a state of its own; one that is stopped never hurts another."""

    async def run(
        self, program: Program, given: Mapping[str, Any], doors: Mapping[str, Door], bounds: Bounds
    ) -> Ran:
        """Calls the entry. Raises BadPlugin, PluginError, PluginStopped, a Fault of a door that the program let
        through, or Unavailable where no place to run it is to be had."""
        ...

    async def check(self, program: Program) -> None:
        """Nothing where the source could be run. Runs nothing of it. Raises BadPlugin with line and column."""
        ...

    async def close(self) -> None:
        """Ends every worker. Closed, it runs nothing more."""
        ...
