"""Texts as vectors."""

from collections.abc import Sequence
from typing import Protocol


class Embedder(Protocol):
    """Makes vectors of length 1. Those of two embedders are never compared: `name` goes into keys."""

    @property
    def name(self) -> str:
        """Which model, in which version."""
        ...

    @property
    def dimensions(self) -> int:
        """How long a vector is."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """The languages, as ISO 639-1, whose sentences it tells apart; text in others must not be asked."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text, in order. Raises Unavailable."""
        ...
