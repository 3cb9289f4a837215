"""Finds what a continuation says again: the end of the text, or all of it from the top; exact, folded or fuzzy."""

from dataclasses import dataclass

from shared.core.leg import Join
from shared.models.splice.echo import is_echo, is_letter_echo
from shared.models.splice.ending import Sent
from shared.models.splice.follow import SHORTEST, Follower
from shared.models.splice.scripts import Folded, solid

HORIZON = 320
"""Code points of a continuation, some 64 tokens, after which it is decided, but for one that has said nothing new."""
_CERTAIN = 64
"""Folded code points in a row that are followed on, however long that takes."""
_TOP = 24
"""Folded code points that a beginning must share before it counts as begun again."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The continuation up to `cut` is there already. `whole` where that is so to the last space, so that the rest
    follows as it is."""

    cut: int
    how: Join
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """More of the continuation is needed to tell."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """It says nothing again."""


@dataclass(frozen=True, slots=True)
class Other:
    """It is another answer, begun from the top."""


Verdict = Overlap | Wait | Nothing | Other


class Look:
    """Compares a continuation with the text, as it grows."""

    def __init__(self, sent: Sent, *, told: bool) -> None:
        self._sent = sent
        self._told = told
        self._head = Folded()
        self._followers: list[Follower] | None = None
        self._top: Follower | None = None

    def at(self, text: str, *, final: bool) -> Verdict:
        """What is known when the continuation is as long as `text`. `final` where no more comes."""
        sent, head = self._sent, self._head
        head.add(text[head.size :])
        if sent.ruled and text.lstrip().startswith(sent.ruled):
            return Overlap(text.index(sent.ruled) + len(sent.ruled), "exact")
        if not head.text:
            return Nothing() if final else Wait()
        waiting, ended = self._follow(text, final=final)
        if waiting or (not final and len(text) < HORIZON and self._grows(text)):
            return Wait()
        for start in sent.tokens:
            if text.startswith(sent.text[start:]) and is_letter_echo(sent, start, text, told=self._told):
                cut = len(sent.text) - start
                return Overlap(cut, "restarted" if not start else "exact", whole=True)
        for found in sorted(ended, key=lambda one: -one.matched):
            if is_echo(sent, found, head, text, told=self._told):
                return self._overlap(found, text)
        return self._else(text, final=final)

    def candidates(self, text: str) -> list[Overlap]:
        """Every place at which the text's end has been said again, the longest first, however weak that is."""
        ended = [one for one in self._followers or () if one.state == "end"]
        return [self._overlap(one, text) for one in sorted(ended, key=lambda one: -one.matched)]

    @property
    def retold(self) -> bool:
        """Whether it has gone along with the text's beginning for a good while."""
        return self._top is not None and self._top.matched >= _TOP

    def _begin(self) -> list[Follower]:
        sent, head = self._sent, self._head.text
        seed = head[:12]
        text = sent.fold
        found = [0] if text and (text.startswith(seed) or seed.startswith(text)) else []
        for start in sent.starts:
            short = len(text) - start <= 12 and seed.startswith(text[start:])
            if start and (short or text.startswith(seed, start)):
                found.append(start)
        followers = [Follower(sent, start) for start in found]
        self._top = followers[0] if found[:1] == [0] else None
        return followers

    def _follow(self, text: str, *, final: bool) -> tuple[bool, list[Follower]]:
        if self._followers is None:
            self._followers = self._begin()
        waiting, ended, alive = False, [], []
        late = len(text) >= HORIZON
        for one in self._followers:
            one.advance(self._head, text, final=final)
            if one.state == "dead":
                continue
            alive.append(one)
            if one.state == "end":
                ended.append(one)
                waiting = waiting or not (final or self._clear(one, text))
            elif not final and (not late or one.matched >= _CERTAIN):
                waiting = waiting or one.state == "grow" or one.matched >= SHORTEST
        self._followers = alive
        return waiting, ended

    def _grows(self, text: str) -> bool:
        """Whether all that has come stands near the text's end to the letter."""
        sent, piece = self._sent.text, text.rstrip()
        return any(
            sent.startswith(piece, start) and len(sent) - start >= len(piece) for start in self._sent.tokens
        )

    def _clear(self, one: Follower, text: str) -> bool:
        """Whether enough has come behind an overlap to weigh it: a whole word, in a table the rest of the line."""
        after = text[self._head.after(one.said) :]
        if self._sent.columns and not self._sent.at_line and "\n" not in text and len(text) < HORIZON:
            return False
        bare = after.lstrip()
        if not bare:
            return False
        if solid(after[0]) and self._sent.open:
            return True
        word = bare.lstrip("".join({char for char in bare if not solid(char)}))
        return bool(word) and (len(word.split()) > 1 or word[-1:].isspace() or len(after) >= 32)

    def _overlap(self, found: Follower, text: str) -> Overlap:
        sent = self._sent
        piece = sent.text[sent.place(found.start) :]
        if found.start == 0:
            how: Join = "restarted"
            piece = sent.text
        else:
            how = "fuzzy" if found.edits else "folded"
        begun = len(text) - len(text.lstrip())
        for first in (begun, 0, self._head.places[0]):
            if text.startswith(piece, first) and not found.edits:
                return Overlap(first + len(piece), how if how == "restarted" else "exact", whole=True)
        cut = self._head.after(found.said)
        bare = piece[: len(piece) - len(sent.signs)] if sent.signs else piece
        if how == "folded" and text[:cut].endswith(bare):
            how = "exact"
        return Overlap(cut, how)

    def _else(self, text: str, *, final: bool) -> Verdict:
        """Nothing fits at the end of the text: it goes on, or it is another answer that began like this one."""
        top, sent = self._top, self._sent
        if top is None or top.matched < _TOP:
            return Nothing()
        if top.state == "grow" and final:
            return Overlap(len(text), "restarted")
        if top.state == "end":
            return Nothing()
        if sent.fenced:
            return Nothing()
        shared = sent.text[: sent.place(top.at)]
        if not sent.at_sentence or "# " in shared[:4]:
            return Other() if len(shared.split()) >= 5 or "# " in shared[:4] else Nothing()
        crossed = len([line for line in shared.split("\n") if line.strip()]) > 1 or ". " in shared
        refrain = sent.at_line and sent.begins(sent.place(top.at)) == "line"
        return Other() if crossed and top.matched >= 2 * _TOP and not refrain else Nothing()
