"""The text as a reader sees it: disguises folded away, with a map back to the code points of the original.

Every fold is of one code point to one, or to none, whatever stands beside it: so the shadow of a text is that of its
pieces joined, and a stream can be folded as it comes.
"""

import re
import unicodedata
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
    found = ((chr(code), unicodedata.decimal(chr(code), None)) for code in range(0x660, _LAST_DIGIT + 1))
    return {sign: str(value) for sign, value in found if value is not None}


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
_TABLE = str.maketrans(_FOLDS)
_DROP = re.compile(f"[{_IGNORED}]")
_SPACE = re.compile(f"[{_SPACES}]")
_ODD = re.compile(f"[{_IGNORED}{_SPACES}{''.join(map(re.escape, _FOLDS))}]")


@dataclass(frozen=True, slots=True)
class Shadow:
    """`text` is what is searched; `at[i]` is where its i-th code point stands in the original, None: at i itself."""

    text: str
    at: tuple[int, ...] | None = None


def fold(text: str) -> Shadow:
    """The shadow of a text; of plain text the text itself."""
    if text.isascii():
        return Shadow(text if text.isprintable() or not _SPACE.search(text) else _SPACE.sub(" ", text))
    if not _ODD.search(text):
        return Shadow(text)
    if not _DROP.search(text):
        return Shadow(_SPACE.sub(" ", text).translate(_TABLE))
    at = tuple(index for index, sign in enumerate(text) if not _DROP.match(sign))
    return Shadow(_SPACE.sub(" ", _DROP.sub("", text)).translate(_TABLE), at)
