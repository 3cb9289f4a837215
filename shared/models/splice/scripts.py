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
    point = ord(char)
    return (spaceless(char) and point >= 0x2E80) or 0xFF00 <= point <= 0xFF65


@lru_cache(maxsize=8192)
def joins(char: str) -> bool:
    """Whether a character belongs to the one before it: marks, joiners, selectors, skin tones, tags."""
    return category(char) in ("Mn", "Mc", "Me", "Cf") or 0x1F3FB <= ord(char) <= 0x1F3FF


@lru_cache(maxsize=8192)
def wordly(char: str) -> bool:
    """Whether a character can stand inside a word, or a cluster of signs that must not be taken apart."""
    return char in "_'’" or char.isalnum() or joins(char) or category(char) in ("So", "Cs")


def solid(char: str) -> bool:
    """`wordly`, but for signs that stand round words as well as in them."""
    return char not in "_'’" and wordly(char)


def goes_on(text: str, at: int) -> bool:
    """Whether a word goes on at that place of a text."""
    while text[at : at + 1] in ("_", "'", "’"):
        at += 1
    return at < len(text) and solid(text[at]) and not spaceless(text[at])


@lru_cache(maxsize=8192)
def folded(char: str) -> str:
    """What a character counts as where spelling is compared: letters and digits without case, width or form of
    composition; nothing for spaces, punctuation and signs of layout."""
    kind = category(char)
    if kind[0] in "LN":
        plain = char if "\uac00" <= char <= "\ud7a3" else normalize("NFKD", char)
        return "".join(one for one in plain.casefold() if category(one)[0] in "LNM")
    return char if kind[0] == "M" or kind == "So" else ""


class _Table(dict[int, str]):
    """`folded` for `str.translate`, filled as letters are met."""

    def __missing__(self, point: int) -> str:
        found = self[point] = folded(chr(point))
        return found


_FOLDS = _Table()


def fold(text: str) -> str:
    """A text folded."""
    return text.translate(_FOLDS)


class Folded:
    """A text folded, with the place in the text of each folded code point. It can grow."""

    __slots__ = ("places", "size", "text")

    def __init__(self, text: str = "") -> None:
        self.text = ""
        self.places: list[int] = []
        self.size = 0
        """Code points of the text so far."""
        self.add(text)

    def add(self, piece: str) -> None:
        """The text goes on."""
        table, places, base = _FOLDS, self.places, self.size
        found: list[str] = []
        for place, char in enumerate(piece, base):
            one = table[ord(char)]
            if one:
                found.append(one)
                places.append(place)
                if len(one) > 1:
                    places.extend([place] * (len(one) - 1))
        self.text += "".join(found)
        self.size = base + len(piece)

    def after(self, count: int) -> int:
        """The place behind the first `count` folded code points."""
        return self.places[count - 1] + 1 if count else 0

    def splits(self, count: int) -> bool:
        """Whether a character of the text begins before that folded code point and ends after it."""
        return 0 < count < len(self.places) and self.places[count] == self.places[count - 1]


def words(text: str) -> list[str]:
    """The words of a text, folded; of scripts without spaces each character."""
    found: list[str] = []
    inside = False
    for char in text:
        one = folded(char)
        if not one:
            inside = inside and char in "'’"
        elif inside and not spaceless(char):
            found[-1] += one
        else:
            found.append(one)
            inside = not spaceless(char)
    return found
