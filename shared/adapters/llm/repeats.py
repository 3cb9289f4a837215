"""Events that differ in one string: read a run of them at once instead of one by one.

A stream of text is the same JSON object over and over, but for the text. Two events that the decoder has read tell
where in it the text stands; what follows with the same bytes around it needs no parser for the rest of the object.
Whatever does not fit to the byte, or has anything in it that a JSON string can't hold, takes the ordinary way.
"""

import orjson

_TRIES = 6
"""Events to learn from before giving up: some providers number them, so that no two have the same bytes around."""
_MARK = b"\\u0000"
"""Stands between texts while they are read as one: no escape, no character and no surrogate pair reaches across it."""
_OPEN_END = b"\\" + _MARK
"""A text that ends with a backslash has taken the quote after it for its own."""


class Repeats:
    """What the events of one stream have in common. `known` once two events with different texts agree."""

    __slots__ = ("_first", "_left", "_seam", "known", "prefix", "suffix")

    def __init__(self) -> None:
        self.prefix = self.suffix = self._seam = b""
        self.known = False
        self._first = ""
        self._left = _TRIES

    @property
    def hopeful(self) -> bool:
        """Whether there is a use in looking."""
        return self.known or self._left > 0

    def learn(self, event: bytes, text: str) -> None:
        """An event, blank line included, of which nothing but this text came."""
        self._left -= 1
        quoted = b'"' + text.encode("utf-8", "replace") + b'"'
        if event.count(quoted) != 1 or b"\\" in quoted:
            return
        at = event.index(quoted) + 1
        prefix, suffix = event[:at], event[at + len(quoted) - 2 :]
        if (prefix, suffix) == (self.prefix, self.suffix) and text != self._first:
            self.known = True
            self._seam = suffix + prefix
        self.prefix, self.suffix, self._first = prefix, suffix, text

    def run(self, data: bytes, at: int) -> tuple[str, int]:
        """The text of the events from `at` on that repeat, and where what comes after them begins. That is `at` itself
        where not even the first one is whole, or where it has to be read in the ordinary way."""
        start, stop = at + len(self.prefix), len(data) - len(self.suffix)
        if data.endswith(self.suffix) and b'"' not in (only := data[start:stop]) and b"\\" not in only:
            try:
                text = only.decode()  # the usual read: one event, nothing escaped
            except UnicodeDecodeError:
                text = "\n"
            if text.isprintable():  # no control character, which a JSON string can't hold
                return text, len(data)
        texts = data[start:].split(self._seam)
        end = texts[-1].find(self.suffix)
        if end >= 0:
            texts[-1] = texts[-1][:end]
        else:
            texts.pop()  # its end has not come yet, or it is another event
        joined = self._read(texts)
        if joined is None:
            # Something else stands between them: up to there they may be read.
            first = next((n for n, one in enumerate(texts) if self.suffix in one), -1)
            texts = [*texts[:first], texts[first][: texts[first].index(self.suffix)]] if first >= 0 else []
            joined = self._read(texts)
        if joined is None:
            self._left -= 1
            self.known = self._left > -_TRIES  # after some that can't be read as one it is not tried any more
            return "", at
        return joined, at + (len(self.prefix) + len(self.suffix)) * len(texts) + sum(map(len, texts))

    def _read(self, texts: list[bytes]) -> str | None:
        """What these insides of JSON strings say together; None where they have to be read one by one."""
        joined = _MARK.join(texts)
        if not texts or _OPEN_END in joined or texts[-1].endswith(b"\\"):
            return None
        try:
            text: str = orjson.loads(b'"' + joined + b'"')
        except orjson.JSONDecodeError:
            return None
        parts = text.split("\x00")
        return "".join(parts) if len(parts) == len(texts) else None
