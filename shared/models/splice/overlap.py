"""Finds what a continuation says again: the end of the text, or all of it from the top. Exact, then folded, then fuzzy.

Evidence decides. A repeated word or two may be what the author wrote; a repeated clause, a repeated beginning, or a
repetition after a remark is a model's echo. What the text itself repeats already is its habit, and stands.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from shared.models.splice.scripts import Folded, spaceless, wordly

TAIL = 1_200
"""Code points of the end, some 200 tokens, against which a continuation is laid."""
HORIZON = 320
"""Code points of a continuation, some 64 tokens, after which it is decided."""
_RESTART = 24
"""Folded code points that a beginning must share before it counts as begun again."""
_ANCHOR = 24
_NEAR = 0.84
"""Likeness from which two passages count as the same."""


_MARKUP = frozenset("\"'“‘«*_`>#-|([{.…")
"""What may stand before a word without setting it off from what came before."""
_ITEM = re.compile(r"\d+[.)]\s\S")
"""A numbered line: no list has a number twice."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The continuation up to `cut` is there already. `how` as in `shared.core.leg.Join`. `whole` where that is so to
    the last space, so that the rest follows as it is."""

    cut: int
    how: str
    whole: bool = False


class Wait:
    """More of the continuation is needed to tell."""


class Nothing:
    """It says nothing again."""


class Other:
    """It is another answer: neither the end nor the beginning of it fits."""


Verdict = Overlap | Wait | Nothing | Other


class Sent:
    """What readers have, made ready to be compared with."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.whole = Folded(text)
        self._base = max(len(text) - TAIL, 0)
        tail = text[self._base :]
        self.tail = Folded(tail)
        places = self.tail.places
        self.starts = [
            n
            for n, place in enumerate(places)
            if place == 0
            or not wordly(tail[place - 1])
            or spaceless(tail[place])
            or spaceless(tail[place - 1])
        ]
        """Where words begin in the folded tail."""
        self.tail_text = tail
        self.tokens = [
            n
            for n in range(max(len(tail) - 400, 0), len(tail))
            if not tail[n].isspace() and (n == 0 or tail[n - 1].isspace())
        ]
        """Where things between spaces begin in the last part of the tail."""
        self.open_word = bool(text) and wordly(text[-1]) and not spaceless(text[-1])
        """Whether the text may end inside a word."""


def look(sent: Sent, text: str, *, final: bool, told: bool) -> Verdict:
    """What `text`, the beginning of a continuation, says again of `sent`. `told` where it began with a remark that it
    goes on: then less evidence will do. `final` where no more will come."""
    head = Folded(text)
    if not head.text:
        return Nothing() if final else Wait()
    restart = _restart(sent, head, text, final=final)
    if not isinstance(restart, Nothing):
        return restart
    return _end(sent, head, text, final=final, told=told)


