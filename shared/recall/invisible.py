"""Characters without ink: which of them mean something where they stand, and which are only there.

The invisible characters are those of Default_Ignorable_Code_Point. One stays where a standard gives it a meaning that
can be seen (UAX#9, UAX#31 2.3, UTS#51, StandardizedVariants, the core specification's chapters on scripts):

ZWJ ZWNJ            behind a letter or mark of a joined or conjunct script; ZWJ before a joined one too, and between
                    pictographs
ZWSP                between two letters of a script that is written without spaces (Thai, Lao, Khmer, Myanmar …): it is
                    their word boundary, and words may differ by it alone
selectors           behind a character that has a standardised, ideographic or emoji variant; VARIATION SELECTOR-16
                    behind what is shown as emoji anyway is redundant and goes
tags                behind a black flag, as a subdivision's code with its end
bidi controls       in a line of both directions, and where they reorder one of a single direction
Mongolian, Khmer, Hangul, shorthand and musical ones   beside their own script
CGJ                 between two Hebrew points, whose order it keeps
"""

import re
from unicodedata import bidirectional

from shared.recall import scripts
from shared.recall.scripts import traits

ZWNJ, ZWJ, ZWSP, CGJ = "\u200c", "\u200d", "\u200b", "\u034f"
_VS15, _VS16 = "\ufe0e", "\ufe0f"
_FLAG, _TAGS_END, _KEYCAP = "\U0001f3f4", "\U000e007f", "\u20e3"
IGNORABLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point as the inside of a character class, but for the two Hangul fillers that are as wide as
a letter (U+3164, U+FFA0): those are blanks."""
RUN = re.compile(f"[{IGNORABLE}]+")
_SUBDIVISION = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""CLDR's subdivision codes are that long; nothing longer can be smuggled behind a flag."""
_MVS, _FVS = "\u180e", ("\u180b", "\u180c", "\u180d", "\u180f")
_LRM, _RLM, _ALM = "\u200e", "\u200f", "\u061c"
_LTR = frozenset("\u200e\u202a\u202d\u2066")
_RTL = frozenset("\u200f\u061c\u202b\u202e\u2067")
_EITHER = frozenset("\u202c\u2068\u2069")
_OVERRIDES = frozenset("\u202d\u202e")
_BIDI = _LTR | _RTL | _EITHER
_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NONE: frozenset[str] = frozenset()


def without_idle(text: str, idle: frozenset[str]) -> str:
    """`text` without the invisible characters that mean nothing in it. `idle` are the bidi controls that may go."""
    parts, at = [], 0
    for run in RUN.finditer(text):
        start, end = run.span()
        parts.append(text[at:start])
        parts.append(_kept(text[start - 1 : start] if start else "", run[0], text[end : end + 1], idle))
        at = end
    if not at:
        return text
    parts.append(text[at:])
    return "".join(parts)


def _kept(before: str, run: str, after: str, idle: frozenset[str]) -> str:
    """Of a run of invisible characters, those that mean something. Each is judged by the visible characters on both
    sides and the last one kept before it, so that what is kept is kept again."""
    if run == ZWNJ and traits(before) & scripts.COMPLEX:
        return run
    found, skip = "", 0
    for at, char in enumerate(run):
        if skip:
            skip -= 1
            continue
        if before == _FLAG and not at and (code := _SUBDIVISION.match(run, at)):
            found += code[0]
            skip = len(code[0]) - 1
        elif _stays(char, before, found, after, idle):
            found += char
    return found


def _stays(char: str, before: str, found: str, after: str, idle: frozenset[str]) -> bool:
    if char in _BIDI:
        return char not in idle
    if char in (ZWJ, ZWNJ):
        return _joins(before, found, char, after)
    if found:
        return char == _MVS and found in _FVS
    if char == ZWSP:
        return bool(traits(before) & traits(after) & scripts.UNSPACED)
    if char == CGJ:
        return bool(traits(before) & traits(after) & scripts.HEBREW_POINT)
    return _selects(char, before, after) or _belongs(char, before, after)


