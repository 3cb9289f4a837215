"""`chatsmart near`: whether the cache would serve one text's answer for another, as the live path decides it."""

from collections.abc import Mapping
from functools import cache
from typing import IO, Any

from infra.cli import filter as lines
from shared.adapters.embedding.minilm import MiniLM
from shared.recall.near.verify import verdict


def compared(row: Mapping[str, Any]) -> lines.Json:
    """`near`, `score` (the cosine) and `reason` for `a` and `b`."""
    a, b = lines.text(row, "a"), lines.text(row, "b")
    one, other = _embedder().vectors([a, b])
    score = sum(x * y for x, y in zip(one, other, strict=True))
    found = verdict(a, b, score)
    return {"near": found.near, "score": round(score, 6), "reason": found.reason}


@cache
def _embedder() -> MiniLM:
    return MiniLM()


def main(stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Compare every line; 1 where some line could not be read."""
    return lines.run(compared, {"near": None, "score": None, "reason": None}, stdin, stdout)
