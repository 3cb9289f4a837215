"""The text as a reader sees it: disguises folded away, with a map back to the code points of the original.

Every fold is of one code point to one, or to none, whatever stands beside it: so the shadow of a text is that of its
pieces joined, and a stream can be folded as it comes.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

_SPACES = "\t\r\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_STOPS = "、。，！？；「」『』【】《》｡､"
"""Marks of scripts that write no spaces. They part words there, so that a held-back word ends."""
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_QUOTES = {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "«": '"', "»": '"'}
_IGNORED = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties)."""
_LAST_DIGIT = 0x1FBF9
"""No decimal digit of Unicode 15 stands beyond it."""


def _digits() -> dict[str, str]:
    """Every decimal digit beyond ASCII and its value: some 650."""
    return {sign: str(unicodedata.decimal(sign)) for sign in re.findall(r"\d", _span(0x660, _LAST_DIGIT + 1))}


def _span(first: int, end: int) -> str:
    """The code points from one to before another, made in one go: this is part of a cold start."""
    return array("I", range(first, end)).tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass")


_FOLDS = {
    **_digits(),
    **{chr(0xFF01 + step): chr(0x21 + step) for step in range(94)},
    **dict.fromkeys(_DASHES, "-"),
    **_QUOTES,
    "ſ": "s",
    "ı": "i",
    "İ": "I",
    "\u212a": "K",
    **dict.fromkeys(_STOPS, " "),
}
_SPACE = re.compile(f"[{_SPACES}]")
_DROP = frozenset(re.findall(f"[{_IGNORED}]", _span(0xAD, 0xFFF9) + _span(0xE0000, 0xE1000)))
_ODD = _DROP | frozenset(_FOLDS) | frozenset(_SPACE.findall(_span(0, 0x3001)))
"""Every code point whose shadow is not itself. A set, for a text has few signs that differ."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """`text` is what is searched; `at[i]` is where its i-th code point stands in the original, None: at i itself."""

    text: str
    at: Sequence[int] | None = None


def fold(text: str) -> Shadow:
    """The shadow of a text; of plain text the text itself."""
    if text.isascii():
        return Shadow(text if text.isprintable() or not _SPACE.search(text) else _SPACE.sub(" ", text))
    odd = _ODD.intersection(text)
    if not odd:
        return Shadow(text)
    at: list[int] | None = None
    if not odd.isdisjoint(_DROP):
        at = [place for place, sign in enumerate(text) if sign not in _DROP]
        text = "".join([text[place] for place in at])
        odd -= _DROP
    if len(odd) > 8:
        return Shadow(text.translate({ord(sign): _FOLDS.get(sign, " ") for sign in odd}), at)
    for sign in odd:
        text = text.replace(sign, _FOLDS.get(sign, " "))
    return Shadow(text, at)
