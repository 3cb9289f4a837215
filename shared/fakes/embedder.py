"""Vectors without a model."""

from collections.abc import Sequence
from hashlib import sha256
from math import sqrt

from shared.core.faults import Unavailable


class FakeEmbedder:
    """`ports.embedder.Embedder`: each word has a direction, a text the sum of its words'. `away` makes it fail."""

    def __init__(self, dimensions: int = 384, languages: frozenset[str] = frozenset({"en"})) -> None:
        self._dimensions = dimensions
        self._languages = languages
        self.away = False
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        """See the port."""
        return f"words/{self._dimensions}"

    @property
    def dimensions(self) -> int:
        """See the port."""
        return self._dimensions

    @property
    def languages(self) -> frozenset[str]:
        """See the port."""
        return self._languages

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """See the port."""
        if self.away:
            raise Unavailable("The embedder is away.")
        self.asked.extend(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        found = [0.0] * self._dimensions
        for word in text.lower().split() or [""]:
            digest = sha256(word.strip(".,?!").encode("utf-8", "surrogatepass")).digest()
            for at in range(0, 32, 4):
                sign = 1.0 if digest[at] & 1 else -1.0
                found[int.from_bytes(digest[at + 1 : at + 4]) % self._dimensions] += sign
        length = sqrt(sum(value * value for value in found))
        return [value / length for value in found] if length else [1.0, *found[1:]]
