"""The join itself, as text comes in: undecided for some words, then passing everything through."""

from dataclasses import dataclass
from typing import cast

from shared.core.leg import Join
from shared.models.splice import glue, opening
from shared.models.splice.overlap import HORIZON, Nothing, Other, Overlap, Sent, Wait, look
from shared.models.splice.scripts import Folded, spaceless

_STRIDE = 24
"""Code points without a space after which a look is taken all the same."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a reader ends up with. `how` is a `Join`, or `restart` where nothing fits: then `text` is the continuation
    alone, and what was shown is void."""

    text: str
    how: str


class Seam:
    """Joins what a leg writes to `sent`, all that readers have.

    What goes out does not depend on how the text was split: a look is taken at fixed places of it only, after words.
    `json` says that the answer is one JSON text, in which no space is added or taken away.
    """

    __slots__ = ("_json", "_looked", "_next", "_offset", "_raw", "_said", "_sent", "failed", "how")

    def __init__(self, sent: str, *, json: bool = False) -> None:
        self._sent = Sent(sent)
        self._json = json
        self._raw = ""
        self._looked = 0
        self._next = 0
        self._offset: int | None = None
        self._said = False
        self.how: Join | None = None
        self.failed = False

    def feed(self, text: str) -> str:
        """What may go out now; nothing while it is undecided."""
        if self.how is not None:
            return text
        self._raw += text
        if self.failed:
            return ""
        for at in self._places():
            out = self._look(self._raw[:at], final=False)
            if out is not None:
                return out + self._raw[at:]
        return ""

    def decide(self) -> str:
        """No more comes, or not soon: decide with what is there."""
        if self.how is not None or self.failed:
            return ""
        return self._look(self._raw, final=True) or ""

    def pending(self) -> str:
        """All that the leg has written so far, as it came."""
        return self._raw

    def _places(self) -> "list[int]":
        """Where in the text a look is due: behind each space, and now and then where there are none."""
        raw, found = self._raw, []
        for at in range(self._looked, len(raw)):
            char = raw[at]
            if char.isspace() or spaceless(char) or at + 1 - self._next >= _STRIDE:
                found.append(at + 1)
                self._next = at + 1
        self._looked = len(raw)
        return found

    def _look(self, text: str, *, final: bool) -> str | None:
        """The joined text where it can be decided; None where not, or where it has failed."""
        start = self._opening(text, final=final)
        if start is None:
            return None
        body = text[start:]
        if not body.strip() and not final:
            return None
        verdict = look(self._sent, body, final=final, told=self._said)
        if isinstance(verdict, Wait) and len(body) >= HORIZON and not self._again(body):
            verdict = Nothing()
        match verdict:
            case Wait():
                return None
            case Overlap(cut, how, whole):
                rest = body[cut:]
                if not final and not rest.strip():
                    return None
                self.how = cast(Join, how)
                return rest if whole else glue.after_overlap(self._sent.text, rest)
            case Other():
                self.failed = True
                return None
            case Nothing():
                if self._another(body):
                    self.failed = True
                    return None
                self.how = "continued"
                if self._json or opening.inside_fence(self._sent.text):
                    return body
                return glue.straight(self._sent.text, body, told=self._said)

    def _opening(self, text: str, *, final: bool) -> int | None:
        """Where the continuation begins, after remarks and fences; None where that can't be said yet."""
        if self.failed:
            return None
        if self._offset is not None:
            return self._offset
        start = opening.preamble(text, final=final)
        if start is None:
            return None
        self._said = start > 0
        fenced = opening.inside_fence(self._sent.text)
        if fenced or self._said or self._json:
            more = opening.fence(text[start:], inside=fenced, final=final)
            if more is None:
                return None
            self._said = self._said or more > 0
            start += more
        if not fenced and not self._json and not self._sent.text.rstrip().endswith((".", "…")):
            start += opening.dots(text[start:])
        if text[start:].strip() or final:
            self._offset = start
            return start
        return None

    def _again(self, body: str) -> bool:
        """Whether it is the answer again from its top so far: that is waited for, however long it is."""
        return self._sent.whole.text.startswith(Folded(body).text[:200])

    def _another(self, body: str) -> bool:
        """Whether it begins an answer of its own: another title, another JSON text."""
        mine, theirs = self._sent.text.lstrip(), body.lstrip()
        if self._json:
            opens = mine[:1] in ("{", "[") and theirs[:1] == mine[:1]
            return opens and self._sent.text.rstrip()[-1:] not in ("{", "[", ",", ":")
        return mine.startswith("# ") and theirs.startswith("# ") and not opening.inside_fence(self._sent.text)


def joined(sent: str, continuation: str) -> Joined:
    """The whole of it at once."""
    seam = Seam(sent)
    out = seam.feed(continuation)
    out += seam.decide()
    if seam.failed or seam.how is None:
        return Joined(continuation, "restart")
    return Joined(sent + out, seam.how)
