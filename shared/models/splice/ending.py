"""What readers have, made ready to be compared with, and how it ends."""

import re
from functools import cached_property

from shared.models.splice.scripts import Folded, fold, solid, spaceless, wordly

TAIL = 2_400
"""Code points of the end against which a continuation is laid. The echoes of today's models are within 1,200."""
_CLOSERS = "\"'”’»)]*_`」』）"
_STOPS = ".!?…。！？।؟۔։"
_MARKER = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)]|#{1,6}|>)[ \t]")
_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*")


class Sent:
    """All that readers have. The end of it is looked at closely, the rest only where that is of use."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fold = fold(text)
        base = max(len(text) - TAIL, 0)
        self.tail = Folded(text[base:])
        self._base = base
        self.shift = len(self.fold) - len(self.tail.text)
        """Folded code points before the tail."""
        self.open = bool(text) and wordly(text[-1]) and not spaceless(text[-1])
        """Whether the text may end inside a word."""

    @cached_property
    def starts(self) -> list[int]:
        """Where words begin in the tail, counted in folded code points of the whole text."""
        text, base, shift, last = self.text, self._base, self.shift, -1
        found = []
        for n, local in enumerate(self.tail.places):
            place = base + local
            if place == last:
                continue
            last = place
            before = text[place - 1] if place else " "
            if not wordly(before) or spaceless(text[place]) or spaceless(before):
                found.append(shift + n)
        return found

    @cached_property
    def tokens(self) -> list[int]:
        """Where things between spaces begin in the last part of the text."""
        text, low = self.text, max(len(self.text) - 400, 0)
        return [
            n for n in range(low, len(text)) if not text[n].isspace() and (not n or text[n - 1].isspace())
        ]

    @cached_property
    def every(self) -> Folded:
        """All of it folded, with places."""
        return Folded(self.text) if self._base else self.tail

    def place(self, count: int) -> int:
        """Where in the text that folded code point stands."""
        if count >= self.shift:
            local = count - self.shift
            return self._base + self.tail.places[local] if local < len(self.tail.places) else len(self.text)
        return self.every.places[count]

    @cached_property
    def signs(self) -> str:
        """What stands behind the last letter."""
        at = len(self.text)
        while at and not solid(self.text[at - 1]):
            at -= 1
        return self.text[at:]

    @cached_property
    def line(self) -> str:
        """The last line, as far as it has come."""
        return self.text[self.text.rfind("\n") + 1 :]

    @cached_property
    def fenced(self) -> str:
        """The mark of the code fence that is open at the end, or nothing."""
        mark = ""
        if "```" not in self.text and "~~~" not in self.text:
            return mark
        for line in self.text.split("\n"):
            head = line.lstrip()[:3]
            if head in ("```", "~~~") and (not mark or (head == mark and not line.strip().strip(mark[0]))):
                mark = "" if mark else head
        return mark

    @cached_property
    def at_line(self) -> bool:
        """Whether the next thing begins a line."""
        return not self.line.strip()

    @cached_property
    def at_sentence(self) -> bool:
        """Whether the next thing begins a sentence or a line."""
        bare = self.text.rstrip().rstrip(_CLOSERS)
        return self.at_line or not bare or bare[-1] in _STOPS

    def begins(self, place: int) -> str:
        """What begins there: `line`, `sentence` or nothing of the kind."""
        before = self.text[:place].rsplit("\n", 1)[-1]
        if not before.strip(" \t*_`\"“'«#>-|") or _MARKER.fullmatch(before + " "):
            return "line"
        bare = before.rstrip().rstrip(_CLOSERS + "“«")
        return "sentence" if before[-1:].isspace() and bare[-1:] and bare[-1] in _STOPS else ""

    @cached_property
    def columns(self) -> int:
        """How many bars a line of the table has in which the text ends; 0 where it ends in none."""
        lines = self.text.rsplit("\n", 3)[1:]
        if len(lines) < 2 or not lines[-1].lstrip().startswith("|"):
            return 0
        above = lines[-2].strip()
        return above.count("|") if above.startswith("|") and above.endswith("|") else 0

    @cached_property
    def ruled(self) -> str:
        """The line under a table's head, where that is the last one."""
        last = self.text.rstrip().rsplit("\n", 1)[-1]
        return last.strip() if _RULE.fullmatch(last) else ""
