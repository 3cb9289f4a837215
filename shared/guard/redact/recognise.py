"""All finds of an island, those of fixed form first; what one takes the next can't."""

import re

from shared.guard.redact.addresses import emails, ips
from shared.guard.redact.found import Found
from shared.guard.redact.islands import LOOK_BACK
from shared.guard.redact.numbers import numbers
from shared.guard.redact.secrets import labelled, secrets

_MARK = re.compile(r"⟦[A-Z][A-Z_]{1,23}_[0-9]{1,6}(?:\.[0-9]{1,4})?⟧")
_HARMLESS = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{40}(?:[0-9a-f]{24})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+\-][0-9]{2}:?[0-9]{2})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|97[89][- ]?(?:[0-9][- ]?){9}[0-9]"
    r"|-?[0-9]{1,3}\.[0-9]{3,10}°?(?: ?[NSEW])?(?:, ?| )-?[0-9]{1,3}\.[0-9]{3,10})(?![0-9A-Za-z])"
)
"""UUIDs, digests, moments, ISBN-13, coordinates."""
_LONG = re.compile(r"[A-Za-z0-9_\-.+/=~:]{12}|://")
_ADDRESS = re.compile(r"@|[\[({<] ?(?:at|ät|arroba|a) ?[\])}>]| (?:at|arroba) ", re.IGNORECASE)
_DOTTED = re.compile(r"[0-9] ?[\[(]?(?:\.|dot).*[0-9] ?[\[(]?(?:\.|dot)|:[^ ]*:", re.IGNORECASE)
_NUMBERED = re.compile(r"[0-9](?:[^0-9]{0,5}[0-9]){5}|[A-Z]{5}[0-9]{4}[A-Z]", re.IGNORECASE)
"""What any find of a kind has, so that most islands cost a glance."""
_SPACED = re.compile(r"(?<!\w)(?:[^ \n] ){4,}[^ \n](?=[ \n\"')\]},.;:!?>]|\Z)")


def recognised(text: str, start: int, end: int, labels: bool) -> list[Found]:
    """The finds between `start` and `end`, in order, none over another. `labels`: whether the text can hold labels."""
    spaced = _SPACED.search(text, start, end)
    if spaced is None:
        return _plain(text, start, end, labels)
    base = max(0, start - LOOK_BACK)
    at: list[int] = list(range(base, start))
    last = start
    for run in _SPACED.finditer(text, start, end):
        at += range(last, run.start())
        at += range(run.start(), run.end(), 2)
        last = run.end()
    at += range(last, end)
    closed = "".join([text[index] for index in at])
    found = _plain(closed, start - base, len(closed), True)
    return [Found(at[one.start], at[one.end - 1] + 1, one.type) for one in found]


def _plain(text: str, start: int, end: int, labels: bool) -> list[Found]:
    taken: list[Found] = []
    part = text[start:end]
    if "⟦" in part:
        taken += [Found(mark.start(), mark.end(), "MARK") for mark in _MARK.finditer(text, start, end)]
    if _LONG.search(part):
        _take(taken, secrets(text, start, end))
    if _ADDRESS.search(part):
        _take(taken, emails(text, start, end))
    if labels:
        _take(taken, labelled(text, start, end))
    if _DOTTED.search(part):
        _take(taken, ips(text, start, end))
    if _NUMBERED.search(part):
        _take(taken, [Found(no.start(), no.end(), "") for no in _HARMLESS.finditer(text, start, end)])
        _take(taken, numbers(text, start, end, taken))
    return sorted(one for one in taken if one.type) if len(taken) > 1 else [one for one in taken if one.type]


def _take(taken: list[Found], more: list[Found]) -> None:
    """Add those that stand free."""
    for one in more:
        if all(one.end <= other.start or other.end <= one.start for other in taken):
            taken.append(one)
