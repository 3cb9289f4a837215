"""Redaction of a text that comes in pieces."""

from collections.abc import Set

from shared.guard.redact.engine import asked, placed, scan
from shared.guard.redact.islands import LOOK_BACK
from shared.guard.redact.names import Names
from shared.guard.redact.shadow import Shadow, fold


class StreamRedactor:
    """What goes out, joined, is what `redact` makes of the whole, wherever the pieces were cut. Held back is what can
    still become part of a find: about a word of prose, at most some 1,000 code points, a key block or long token up to
    16,384."""

    __slots__ = ("_done", "_names", "_out", "_raw", "_types")

    def __init__(self, types: Set[str], names: Names) -> None:
        self._types = types
        self._names = names
        self._raw = ""
        self._done = 0
        self._out = 0

    def feed(self, text: str) -> str:
        """What may go out now."""
        return self._passed(text, final=False)

    def flush(self) -> str:
        """The rest; the stream is over."""
        return self._passed("", final=True)

    def _passed(self, text: str, final: bool) -> str:
        if not self._types:
            return text
        self._raw += text
        shadow = fold(self._raw)
        found, safe = scan(shadow.text, self._done, final)
        last, end = self._out, len(self._raw) if final else _origin(shadow, safe, self._raw)
        pieces = []
        for one in found:
            if asked(one.type, self._types):
                start, stop = placed(shadow, one)
                pieces += [self._raw[last:start], self._names.mark(one.type, self._raw[start:stop])]
                last = stop
        pieces.append(self._raw[last:end])
        kept = max(0, safe - LOOK_BACK)
        cut = min(end, _origin(shadow, kept, self._raw))
        self._raw = self._raw[cut:]
        self._done, self._out = safe - kept, end - cut
        return "".join(pieces)


def _origin(shadow: Shadow, index: int, raw: str) -> int:
    """Where a code point of the shadow stands in the original."""
    if shadow.at is None:
        return index
    return shadow.at[index] if index < len(shadow.at) else len(raw)
