"""The join itself, as text comes in: undecided for some words, then passing everything through."""

from dataclasses import dataclass

from shared.core.leg import Join
from shared.models.splice import glue
from shared.models.splice.ending import Sent
from shared.models.splice.half import half, looks
from shared.models.splice.look import HORIZON, Look, Nothing, Other, Overlap, Wait
from shared.models.splice.opening import Opening, opening
from shared.models.splice.scripts import spaceless
from shared.models.splice.structured import JsonLook

_STRIDE = 24
"""Code points without a space after which a look is taken all the same."""
_LATER = 96
"""The same behind the horizon, where an answer is being told from the top again."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a reader ends up with. `how` is a `Join`, or `restart` where nothing fits: then `text` is the continuation
    alone, and what was shown is void."""

    text: str
    how: str


class Seam:
    """Joins what a leg writes to `sent`, all that readers have.

    What goes out does not depend on how the text was split: a look is taken at fixed places of it only, after words.
    `json` says that the answer is one JSON text, which it then stays wherever that is possible.
    """

    __slots__ = (
        "_closer", "_json", "_kept", "_look", "_looked", "_next", "_opening", "_passes", "_raw", "_sent", "_structured",
        "failed", "how",
    )  # fmt: skip

    def __init__(self, sent: str, *, json: bool = False) -> None:
        self._sent = Sent(sent)
        place = half(sent) if json or looks(sent) else None
        self._json = json
        self._structured = place
        self._raw = ""
        self._looked = self._next = 0
        self._opening: Opening | None = None
        self._look: Look | JsonLook | None = None
        self._passes = False
        self._closer = ""
        self._kept = ""
        self.how: Join | None = None
        """How it was joined; None while that is undecided."""
        self.failed = False
        """Whether nothing fits, so that the leg's text begins the answer anew."""

    def feed(self, text: str) -> str:
        """What may go out now; nothing while it is undecided."""
        if self._passes:
            return text
        if self._closer and self.how is not None:
            return self._but_closer(text)
        self._raw += text
        if self.failed:
            return ""
        for at in self._places():
            out = self._at(self._raw[:at], final=False)
            if out is not None:
                out += self._raw[at:]
                return self._but_closer(out) if self._closer else out
        return ""

    def decide(self) -> str:
        """No more comes, or not soon: decide with what is there."""
        out = ""
        if self.how is None and not self.failed:
            out = self._at(self._raw, final=True) or ""
            if self._closer:
                out = self._but_closer(out)
        kept, self._kept = self._kept, ""
        return out if kept.strip() == self._closer else out + kept

    def pending(self) -> str:
        """All that the leg has written so far, as it came."""
        return self._raw

    def _places(self) -> list[int]:
        """Where in the text a look is due: behind each space, and now and then where there are none."""
        raw, found = self._raw, []
        for at in range(self._looked, len(raw)):
            char = raw[at]
            since = at + 1 - self._next
            often = char.isspace() or spaceless(char) or since >= _STRIDE
            if often if at <= 2 * HORIZON else since >= _LATER:
                found.append(at + 1)
                self._next = at + 1
        self._looked = len(raw)
        return found

    def _at(self, text: str, *, final: bool) -> str | None:
        """The joined text where it can be decided; None where not, or where it has failed."""
        if self.failed:
            return None
        if self._opening is None:
            self._opening = opening(self._sent, text, json=self._structured is not None, final=final)
            if self._opening is None:
                return None
        body = text[self._opening.size :]
        out = self._in_json(body, final=final) if self._structured else self._in_text(body, final=final)
        if out is not None:
            self._closer = self._opening.closer
            self._passes = not self._closer
        return out

    def _in_text(self, body: str, *, final: bool) -> str | None:
        sent, told = self._sent, self._opening is not None and self._opening.told
        if not isinstance(self._look, Look):
            self._look = Look(sent, told=told)
        verdict = self._look.at(body, final=final)
        match verdict:
            case Wait():
                return None
            case Overlap(cut, how, whole):
                self.how = how
                rest = body[cut:]
                return rest if whole else glue.after_overlap(sent.text, rest)
            case Other():
                self.failed = True
                return None
            case Nothing():
                if not body.strip() and not final:
                    return None
                if self._titled(body):
                    self.failed = True
                    return None
                self.how = "continued"
                return body if sent.fenced else glue.straight(sent, body, told=told)

    def _in_json(self, body: str, *, final: bool) -> str | None:
        assert self._structured is not None
        if not isinstance(self._look, JsonLook):
            told = self._opening is not None and self._opening.told
            self._look = JsonLook(self._sent, self._structured, told=told)
        verdict, out = self._look.at(body, final=final)
        match verdict:
            case Wait():
                return None
            case Overlap(_, how, _):
                self.how = how
            case Other():
                if not self._json:
                    # It only looked like JSON.
                    self._structured = self._look = None
                    return self._in_text(body, final=final)
                self.failed = True
                return None
            case Nothing():
                self.how = "continued"
        return out

    def _titled(self, body: str) -> bool:
        """Whether it begins an answer of its own: another title in the middle of a paragraph."""
        mine, theirs = self._sent.text.lstrip(), body.lstrip()
        titled = mine.startswith("# ") and theirs.startswith("# ")
        return titled and not self._sent.fenced and not self._sent.at_line

    def _but_closer(self, text: str) -> str:
        """Without what closes the fence or the quotation that the model has put round its answer."""
        text = self._kept + text
        at = len(text.rstrip())
        if text[:at].endswith(self._closer[0]):
            while at and text[at - 1] == self._closer[0]:
                at -= 1
        while at and text[at - 1].isspace():
            at -= 1
        self._kept = text[at:]
        return text[:at]


def joined(sent: str, continuation: str) -> Joined:
    """The whole of it at once."""
    seam = Seam(sent)
    out = seam.feed(continuation)
    out += seam.decide()
    if seam.failed or seam.how is None:
        return Joined(continuation, "restart")
    return Joined(sent + out, seam.how)
