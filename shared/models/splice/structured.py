"""The join of a JSON text: what is joined must stay one, and of what may be, that which says nothing twice."""

from shared.models.splice.ending import Sent
from shared.models.splice.half import Half
from shared.models.splice.look import Look, Nothing, Other, Overlap, Verdict, Wait

_REPAIRS = 3
"""Signs at the beginning of a continuation that may be one too many."""
_ENOUGH = 12
"""Code points behind a place where two texts may meet that show whether they do."""


class JsonLook:
    """`Look` for a JSON text. `at` gives the text that follows, with the verdict."""

    def __init__(self, sent: Sent, place: Half, *, told: bool) -> None:
        self._sent = sent
        self._place = place
        self._look = Look(sent, told=told)

    def at(self, text: str, *, final: bool) -> tuple[Verdict, str]:
        """What is known when the continuation is as long as `text`, and what may go out where it is decided."""
        verdict = self._look.at(text, final=final)
        if isinstance(verdict, Wait):
            return verdict, ""
        bare = text.lstrip()
        fits = self._fits(text)
        if not final and len(bare) < _ENOUGH and not bare.endswith(("}", "]")):
            return Wait(), ""
        options = self._look.candidates(text)
        if isinstance(verdict, Overlap):
            options.insert(0, verdict)
        elif fits and not self._again(bare):
            return self._onwards(text)
        for option in options:
            rest = self._rest(text, option)
            if self._fits(rest) and (rest.strip() or final):
                return option, rest
        letters = self._letters(text)
        if letters is not None:
            return Overlap(len(text) - len(letters), "exact", whole=True), letters
        if fits:
            return self._onwards(text)
        mended = self._mended(text)
        return (Other(), "") if mended is None else (Nothing(), mended)

    def _fits(self, rest: str) -> bool:
        return self._place.copy().feed(rest) == len(rest)

    def _onwards(self, text: str) -> tuple[Verdict, str]:
        inside = self._place.want == "string" and self._sent.text[-1:] == " "
        return Nothing(), text.lstrip(" ") if inside else text

    def _again(self, bare: str) -> bool:
        """Whether all of the text stands at the beginning once more."""
        start = self._sent.text.strip()
        return bool(start) and bare.startswith(start)

    def _rest(self, text: str, option: Overlap) -> str:
        """What follows an overlap, without the signs of the text's end."""
        rest = text[option.cut :]
        if option.whole:
            return rest
        for sign in "".join(self._sent.signs.split()):
            bare = rest.lstrip()
            if not bare.startswith(sign):
                break
            rest = bare[1:]
        return self._spaced(rest)

    def _spaced(self, rest: str) -> str:
        """Without a second space."""
        return rest.lstrip() if self._sent.text[-1:].isspace() else rest

    def _letters(self, text: str) -> str | None:
        """What follows the longest end of the text that is repeated to the letter, however little that is."""
        bare, sent = text.lstrip(), self._sent.text.rstrip()
        for size in range(min(len(bare), len(sent), 400), 0, -1):
            if sent.endswith(bare[:size]) and self._fits(bare[size:]):
                return self._spaced(bare[size:])
        return None

    def _mended(self, text: str) -> str | None:
        """The continuation without a bracket, comma or quote that is one too many, or with one that was left out."""
        bare = text.lstrip()
        for size in range(1, _REPAIRS + 1):
            lead, rest = bare[:size], bare[size:]
            if lead.strip(' \r\n{}[],:"'):
                break
            if self._fits(rest) and rest.strip() and not self._known_key(rest):
                return self._spaced(rest)
        for sign in (", ", ": ", '"', '", ', '": '):
            if self._fits(sign + bare):
                return sign + bare
        return None

    def _known_key(self, rest: str) -> bool:
        """Whether it begins with a key that the text has: then it is an answer of its own."""
        if self._place.want not in ("key", "firstkey"):
            return False
        key = rest.strip().split('"')[1:2]
        return bool(key) and f'"{key[0]}"' in self._sent.text
