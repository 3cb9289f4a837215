"""Where a prompt is code: fences, spans between backticks, indented lines, as CommonMark has them.

Of a block inside a quotation or a list the fence is seen, too. Where this must guess, it takes text for code: code is
left as it is, so a wrong guess costs a hit and never a wrong answer.
"""

import re
from dataclasses import dataclass

INDENTED = re.compile(r" {0,3}\t| {4}")
"""A line that begins so is code, whatever stands above it."""
_OPENING = re.compile(
    r"(?P<lead>[ ]{0,3}(?:>[ ]{0,4})*(?:(?:[-*+]|\d{1,9}[.)])[ ]{1,4})*)(?P<fence>`{3,}|~{3,})(?P<info>.*)",
    re.S,
)
_CLOSING = re.compile(r"(?P<lead>[ >]*)(?P<fence>`{3,}|~{3,})[ \t]*\Z")
_QUOTED = re.compile(r" {0,3}>")
_TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open block of code. `lead` is how far from the left its fence stands, `quoted` whether in a quotation."""

    sign: str
    length: int
    lead: int
    quoted: bool

    def closed_by(self, line: str) -> bool:
        """Whether the block ends with this line."""
        found = _CLOSING.match(line)
        if found is None or found["fence"][0] != self.sign or len(found["fence"]) < self.length:
            return False
        return len(found["lead"]) <= self.lead + 3

    def left_by(self, line: str) -> bool:
        """Whether the block has ended before this line, since its quotation has."""
        return self.quoted and _QUOTED.match(line) is None


def opened(line: str) -> Fence | None:
    """The block that a line of prose opens."""
    found = _OPENING.match(line)
    if found is None or (found["fence"][0] == "`" and "`" in found["info"]):
        return None
    return Fence(found["fence"][0], len(found["fence"]), len(found["lead"]), ">" in found["lead"])


def spans(line: str) -> list[tuple[int, int]]:
    """Start and end of each span of code in a line, backticks included, in order. Linear in the line's length."""
    runs = [run.span() for run in _TICKS.finditer(line)]
    later: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        start, end = runs[index]
        later.setdefault(end - start, []).append(index)
    found, index = [], 0
    while index < len(runs):
        start, end = runs[index]
        start += _escaped(line, start)
        waiting = later.get(end - start, [])
        while waiting and waiting[-1] <= index:
            waiting.pop()
        if waiting:
            index = waiting[-1]
            found.append((start, runs[index][1]))
        index += 1
    return found


def _escaped(line: str, at: int) -> bool:
    """Whether a backslash takes the backtick at `at` for a letter."""
    begin = at
    while begin and line[begin - 1] == "\\":
        begin -= 1
    return (at - begin) % 2 == 1
