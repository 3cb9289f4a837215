"""What an answer may not hold, looked for while it is on its way out.

A phrase is found whatever its case, its width and its accents' encoding, over any run of blanks, and with invisible
characters inside. What may still become a phrase is held back, never more of it than the longest phrase has. The first
phrase that is complete counts; whatever the text is cut into, the same is let out.
"""

import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol
from unicodedata import category, normalize

from shared.core.faults import OutputBlocked
from shared.core.rules import OutputRules

MASK = "\N{FULL BLOCK}" * 3
"""Stands for a phrase that was taken out."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Without ink, though not of a category that says so."""
_MOST_FOLDS = 4_096
_folds: dict[str, str] = {}


class Filter(Protocol):
    """Text on its way out: what may go of it now, and what was held back."""

    def feed(self, text: str) -> str:
        """What may go out."""
        ...

    def flush(self) -> str:
        """The rest: the text is over."""
        ...


class OutputGuard:
    """One answer's way out. `redactor` finds the rules' types: what it lets out is its own text, changed where it found
    one."""

    __slots__ = ("_blocked", "_masks", "_phrases", "_redactor")

    def __init__(self, rules: OutputRules, redactor: Filter | None = None) -> None:
        self._masks = rules.then == "mask"
        self._phrases = _Phrases(automaton(rules.phrases)) if rules.phrases else None
        self._redactor = redactor if redactor is None or self._masks else _Unchanged(redactor)
        self._blocked = False

    def feed(self, text: str) -> str:
        """What may go out. Raises OutputBlocked, and again each time from then on."""
        return self._passed(text, last=False)

    def flush(self) -> str:
        """What was held back: the answer is over. Raises OutputBlocked."""
        return self._passed("", last=True)

    def _passed(self, text: str, *, last: bool) -> str:
        if self._blocked:
            raise OutputBlocked
        try:
            if self._redactor is not None:
                text = self._redactor.feed(text) + (self._redactor.flush() if last else "")
            if self._phrases is None:
                return text
            return self._phrases.passed(text, last=last, masks=self._masks)
        except OutputBlocked:
            self._blocked = True
            raise


class _Unchanged:
    """Raises where a filter changes anything: it has found something."""

    __slots__ = ("_filter", "_waiting")

    def __init__(self, inner: Filter) -> None:
        self._filter, self._waiting = inner, ""

    def feed(self, text: str) -> str:
        """More of the text."""
        self._waiting += text
        return self._same(self._filter.feed(text))

    def flush(self) -> str:
        """The rest."""
        out = self._same(self._filter.flush())
        if self._waiting:
            raise OutputBlocked
        return out

    def _same(self, out: str) -> str:
        if not self._waiting.startswith(out):
            raise OutputBlocked
        self._waiting = self._waiting[len(out) :]
        return out


class _Node:
    """A beginning of a phrase."""

    __slots__ = ("back", "depth", "ends", "next")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.next: dict[str, _Node] = {}
        self.back: _Node | None = None
        """The longest other beginning that this one ends with."""
        self.ends = 0
        """How many characters the longest phrase has that is complete here; 0: none is."""


class _Phrases:
    """Finds phrases in one text."""

    __slots__ = ("_blank", "_held", "_node", "_root", "_widths")

    def __init__(self, root: _Node) -> None:
        self._root = self._node = root
        self._held: deque[str] = deque()
        self._widths: deque[int] = deque()
        """How many folded characters each of those held has."""
        self._blank = False

    def passed(self, text: str, *, last: bool, masks: bool) -> str:
        """What goes out of more of the text. Raises OutputBlocked at a phrase, unless it is masked."""
        out: list[str] = []
        for char in text:
            self._held.append(char)
            self._widths.append(0)
            found = 0
            for one in self._folded(char):
                self._widths[-1] += 1
                ends = self._step(one)
                found = max(ends, found + 1) if found else ends
            if found:
                if not masks:
                    raise OutputBlocked
                self._out(out, found)
                out.append(MASK)
                self._held.clear()
                self._widths.clear()
                self._node = self._root
            elif not self._node.depth:
                out += self._held
                self._held.clear()
                self._widths.clear()
            else:
                self._out(out, self._node.depth)
        if last:
            out += self._held
            self._held.clear()
            self._widths.clear()
            self._node = self._root
        return "".join(out)

    def _folded(self, char: str) -> str:
        found = fold(char)
        if found == " ":
            if self._blank:
                return ""
            self._blank = True
        elif found:
            self._blank = False
        return found

    def _step(self, one: str) -> int:
        node = self._node
        while one not in node.next and node.back is not None:
            node = node.back
        self._node = node.next.get(one, self._root)
        return self._node.ends

    def _out(self, out: list[str], keep: int) -> None:
        """Let out what is held, but for what the last `keep` folded characters come from."""
        total = sum(self._widths)
        while self._held and total - self._widths[0] >= keep:
            total -= self._widths.popleft()
            out.append(self._held.popleft())


def fold(char: str) -> str:
    """A character as it is compared: decomposed, without case, width and style; a blank is a space, and what can't be
    seen is nothing."""
    found = _folds.get(char)
    if found is None:
        if char.isspace():
            found = " "
        elif category(char) in ("Cf", "Cc") or _UNSEEN.match(char):
            found = ""
        else:
            # A spacing accent decomposes into a space and an accent: there is no blank in it.
            found = normalize("NFKD", normalize("NFKD", char).casefold()).replace(" ", "")
        if len(_folds) < _MOST_FOLDS:
            _folds[char] = found
    return found


def folded(text: str) -> str:
    """A text as it is compared: each run of blanks is one space, none at its ends."""
    return " ".join("".join(map(fold, text)).split())


@lru_cache(maxsize=256)
def automaton(phrases: tuple[str, ...]) -> _Node:
    """The beginnings of all phrases (Aho and Corasick, 1975). Kept: each answer of a tenant needs the same."""
    root = _Node(0)
    for phrase in phrases:
        node = root
        text = folded(phrase)
        for depth, char in enumerate(text, 1):
            node = node.next.setdefault(char, _Node(depth))
        node.ends = len(text)
    waiting: deque[_Node] = deque([root])
    while waiting:
        node = waiting.popleft()
        for char, child in node.next.items():
            back = node.back
            while back is not None and char not in back.next:
                back = back.back
            child.back = root if back is None else back.next[char]
            child.ends = max(child.ends, child.back.ends)
            waiting.append(child)
    return root


def holds(text: str, phrases: Sequence[str]) -> bool:
    """Whether a text holds one of the phrases."""
    try:
        _Phrases(automaton(tuple(phrases))).passed(text, last=True, masks=False)
    except OutputBlocked:
        return True
    return False
