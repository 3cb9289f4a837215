"""What is to be hidden in a text, and the text without it."""

import re
from collections.abc import Set
from dataclasses import dataclass

from shared.guard.redact.found import Found
from shared.guard.redact.islands import LIMIT, PEM, Starts, following
from shared.guard.redact.names import Names
from shared.guard.redact.recognise import recognised
from shared.guard.redact.shadow import Shadow, fold

ALL = frozenset({"EMAIL", "PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID", "PASSPORT", "IP", "JWT", "SECRET"})
"""Every type. `*` in a set of types stands for all of them."""
SWALLOW = 16_384
"""Code points that a key block or a token may have."""
_PEM_HEAD = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----")
_PEM_HEAD_LONGEST = 80
_PEM_BEGIN = "-----BEGIN"
_PEM_BODY = re.compile(rf"[A-Za-z0-9+/=\\ \n:,.()\-]{{0,{SWALLOW}}}")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{24}")
_UNBROKEN = re.compile(rf"[A-Za-z0-9_.+/=~\-]{{0,{SWALLOW}}}")


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found, in code points of the original."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text with placeholders, and what they replaced, in order; a mark that the text had is of type MARK."""

    text: str
    spans: tuple[Span, ...]


def find(text: str, types: Set[str] = ALL) -> tuple[Span, ...]:
    """What there is of these types: in order, none over another."""
    shadow = fold(text)
    found, _ = scan(shadow.text, 0, final=True)
    if not found:
        return ()
    return tuple(
        Span(*placed(shadow, one), one.type) for one in found if asked(one.type, types) and one.type != "MARK"
    )


def redact(text: str, types: Set[str], names: Names) -> Redacted:
    """The text with a placeholder for everything of these types, and for every placeholder that a user wrote."""
    shadow = fold(text)
    found, _ = scan(shadow.text, 0, final=True) if types else ([], 0)
    if not found:
        return Redacted(text, ())
    spans = tuple(Span(*placed(shadow, one), one.type) for one in found if asked(one.type, types))
    pieces, last = [], 0
    for span in spans:
        pieces += [text[last : span.start], names.mark(span.type, text[span.start : span.end])]
        last = span.end
    return Redacted("".join([*pieces, text[last:]]), spans)


def asked(type_: str, types: Set[str]) -> bool:
    """Whether a find of this type is to be hidden."""
    return type_ in types or "*" in types or type_ == "MARK"


def placed(shadow: Shadow, found: Found) -> tuple[int, int]:
    """Where a find stands in the original."""
    if shadow.at is None:
        return found.start, found.end
    return shadow.at[found.start], shadow.at[found.end - 1] + 1


def scan(text: str, start: int, final: bool) -> tuple[list[Found], int]:
    """What is found in a shadow from `start` on, and up to where that holds whatever comes behind; all of it where the
    text is `final`."""
    starts = Starts(text)
    found: list[Found] = []
    if final and starts.quiet:
        return found, len(text)
    while True:
        island = following(text, start, final, starts)
        if isinstance(island, int):
            return found, island
        if island.pem:
            block = _block(text, island.start, final)
            if block is None:
                return found, island.start
            start = block or island.start + len(PEM)
            if block:
                found.append(Found(island.start, block, "SECRET"))
            continue
        inside = recognised(text, island.start, island.end, starts.labels)
        start = island.end
        if island.cut:
            half = island.start + LIMIT // 2
            inside = [one for one in inside if one.start < half]
            if inside and inside[-1].end == island.end and inside[-1].type in {"JWT", "SECRET"}:
                end = _swallowed(text, island.end, final)
                if end is None:
                    return found, island.start
                inside[-1] = Found(inside[-1].start, end, inside[-1].type)
            start = max(half, inside[-1].end) if inside else half
        found += inside


def _block(text: str, start: int, final: bool) -> int | None:
    """Where a key block ends; 0 where there is none, None where that can't be known yet."""
    head = _PEM_HEAD.match(text, start)
    if head is None:
        return None if not final and len(text) - start < _PEM_HEAD_LONGEST else 0
    body = _PEM_BODY.match(text, head.end())
    reached = body.end() if body else head.end()
    # A block ends before another one begins: else a row of heads would be read again from each of them.
    another = text.find(_PEM_BEGIN, head.end(), reached)
    reached = another if another >= 0 else reached
    tail = _PEM_END.search(text, head.end(), reached)
    if tail:
        return tail.end()
    if reached == len(text) and reached - head.end() < SWALLOW and not final:
        return None
    lines = list(_KEY_LINE.finditer(text, head.end(), reached))
    if not lines:
        return 0
    rest = _UNBROKEN.match(text, lines[-1].end(), reached)
    return rest.end() if rest else lines[-1].end()


def _swallowed(text: str, end: int, final: bool) -> int | None:
    """Where a token ends that is longer than what is looked at in one go; None where that can't be known yet."""
    rest = _UNBROKEN.match(text, end)
    reached = rest.end() if rest else end
    return None if reached == len(text) and reached - end < SWALLOW and not final else reached
