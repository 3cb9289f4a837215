"""What the join has to know of writing: where words end, which scripts have spaces, what a letter folds to."""

from functools import lru_cache
from unicodedata import category, normalize

_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x303F),  # Han radicals, CJK marks
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x20000, 0x3FFFF),  # Han, further planes
)
"""Scripts in which words stand without a space between them. Korean has spaces."""


@lru_cache(maxsize=8192)
def spaceless(char: str) -> bool:
    """Whether words of this character's script are written without spaces."""
    point = ord(char)
    return any(low <= point <= high for low, high in _SPACELESS)


@lru_cache(maxsize=8192)
def han(char: str) -> bool:
    """Whether a character is of a script that has no spaces at all, not even between clauses, as Thai has."""
    return spaceless(char) and ord(char) >= 0x2E80


@lru_cache(maxsize=8192)
def joins(char: str) -> bool:
    """Whether a character belongs to the one before it: marks, joiners, selectors, skin tones, tags."""
    return category(char) in ("Mn", "Mc", "Me", "Cf") or 0x1F3FB <= ord(char) <= 0x1F3FF


@lru_cache(maxsize=8192)
def wordly(char: str) -> bool:
    """Whether a character can stand inside a word, or a cluster of signs that must not be taken apart."""
    return char in "_'’" or char.isalnum() or joins(char) or category(char) in ("So", "Sk", "Cs")


@lru_cache(maxsize=8192)
def folded(char: str) -> str:
    """What a character counts as where spelling is compared: letters and digits without case, width or accent of
    composition; nothing for spaces, punctuation and signs of layout."""
    kind = category(char)
    if kind[0] in "LN":
        return normalize("NFKC", char).casefold()
    return char if kind[0] == "M" or kind == "So" else ""


class Folded:
    """A text folded, with the place in the text of each folded code point."""

    __slots__ = ("places", "text")

    def __init__(self, text: str) -> None:
        found: list[str] = []
        places: list[int] = []
        if text.isascii():
            lower = text.lower()
            for place, char in enumerate(lower):
                if char.isalnum():
                    found.append(char)
                    places.append(place)
        else:
            for place, char in enumerate(text):
                for one in folded(char):
                    found.append(one)
                    places.append(place)
        self.text = "".join(found)
        self.places = places

    def after(self, count: int) -> int:
        """The place behind the first `count` folded code points."""
        return self.places[count - 1] + 1 if count else 0
