"""Numbers of people and accounts: groups of digits and letters, read together as far as they hold."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from shared.guard.redact.checksums import luhn, mod97, varied
from shared.guard.redact.context import Said, said_after, said_before
from shared.guard.redact.found import Found
from shared.guard.redact.national import RULES, national
from shared.guard.redact.phones import international, strong, weak

_GROUP = re.compile(
    r"[A-Z]{0,8}\d[A-Za-z0-9]*|[a-z]{1,8}\d[A-Za-z0-9]*|[A-Z]{1,6}(?![A-Za-z0-9])|[a-zA-Z](?![A-Za-z0-9])",
    re.ASCII,
)
_TIE = re.compile(r"[ \-./()\n·]{1,4}")
_SKELETON = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "A" * 26 + "9" * 10)
_MOST, _LONGEST, _SHORTEST = 14, 40, 6
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"(?:6011|65\d\d|64[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|3(?:0[0-5]\d|095|[689]\d\d)\d{10}"
    r"|62\d{14,17}|"
    r"(?:5018|5020|5038|5893|6304|6759|676[1-3]|6390|67\d\d)\d{8,15}|9792\d{12}|220[0-4]\d{12}|(?:60|81|82"
    r"|508)\d{13,14}"
)
"""Issuers by their ranges (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay, Maestro,
Troy, Mir, RuPay."""
_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4}")
_SSN_SHAPE = re.compile(r"\d{3}[ \-]\d\d[ \-]\d{4}")
_PASSPORT = re.compile(r"(?=[A-Z0-9]{6,10}\Z)[A-Z]{0,3}\d[A-Z0-9]{4,9}")
_EXTENSION = re.compile(r" ?(?:,? ?ext\.?|x|extension|#) ?\d{1,6}(?![\w])", re.IGNORECASE)
_IBAN = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
    "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28,
    "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31,
    "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Lengths by country, from the SWIFT registry of IBANs."""


class _Group(NamedTuple):
    start: int
    end: int
    code: str
    tied: str | None
    """What stands between this group and the one before, None where they don't belong together."""


@dataclass(slots=True)
class _Window:
    """A run of groups that may be a number. `code`: its letters and digits, in capitals. `limit`: where the island
    ends. `loose`: whether nothing before it belongs to it."""

    text: str
    start: int
    stop: int
    limit: int
    code: str
    loose: bool
    _said: Said | None = None

    @property
    def raw(self) -> str:
        """As it is spelled, in one line."""
        return self.text[self.start : self.stop].replace("\n", " ")

    @property
    def said(self) -> Said:
        """What the words before it say it is, else those behind it."""
        if self._said is None:
            self._said = said_before(self.text, self.start) or said_after(self.text, self.stop, self.limit)
        return self._said


def numbers(text: str, start: int, end: int, taken: list[Found]) -> list[Found]:
    """What the groups between `start` and `end` make, around what is taken."""
    groups = _groups(text, start, end, taken)
    found: list[Found] = []
    first = 0
    while first < len(groups):
        hit, after = _from(text, groups, first, end)
        if hit:
            found.append(hit)
        first = after
    return found


def _groups(text: str, start: int, end: int, taken: list[Found]) -> list[_Group]:
    groups: list[_Group] = []
    before = -1
    for match in _GROUP.finditer(text, start, end):
        first, last = match.span()
        if any(first < other.end and other.start < last for other in taken):
            before = -1
            continue
        if first > start and (
            (text[first - 1].isalnum() and text[first - 1].isascii()) or text[first - 1] == "_"
        ):
            continue
        if last < len(text) and last < end and text[last] == "_":
            before = -1
            continue
        tie = text[before:first] if 0 <= before < first else None
        if tie is not None and not (_TIE.fullmatch(tie) and tie.count("\n") < 2):
            tie = None
        code = match.group().upper()
        if (
            tie
            and groups
            and len(code) == 1
            and _single(groups)
            and groups[-1].tied in (tie, None, "+")
            and tie != " "
        ):
            groups[-1] = groups[-1]._replace(end=last, code=groups[-1].code + code)
        else:
            groups.append(_Group(first, last, code, tie))
        before = last
    return groups


def _single(groups: list[_Group]) -> bool:
    """Whether the last group is of digits that each stand alone, `4-1-1-1`."""
    last = groups[-1]
    return last.end - last.start == 2 * len(last.code) - 1


def _from(text: str, groups: list[_Group], first: int, end: int) -> tuple[Found | None, int]:
    """The longest number that begins with this group, and the group to go on with."""
    windows = _windows(text, groups, first, end)
    for read in (_fixed, _told):
        for last, window in windows:
            found = read(window)
            if found:
                return found, last + 1
    return None, first + 1


def _windows(text: str, groups: list[_Group], first: int, end: int) -> list[tuple[int, _Window]]:
    """Runs of groups from `first` that stand free, longest first."""
    if not _free_before(text, groups, first):
        return []
    code, start = "", groups[first].start
    found: list[tuple[int, _Window]] = []
    for last in range(first, min(len(groups), first + _MOST)):
        if last > first and groups[last].tied is None:
            break
        code += groups[last].code
        if len(code) > _LONGEST:
            break
        if len(code) >= _SHORTEST and _free_after(text, groups, last, end):
            found.append(
                (last, _Window(text, start, groups[last].end, end, code, groups[first].tied is None))
            )
    found.reverse()
    return found


def _free_before(text: str, groups: list[_Group], index: int) -> bool:
    group = groups[index]
    tied = group.tied
    if tied is not None and " " not in tied and "\n" not in tied:
        return False
    start = group.start
    if start == 0:
        return True
    sign, before = text[start - 1], text[start - 2] if start > 1 else " "
    if sign in "$€£¥#":
        return False
    if sign in ",:" and before.isdigit():
        return False
    return not (sign in "-./_" and before.isalnum())


def _free_after(text: str, groups: list[_Group], index: int, end: int) -> bool:
    if index + 1 < len(groups):
        tied = groups[index + 1].tied
        if tied is not None and " " not in tied and "\n" not in tied:
            return False
    stop = groups[index].end
    if stop >= end:
        return True
    sign, after = text[stop], text[stop + 1] if stop + 1 < end else " "
    if sign.isalnum() and sign.isascii():
        return False
    if sign in ",:." and after.isdigit():
        return False
    return sign not in "%_€$£°@" and not (sign in "-/_" and after.isalnum())


def _fixed(window: _Window) -> Found | None:
    """Numbers that hold by themselves: by check digits, or by a shape of their own."""
    code = window.code
    if not code.isdigit():
        if _IBAN.get(code[:2]) == len(code) and code[2:4].isdigit() and mod97(code):
            return Found(window.start, window.stop, "IBAN")
        return _national(window)
    begin = _dialled(window)
    if begin is not None:
        return _phone(window, begin)
    if 12 <= len(code) <= 19 and _CARD.fullmatch(code) and luhn(code) and varied(code):
        ordered = window.raw == code and window.said == "other"
        return None if ordered else Found(window.start, window.stop, "CARD")
    if len(code) == 9 and _SSN_SHAPE.fullmatch(window.raw) and _SSN.fullmatch(code):
        said = said_before(window.text, window.start)
        if said not in {"other", "phone"}:
            return Found(window.start, window.stop, "NATIONAL_ID" if said == "id" and luhn(code) else "SSN")
    return _national(window) or _shaped(window)


def _national(window: _Window) -> Found | None:
    """A number of a country that no word has to vouch for."""
    code = window.code
    skeleton = code.translate(_SKELETON)
    if skeleton not in RULES or not national(code, skeleton, _bracketed(window), told=False):
        return None
    said = window.said
    if said == "passport" or (said in {"other", "phone"} and code.isdigit()):
        return None
    return Found(window.start, _closed(window), "NATIONAL_ID")


def _shaped(window: _Window) -> Found | None:
    """A telephone number by its shape."""
    begin = _opened(window)
    if not strong(window.text[begin : window.start] + window.raw, window.code):
        return None
    said = window.said
    if said in {"other", "id", "ssn", "passport", "iban", "card"} or not (window.loose or said == "phone"):
        return None
    return _phone(window, begin)


def _told(window: _Window) -> Found | None:
    """Numbers that are what the words around say."""
    code, digits, start, stop = window.code, window.code.isdigit(), window.start, window.stop
    said = said_before(window.text, start)
    if said == "ssn" and len(code) == 9 and digits and _SSN.fullmatch(code):
        return Found(start, stop, "SSN")
    if said == "passport" and _PASSPORT.fullmatch(code) and stop - start <= len(code) + 2:
        return Found(start, stop, "PASSPORT")
    if said in {"id", "ssn"}:
        skeleton = code.translate(_SKELETON)
        if skeleton in RULES and national(code, skeleton, window.raw, told=True):
            return Found(start, _closed(window), "NATIONAL_ID")
    if said == "card" and digits and 13 <= len(code) <= 19 and luhn(code) and varied(code):
        return Found(start, stop, "CARD")
    if digits and window.said == "phone" and weak(window.raw, code):
        return _phone(window, _opened(window))
    return None


def _opened(window: _Window) -> int:
    """Where a number begins, at the bracket around its area code."""
    opened = window.start and window.text[window.start - 1] == "(" and ")" in window.raw
    return window.start - 1 if opened else window.start


def _dialled(window: _Window) -> int | None:
    """Where a number in international form begins, at its `+`; None where it is none."""
    text, begin, code = window.text, window.start, window.code
    if begin and text[begin - 1] == "(":
        begin -= 1
    if begin and text[begin - 1] == "+":
        spelled = text[window.start : window.stop].replace("(0)", "")
        return begin - 1 if international("".join(filter(str.isdigit, spelled))) else None
    if (
        code.startswith("00")
        and code[2:3] != "0"
        and len(code) >= 11
        and window.loose
        and window.said != "other"
    ):
        return window.start if international(code[2:]) else None
    return None


def _phone(window: _Window, begin: int) -> Found:
    """A telephone number with its extension."""
    extension = _EXTENSION.match(window.text, window.stop, window.limit)
    return Found(begin, extension.end() if extension else window.stop, "PHONE")


def _bracketed(window: _Window) -> str:
    """The spelling with the bracket that closes behind its last sign, as in A123456(3)."""
    return window.raw + ")" if _closed(window) > window.stop else window.raw


def _closed(window: _Window) -> int:
    raw, stop = window.raw, window.stop
    open_ = raw.count("(") > raw.count(")") and stop < window.limit and window.text[stop] == ")"
    return stop + 1 if open_ else stop
