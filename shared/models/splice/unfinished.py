"""What is held back of a live stream: an unfinished word, nothing more."""

from shared.models.splice.scripts import han, joins, spaceless, wordly

_MOST = 64
"""Code points of a word that are held back: what is longer goes out in pieces."""
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_'"


_OPEN, _CLOSE = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"


class Unfinished:
    """`feed` gives what may go out. Where nothing has gone out yet even half a word does: no answer begins later for
    this."""

    __slots__ = ("_begun", "_held")

    def __init__(self) -> None:
        self._held = ""
        self._begun = False

    def feed(self, text: str) -> str:
        """All but a word at the end that may go on."""
        if self._held:
            text = self._held + text
        if text.isascii():
            rest = text.rstrip(_WORD)
            cut = len(rest)
        else:
            cut = _cut(text)
        if len(text) - cut > _MOST or (not cut and not self._begun):
            cut = len(text)
        cut = _before_mark(text, cut)
        self._begun = self._begun or cut > 0
        self._held = text[cut:]
        return text[:cut] if self._held else text

    def end(self) -> str:
        """The answer is over: the rest."""
        held, self._held = self._held, ""
        return held


def _before_mark(text: str, cut: int) -> int:
    """`cut`, or where a placeholder of redacted text begins that is not whole yet: who restores it sees it whole."""
    at = -1 if text.isascii() else text.rfind(_OPEN, 0, cut)
    return at if at >= 0 and len(text) - at <= _MOST and _CLOSE not in text[at:cut] else cut


def _cut(text: str) -> int:
    """Where the last word or cluster begins that may go on."""
    at = len(text)
    low = max(at - _MOST - 1, 0)
    while at > low:
        char = text[at - 1]
        if not wordly(char):
            break
        if spaceless(char):
            if at < len(text):
                break
            if han(char):
                return at
            # A letter of Thai and its like is a word's part as any other, but what is kept of it is its own marks.
            while at > low + 1 and joins(text[at - 1]):
                at -= 1
            return at - 1
        at -= 1
    while at < len(text) and at > 0 and joins(text[at]):
        at += 1
    return at
