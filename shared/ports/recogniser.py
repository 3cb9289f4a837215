"""Another recogniser of what is to be hidden, beside our own."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Recognised(NamedTuple):
    """Where something stands, in code points of the text; `type` is in capitals."""

    start: int
    end: int
    type: str


class Recogniser(Protocol):
    """Finds more than patterns can: people, places. Asked for texts in which our own finds are placeholders already."""

    def find(self, text: str) -> Sequence[Recognised]:
        """What it finds, in order, none over another."""
        ...
