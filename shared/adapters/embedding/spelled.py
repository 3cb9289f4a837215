"""A text as its writer meant it, before it is made a vector.

One mistyped letter moves a MiniLM vector more than another city does (median cosine 0.88 against 0.97 for a swapped
role), so right answers would never be proposed. A correction that misses costs a hit; it lets nothing through, since
vectors only propose.
"""

import re
from collections.abc import Callable

from shared.recall.near.slips import are_beside, edits, is_doubled, is_swapped
from shared.recall.near.words import is_coined, is_name, is_word

_WORD = re.compile(r"(?<![\w'`\u2019-])[a-zA-Z]?[a-z]{2,}(?![\w'`\u2019-])")
_LONGEST = 20
_MOST = 8
"""Words that are looked into, some 0.2 ms each: a text with more is in no English."""


def spelled(text: str, rank: Callable[[str], int | None]) -> str:
    """The text with words that are none replaced by the commonest that one slip makes of them. `rank` is low for common
    words, None for such as it has none for."""
    left = _MOST

    def right(found: re.Match[str]) -> str:
        nonlocal left
        word = found[0]
        lower = word.lower()
        if word != lower and found.start():
            return word  # a name
        if not left or len(word) > _LONGEST or is_word(lower) or is_name(lower) or is_coined(lower):
            return word
        left -= 1
        return min((other for other in edits(lower) if is_word(other)), key=_cost(lower, rank), default=word)

    return _WORD.sub(right, text)


def _cost(wrong: str, rank: Callable[[str], int | None]) -> Callable[[str], tuple[bool, int, str]]:
    def cost(word: str) -> tuple[bool, int, str]:
        place = rank(word)
        return (not _is_likely(word, wrong), 1_000_000 if place is None else place, word)

    return cost


def _is_likely(word: str, wrong: str) -> bool:
    """Whether it is one of the slips that hands make most."""
    if is_swapped(word, wrong) or is_doubled(word, wrong) or len(word) > len(wrong):
        return True
    pairs = [(one, other) for one, other in zip(word, wrong, strict=False) if one != other]
    return len(word) == len(wrong) and len(pairs) == 1 and are_beside(*pairs[0])
