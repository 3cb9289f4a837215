"""Numbers of people and accounts: groups of digits and letters, read together as far as they hold."""

import re
from functools import lru_cache
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
_SSN_SHAPE = re.compile(r"\d{3}([ \-])\d\d\1\d{4}")
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
    for sure in (True, False):
        for last, code, digits in windows:
            found = _read(text, groups, first, last, code, digits, end, sure)
            if found:
                return found, last + 1
    return None, first + 1


def _windows(text: str, groups: list[_Group], first: int, end: int) -> list[tuple[int, str, bool]]:
    """Runs of groups from `first` that stand free, longest first."""
    if not _free_before(text, groups, first):
        return []
    code, found = "", []
    for last in range(first, min(len(groups), first + _MOST)):
        if last > first and groups[last].tied is None:
            break
        code += groups[last].code
        if len(code) > _LONGEST:
            break
        if len(code) >= _SHORTEST and _free_after(text, groups, last, end):
            found.append((last, code, code.isdigit()))
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


def _read(  # a window of the groups and what it holds
    text: str, groups: list[_Group], first: int, last: int, code: str, digits: bool, end: int, sure: bool
) -> Found | None:
    start, stop = groups[first].start, groups[last].end
    raw = text[start:stop].replace("\n", " ")
    if sure:
        return _fixed(text, start, stop, code, digits, raw, end)
    return _told(text, start, stop, code, digits, raw, end)


def _said(text: str, start: int, stop: int, end: int) -> Said:
    return said_before(text, start) or said_after(text, stop, end)


def _fixed(text: str, start: int, stop: int, code: str, digits: bool, raw: str, end: int) -> Found | None:
    """Numbers that hold by themselves: by check digits, or by a shape of their own."""
    if not digits:
        if _IBAN.get(code[:2]) == len(code) and code[2:4].isdigit() and mod97(code):
            return Found(start, stop, "IBAN")
    elif (phone := _dialled(text, start, stop, code)) is not None:
        return _whole(text, phone, stop, end)
    elif 12 <= len(code) <= 19 and _CARD.fullmatch(code) and luhn(code) and varied(code):
        if raw != code or _said(text, start, stop, end) != "other":
            return Found(start, stop, "CARD")
        return None
    elif len(code) == 9 and _SSN_SHAPE.fullmatch(raw) and _SSN.fullmatch(code):
        said = _said(text, start, stop, end)
        return (
            None
            if said in {"other", "phone"}
            else Found(start, stop, "NATIONAL_ID" if said == "id" and luhn(code) else "SSN")
        )
    skeleton = code.translate(_SKELETON)
    if skeleton in RULES and national(code, skeleton, _bracketed(text, raw, stop), told=False):
        said = _said(text, start, stop, end)
        if said not in {"other", "phone", "passport"} or (not digits and said != "passport"):
            return Found(start, _closed(text, start, stop, end), "NATIONAL_ID")
    if digits:
        opened = start - 1 if start and text[start - 1] == "(" and ")" in raw else start
        spelled = "(" + raw if opened < start else raw
        if strong(spelled, code):
            said = _said(text, start, stop, end)
            if said not in {"other", "id", "ssn", "passport", "iban", "card"}:
                return _whole(text, opened, stop, end)
    return None


def _told(text: str, start: int, stop: int, code: str, digits: bool, raw: str, end: int) -> Found | None:
    """Numbers that are what the words around say."""
    said = said_before(text, start)
    if not said and digits:
        said = said_after(text, stop, end)
    if said in {"id", "ssn", "card", "passport"}:
        skeleton = code.translate(_SKELETON)
        if said == "ssn" and len(code) == 9 and digits and _SSN.fullmatch(code):
            return Found(start, stop, "SSN")
        if (
            said == "passport"
            and any(map(str.isdigit, code))
            and _PASSPORT.fullmatch(code)
            and len(raw) <= len(code) + 2
        ):
            return Found(start, stop, "PASSPORT")
        if said in {"id", "ssn"} and skeleton in RULES and national(code, skeleton, raw, told=True):
            return Found(start, _closed(text, start, stop, end), "NATIONAL_ID")
        if said == "card" and digits and 13 <= len(code) <= 19 and luhn(code) and varied(code):
            return Found(start, stop, "CARD")
    if said == "phone" and digits:
        opened = start - 1 if start and text[start - 1] == "(" and ")" in raw else start
        if weak(raw, code):
            return _whole(text, opened, stop, end)
    return None


def _dialled(text: str, start: int, stop: int, code: str) -> int | None:
    """Where a number in international form begins, at its `+`; None where it is none."""
    begin = start
    if begin and text[begin - 1] == "(":
        begin -= 1
    if begin and text[begin - 1] == "+":
        body = re.sub(r"\(0\)", "", text[start:stop])
        plain = "".join(filter(str.isdigit, body))
        return begin - 1 if international(plain) else None
    if code.startswith("00") and code[2:3] not in {"", "0"} and len(code) >= 11 and text[start:stop] != code:
        return start if international(code[2:]) else None
    return None


def _whole(text: str, start: int, stop: int, end: int) -> Found:
    """A telephone number with its extension."""
    if start and text[start - 1] == "(" and text[stop : stop + 1] == ")":
        pass
    extension = _EXTENSION.match(text, stop, end)
    return Found(start, extension.end() if extension else stop, "PHONE")


def _bracketed(text: str, raw: str, stop: int) -> str:
    """The spelling with the bracket that closes behind its last sign, as in A123456(3)."""
    return raw + ")" if raw.count("(") > raw.count(")") and text[stop : stop + 1] == ")" else raw


def _closed(text: str, start: int, stop: int, end: int) -> int:
    raw = text[start:stop]
    return stop + 1 if raw.count("(") > raw.count(")") and stop < end and text[stop] == ")" else stop


@lru_cache(maxsize=1)
def iban_countries() -> frozenset[str]:
    """The countries whose IBANs are known."""
    return frozenset(_IBAN)
