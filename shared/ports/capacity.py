"""How many containers each part of a deployment has and may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Room:
    """One part. Numbers of containers; None where nobody says, for `maximum` where there is no bound."""

    name: str
    containers: int | None
    minimum: int
    maximum: int | None
    buffer: int
    fixed: bool = False
    """Its bounds can't be set."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is to be set; None leaves a bound as it is. `maximum` is at least 1: no platform here knows none."""

    minimum: int | None = None
    maximum: int | None = None
    buffer: int | None = None


class Capacity(Protocol):
    """Looks at containers and bounds them. A deployment puts the bounds back to what it declares."""

    async def rooms(self) -> Sequence[Room]:
        """Every part, by name. Raises Unavailable."""
        ...

    async def bound(self, name: str, bounds: Bounds) -> Room:
        """Set bounds at once; the part as it is then. Raises NotYours for a name that is none, BadRequest for bounds
        that can't hold (a minimum over the maximum, a maximum of 0), Conflict where they can't be set, Unavailable."""
        ...
