"""Follows a continuation along a passage of the text that it may be saying again, to the text's end."""

from shared.models.splice.ending import Sent
from shared.models.splice.scripts import Folded, folded, spaceless, wordly

_SKIP = 4
"""Words on either side that a model may leave out, add or change at one place."""
_AGREE = 3
"""Words in a row that must agree before it counts as the same passage again."""
SHORTEST = 8
"""Folded code points that must agree before words may differ."""
_EDITS = 0.2
"""Changed words in a word of the passage, at most."""


class Follower:
    """One passage: it begins at `start` of the folded text. `state` tells how far it has come.

    grow   all of the continuation so far is in it
    end    the text's end is reached at `said` folded code points of the continuation
    apart  they part, and may come together again
    dead   they part for good
    """

    __slots__ = ("_sent", "at", "changed", "edits", "said", "start", "state")

    def __init__(self, sent: Sent, start: int) -> None:
        self._sent = sent
        self.start = self.at = start
        self.said = 0
        self.edits = 0
        self.changed: list[str] = []
        """Words that are not the same."""
        self.state = "grow"

    @property
    def matched(self) -> int:
        """Folded code points followed so far."""
        return self.at - self.start

    def advance(self, head: Folded, text: str, *, final: bool) -> None:
        """The continuation has come as far as `head`, which is `text` folded."""
        while self.state in ("grow", "apart"):
            ours, theirs = self._sent.fold, head.text
            size = _common(ours, self.at, theirs, self.said)
            self.at += size
            self.said += size
            if self.at == len(ours):
                self.state = "dead" if head.splits(self.said) else "end"
            elif self.said == len(theirs):
                self.state = "grow"
                return
            elif not self._together(head, text, final=final):
                return

    def _together(self, head: Folded, text: str, *, final: bool) -> bool:
        """Whether they come together again, behind some words that differ. Sets the state where not."""
        if self.matched < SHORTEST:
            self.state = "dead"
            return False
        ours, at = self._ours()
        theirs = _words(head, text, self.said, final=final)
        if at <= self.start or not ours:
            self.state = "dead"
            return False
        found = _again([word for word, _ in ours], [word for word, _ in theirs])
        if found is None:
            full = len(theirs) >= _SKIP + _AGREE or final
            self.state = "dead" if full else "apart"
            return False
        skipped, added = found
        left = [word for word, _ in ours[:skipped]]
        new = [word for word, _ in theirs[:added]]
        if not _spelled(left, new):
            self.changed += left + new
        self.edits += max(skipped, added)
        self.at = ours[skipped][1]
        self.said = theirs[added][1]
        count = len(self._sent.text[self._sent.place(self.start) : self._sent.place(self.at)].split())
        if self.edits > max(count * _EDITS, 1):
            self.state = "dead"
            return False
        self.state = "grow"
        return True

    def _ours(self) -> tuple[list[tuple[str, int]], int]:
        """The words of the text from the one on in which they part, and where that begins."""
        every, text = self._sent.every, self._sent.text
        begun = _word_start(every, text, self.at)
        place = every.places[begun]
        cut = min(len(text), place + 300)
        part = Folded(text[place:cut])
        found = [(word, begun + n) for word, n in _split(part, text[place:cut])]
        if cut < len(text):
            found = found[:-1]
        return found, begun


def _word_start(head: Folded, text: str, count: int) -> int:
    """The first folded code point of the word at that one."""
    while count > 0:
        place = head.places[count]
        if place == 0 or not wordly(text[place - 1]) or spaceless(text[place]) or spaceless(text[place - 1]):
            break
        count -= 1
        if not folded(text[place - 1]):
            count += 1
            break
    return count


def _words(head: Folded, text: str, count: int, *, final: bool) -> list[tuple[str, int]]:
    """The words of the continuation from the one on in which they part; the last only where it is whole."""
    begun = _word_start(head, text, count)
    place = head.places[begun]
    part = Folded(text[place : place + 300])
    found = [(word, begun + n) for word, n in _split(part, text[place : place + 300])]
    whole = final or not text or not wordly(text[-1]) or spaceless(text[-1])
    return found if whole or len(text) > place + 300 else found[:-1]


def _split(part: Folded, text: str) -> list[tuple[str, int]]:
    """The words of a text, with the folded code point at which each begins."""
    found: list[tuple[str, int]] = []
    last = -2
    for n, place in enumerate(part.places):
        char = part.text[n]
        near = place in (last, last + 1) or (place == last + 2 and text[place - 1] in "'’")
        if found and near and not spaceless(char) and not spaceless(text[last]):
            found[-1] = (found[-1][0] + char, found[-1][1])
        else:
            found.append((char, n))
        last = place
    return found


def _again(ours: list[str], theirs: list[str]) -> tuple[int, int] | None:
    """How many words of each to pass over, the fewest, so that the next ones agree."""
    for total in range(1, 2 * _SKIP + 1):
        for skipped in range(max(total - _SKIP, 0), min(total, _SKIP) + 1):
            added = total - skipped
            left = ours[skipped : skipped + _AGREE]
            if len(left) < 2 or added > _SKIP:
                continue
            if theirs[added : added + len(left)] == left and sum(map(len, left)) >= 6:
                return skipped, added
    return None


def _spelled(ours: list[str], theirs: list[str]) -> bool:
    """Whether the words that differ are the same ones, spelled another way."""
    if len(ours) != len(theirs):
        return False
    return all(_near(one, other) for one, other in zip(ours, theirs, strict=True))


def _near(one: str, other: str) -> bool:
    """Whether two words are one letter apart, and no numbers."""
    if min(len(one), len(other)) < 4 or any(char.isdigit() for char in one + other):
        return one == other
    size = min(len(one), len(other))
    head = next((n for n in range(size) if one[n] != other[n]), size)
    tail = next((n for n in range(size - head) if one[-1 - n] != other[-1 - n]), size - head)
    return max(len(one), len(other)) - head - tail <= 2


def _common(a: str, start: int, b: str, begin: int) -> int:
    """How far two texts agree from there on."""
    low, high = 0, min(len(a) - start, len(b) - begin)
    if a.startswith(b[begin : begin + high], start):
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if a.startswith(b[begin + low : begin + middle], start + low):
            low = middle
        else:
            high = middle - 1
    return low
