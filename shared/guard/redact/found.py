"""Something found in a shadow."""

from typing import NamedTuple


class Found(NamedTuple):
    """Offsets in code points of the shadow. Type "" is something that looks like a find and is none: it is left alone,
    and so is what overlaps it."""

    start: int
    end: int
    type: str
