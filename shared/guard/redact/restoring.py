"""The way back: placeholders in an answer, replaced by what they stand for, in one pass and never twice.

A mark that a user wrote is itself hidden as a value (type MARK) before anybody sees the text. It comes back as the
words it was, and is not looked up: nobody can have another's value restored by writing its placeholder.
"""

import re
from collections.abc import Mapping
from json import dumps

from shared.guard.redact.names import PLACEHOLDER

LONGEST = 48
"""Code points that a placeholder can have at most; more are not held back."""
_BEGUN = re.compile(r"⟦[A-Z0-9_.]{0,46}\Z")


def restore(text: str, marks: Mapping[str, str], json: bool = False) -> str:
    """A text with its originals. `json`: the text is inside a JSON string, and originals are escaped for it. Unknown
    placeholders stay."""
    if "⟦" not in text:
        return text

    def original(found: re.Match[str]) -> str:
        value = marks.get(found.group())
        if value is None:
            return found.group()
        return dumps(value, ensure_ascii=False)[1:-1] if json else value

    return PLACEHOLDER.sub(original, text)


class Restorer:
    """Restores a stream. Holds back a placeholder that has begun, never more than 48 code points."""

    __slots__ = ("_held", "_json", "_marks")

    def __init__(self, marks: Mapping[str, str], json: bool = False) -> None:
        """`marks` may grow while the stream runs."""
        self._marks = marks
        self._json = json
        self._held = ""

    def feed(self, text: str) -> str:
        """What may go out now."""
        text = self._held + text
        begun = _BEGUN.search(text, max(0, len(text) - LONGEST))
        cut = begun.start() if begun else len(text)
        self._held = text[cut:]
        return restore(text[:cut], self._marks, self._json)

    def flush(self) -> str:
        """The rest; the stream is over."""
        rest, self._held = self._held, ""
        return rest
