"""What a call needs of the model that answers it: what routing goes by."""

from dataclasses import dataclass
from typing import Literal

Work = Literal["chat", "research", "draft", "polish", "extract", "summarise", "code", "judge"]
"""Kinds of work that models do differently well. The quality table has a column for each."""


@dataclass(frozen=True, slots=True)
class Need:
    """The least that will do. `quality` lies in [0, 1], on the scale of the quality table for that kind of work.

    `cheapest` orders the models that are good enough by what this call would cost, `best` by quality.
    """

    work: Work = "chat"
    quality: float = 0.0
    order: Literal["cheapest", "best"] = "cheapest"
    first_token_ms: int | None = None
    """The longest 95th percentile of the time to the first token, in milliseconds; None is any."""
