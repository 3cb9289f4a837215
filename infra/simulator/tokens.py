"""Token counts: deterministic, plausible for English (about four characters each), cheap.

What a model writes is cut into pieces, one token each, so that a stream's chunks, `max_tokens` and the
reported output agree to the token. What it reads is only counted, by length: a prompt can be two megabytes.
"""

import re
import zlib
from collections.abc import Iterable

_PIECE = re.compile(r" ?[A-Za-z]{1,6}| ?\d{1,3}|\n+| ?[^\sA-Za-z\d]|\s")
_VOCABULARY = 128_000


def pieces(text: str) -> list[str]:
    """The text as tokens; joined they are the text again."""
    return _PIECE.findall(text)


def written(text: str) -> int:
    """Tokens in something a model wrote; 0 for the empty string."""
    return len(pieces(text))


def read(text: str) -> int:
    """Tokens in something a model reads, at least 1."""
    return max(1, (len(text) + 3) // 4)


def ids(parts: Iterable[str]) -> list[int]:
    """A stable number for each piece, in the range of a real vocabulary (vLLM's `return_token_ids`)."""
    return [zlib.crc32(part.encode()) % _VOCABULARY for part in parts]


def grouped(parts: list[str], size: int) -> list[tuple[str, int]]:
    """Pieces joined `size` at a time, each with the number of tokens in it: providers differ in chunk size."""
    return [("".join(parts[i : i + size]), len(parts[i : i + size])) for i in range(0, len(parts), size)]