def _joins(before: str, found: str, char: str, after: str) -> bool:
    left, right = traits(before), traits(after)
    if left & scripts.COMPLEX:
        return found[-1:] != char and (not found or found[-1] not in _BIDI)
    if char == ZWNJ:
        # Holam haser in older Hebrew text: vav, ZWNJ, holam.
        return not found and bool(left & scripts.HEBREW and right & scripts.HEBREW_POINT)
    if found[-1:] == ZWJ:
        return False
    if right & scripts.CURSIVE:
        return True
    drawn = left & (scripts.PICTOGRAPH | scripts.MODIFIER) if not found else found[-1] in (_VS16, _TAGS_END)
    return bool(drawn and right & scripts.PICTOGRAPH)


def _selects(char: str, before: str, after: str) -> bool:
    """Whether a variation selector chooses a form of what stands before it."""
    kind = traits(before)
    if "\U000e0100" <= char <= "\U000e01ef":
        return bool(kind & scripts.IDEOGRAPH)
    if not "\ufe00" <= char <= _VS16:
        return False
    if char in (_VS15, _VS16):
        if before and before in "0123456789#*":
            return after == _KEYCAP
        return bool(kind & scripts.PICTOGRAPH) and not (char == _VS16 and kind & scripts.EMOJI)
    if kind & scripts.IDEOGRAPH:
        return char <= "\ufe02"
    return bool(kind & scripts.VARIED) and char <= "\ufe06"


def _belongs(char: str, before: str, after: str) -> bool:
    """Whether an invisible character of one script stands beside that script."""
    left, either = traits(before), traits(before) | traits(after)
    if "\u180b" <= char <= "\u180f":
        return bool(left & scripts.MONGOLIAN)
    if char in "\u17b4\u17b5":
        return bool(left & scripts.KHMER)
    if char in "\u115f\u1160":
        return bool(either & scripts.HANGUL)
    if "\U0001bca0" <= char <= "\U0001bca3":
        return bool(either & scripts.DUPLOYAN)
    return "\U0001d173" <= char <= "\U0001d17a" and bool(either & scripts.MUSICAL)


def idle_controls(line: str) -> frozenset[str]:
    """The bidi controls of a line that change nothing of how it is shown.

    In a line of one direction those of that direction do nothing. A mark of the other direction does something where
    it turns the paragraph (UAX#9 P2), or where digits or another such mark follow it (N1, I1).
    """
    controls = set(_CONTROL.findall(line))
    if not controls:
        return _NONE
    classes = {bidirectional(char) for char in line if char not in _BIDI}
    if not classes & {"R", "AL", "AN"}:
        home, marks = _LTR, {_RLM, _ALM}
    elif not classes & {"L", "EN", "AN"}:
        home, marks = _RTL, {_LRM}
    else:
        return _NONE
    turning = controls - home - _EITHER
    if controls & _OVERRIDES or not turning <= marks or (turning and _turned(line, marks, home is _LTR)):
        return _NONE
    return _BIDI


def _turned(line: str, marks: set[str], ltr: bool) -> bool:
    strong = {"L"} if ltr else {"R", "AL"}
    shown = [
        (char in marks, "" if char in _BIDI else bidirectional(char))
        for char in line
        if char in marks or (char not in _BIDI and not RUN.match(char))
    ]
    first = next((is_mark for is_mark, kind in shown if is_mark or kind in strong), False)
    inked = [kind for is_mark, kind in shown if not is_mark and kind != "WS"]
    if first and not (inked and inked[0] in strong and inked[-1] in strong):
        return True
    opened = gap = False
    for is_mark, kind in shown:
        if is_mark:
            if opened and gap:
                return True
            opened, gap = True, False
        elif kind in strong:
            opened = False
        elif opened and kind in ("EN", "AN"):
            return True
        else:
            gap = True
    return False