def _restart(sent: Sent, head: Folded, text: str, *, final: bool) -> Verdict:
    """The answer again from its top."""
    whole, count = sent.whole.text, len(head.text)
    if len(whole) < 3:
        return Nothing()
    if text.startswith(sent.text) and len(text) > len(sent.text) and len(sent.text.split()) >= 3:
        return Overlap(len(sent.text), "restarted", whole=True)
    if head.text.startswith(whole):
        if not final and count == len(whole):
            return Wait()
        enough = len(whole) >= _RESTART or (
            len(text[: head.after(len(whole))].split()) >= 3 and _same_signs(sent, head, len(whole), text)
        )
        if not enough or not _may_cut(sent, head, len(whole), text):
            return Nothing()
        return Overlap(head.after(len(whole)), "restarted")
    if whole.startswith(head.text):
        if not final:
            return Wait()
        return Overlap(len(text), "restarted") if count >= _RESTART else Nothing()
    same = _common(whole, head.text)
    if same < _RESTART or same < min(len(whole) // 20, 200):
        return Nothing()
    # It began like the answer and then went its own way: where it comes back to what readers saw last, it may go on.
    anchor = whole[-_ANCHOR:]
    found = head.text.find(anchor, same)
    if found >= 0:
        return Overlap(head.after(found + len(anchor)), "fuzzy")
    left = len(whole) - same
    if final or count > len(whole) + left // 2 + 200 or left > 2_000:
        return Other() if count > same + 40 or left > 40 else Nothing()
    return Wait()


def _end(sent: Sent, head: Folded, text: str, *, final: bool, told: bool) -> Verdict:
    """The end of the answer once more."""
    tail, said = sent.tail.text, head.text
    if not final and _may_grow(sent, head, text):
        return Wait()
    if letter := _to_the_letter(sent, text, final=final, told=told):
        return letter
    best = 0
    for start in sent.starts:
        size = len(tail) - start
        if not best < size <= len(said) or not said.startswith(tail[start:]):
            continue
        if _may_cut(sent, head, size, text) and _enough(sent, start, size, head, text, told=told):
            best = size
    if best:
        if not final and len(said) == best:
            return Wait()
        whole = text[: head.after(best)].strip()
        return Overlap(head.after(best), "exact" if sent.text.rstrip().endswith(whole) else "folded")
    return _near(sent, head, text, final=final)


def _may_grow(sent: Sent, head: Folded, text: str) -> bool:
    """Whether all that has come is said again so far, and the end of it is not reached."""
    tail, said, piece = sent.tail.text, head.text, text.rstrip()
    if any(len(tail) - start > len(said) and tail.startswith(said, start) for start in sent.starts):
        return True
    return any(
        len(sent.tail_text.rstrip()) - start > len(piece) and sent.tail_text.startswith(piece, start)
        for start in sent.tokens
    )


def _to_the_letter(sent: Sent, text: str, *, final: bool, told: bool) -> Overlap | Wait | None:
    """The end once more, punctuation, spaces and all: cells of a table and lines of code have few letters."""
    tail = sent.tail_text
    for start in sent.tokens:
        piece = tail[start:]
        if len(piece) > len(text) or not text.startswith(piece):
            continue
        tokens, letters = len(piece.split()), sum(char.isalnum() for char in piece)
        enough = tokens >= 3 and len(piece.strip()) >= 5 and letters >= 1
        enough = enough or (tokens == 2 and letters >= 7) or letters >= 9 or (told and letters >= 3)
        enough = enough or (_ITEM.match(piece) is not None and piece.endswith("\n"))
        habit = tail.count(piece.strip()) >= 2 and len(piece) < 80 and not told
        if enough and not habit and (sent.open_word or not _word_goes_on(text, len(piece))):
            more = final or text[len(piece) :].strip()
            return Overlap(len(piece), "exact", whole=True) if more else Wait()
    return None


def _word_goes_on(text: str, at: int) -> bool:
    return 0 < at < len(text) and wordly(text[at]) and wordly(text[at - 1]) and not spaceless(text[at])


def _near(sent: Sent, head: Folded, text: str, *, final: bool) -> Verdict:
    """The end once more in nearly the same words: it begins alike, and all of it is alike."""
    tail, said = sent.tail.text, head.text
    begun = [start for start in sent.starts if tail.startswith(said[:8], start) and len(tail) - start >= 24]
    if len(said) < 8 or not begun:
        return Nothing()
    for start in begun:
        ours = tail[start:]
        if len(said) < len(ours) + 6 and not final and len(text) < HORIZON:
            return Wait()
        theirs = said[: len(ours) + max(len(ours) // 5, 6)]
        matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
        blocks = [block for block in matcher.get_matching_blocks() if block.size >= 3]
        if not blocks:
            continue
        last = blocks[-1]
        if last.a + last.size < len(ours) - 2:
            continue
        end = last.b + last.size + (len(ours) - last.a - last.size)
        same = sum(block.size for block in blocks)
        if 2 * same / (len(ours) + end) >= _NEAR and _may_cut(sent, head, min(end, len(said)), text):
            return Overlap(head.after(min(end, len(said))), "fuzzy")
    return Nothing()


def _enough(sent: Sent, start: int, size: int, head: Folded, text: str, *, told: bool) -> bool:
    """Whether so much said again is an echo and no coincidence."""
    piece = sent.tail_text[sent.tail.places[start] :]
    overlap = sent.tail.text[start:]
    if any(spaceless(char) for char in overlap):
        return (size >= 2 if told else size >= 4) and sent.tail.text.count(overlap) < 2
    ahead = sent.tail_text[: sent.tail.places[start]]
    if size < _RESTART and not _same_signs(sent, head, size, text, ahead):
        return False
    words = len(piece.split())
    inside = _goes_on(head, size, text)
    if sent.open_word and inside and words == 1:
        # A word that was cut, written again and finished: at once, for a space before it would begin another.
        return size >= 2 and not text[:1].isspace() and not (overlap.isdigit() and size < 3)
    if sent.tail.text.count(overlap) >= 2 and size < 80 and not told:
        return False
    if told:
        return size >= 3
    if overlap.isdigit():
        return size >= 6
    return (words >= 3 and size >= 5) or (words == 2 and size >= 7) or size >= 9


def _same_signs(sent: Sent, head: Folded, size: int, text: str, ahead: str = "") -> bool:
    """Whether an overlap has the punctuation of what it would repeat: an author who writes a phrase twice sets it off,
    a model that repeats what was there repeats its commas too. `ahead` is what stands before it."""
    before = text[: head.places[0]].strip()
    if before and not set(before) <= _MARKUP and not ahead.rstrip().endswith(before):
        return False
    there = sent.text[len(sent.text.rstrip(_signs(sent.text))) :].strip()
    after = text[head.after(size) :]
    return not there or after[: len(after) - len(after.lstrip(_signs(after)))].lstrip().startswith(there)


def _signs(text: str) -> str:
    return "".join({char for char in text if not wordly(char)})


def _may_cut(sent: Sent, head: Folded, size: int, text: str) -> bool:
    """Whether what follows may follow: not the rest of a longer word where the text's own word is whole."""
    return sent.open_word or not _goes_on(head, size, text)


def _goes_on(head: Folded, size: int, text: str) -> bool:
    """Whether the word at the end of the first `size` folded code points goes on after them."""
    at = head.after(size)
    return at < len(text) and wordly(text[at]) and not spaceless(text[at])


def _common(a: str, b: str) -> int:
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
