"""The one reader of server-sent events, without I/O: bytes in, events out, at any split of the bytes.

Source: the HTML standard, "Server-sent events", 9.2.5 and 9.2.6. Lines end with LF, CR or CRLF and with nothing else:
JSON may hold U+2028 and its kin raw. Two leniencies, both met on real wires: an event at the end of the stream
needs no blank line after it, and a bare JSON object without `data:` is an event (how Gemini writes an error into
a stream that it has begun).
"""

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its data, lines joined by LF, and its `event:` name, empty where it has none."""

    data: bytes
    name: bytes = b""


def _parsed(block: bytes) -> Event | None:
    """The event in the lines between two blank ones; None where they hold no data (comments, `retry:`, `id:`)."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return Event(block[6:]) if len(block) > 6 else None
    if block.startswith(b"event: "):
        at = block.find(b"\ndata: ")
        if 0 < at < len(block) - 7 and block.find(b"\n", 7) == at and block.find(b"\n", at + 1) < 0:
            return Event(block[at + 7 :], block[7:at])
    return _parsed_by_line(block)


def _parsed_by_line(block: bytes) -> Event | None:
    if block.lstrip().startswith(b"{"):
        return Event(block.strip())
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    joined = b"\n".join(data)
    return Event(joined, name) if joined else None


class SseReader:
    """Feed it the body as it comes. Each event comes out once, with the read that completed it."""

    __slots__ = ("_after_cr", "_at_start", "_line_done", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._line_done = False  # what is held ends with a line break
        self._after_cr = False  # the read before ended with CR: an LF now belongs to it
        self._at_start = True

    @property
    def between(self) -> bool:
        """Whether what comes next is the beginning of an event."""
        return not (self._pieces or self._after_cr)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order."""
        if self._at_start:
            data = self._without_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._plain(data)
        if (
            not self._pieces
            and data.startswith(b"data: ")
            and data.find(b"\n", 7) == len(data) - 2
            and data.endswith(b"\n\n")
        ):
            return [Event(data[6:-2])]  # the usual read: one event of one line
        if b"\n\n" not in data and not (self._line_done and data.startswith(b"\n")):
            if data:
                self._pieces.append(data)
                self._line_done = data.endswith(b"\n")
            return []
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
        head, _, rest = data.rpartition(b"\n\n")
        self._pieces = [rest] if rest else []
        self._line_done = rest.endswith(b"\n")
        return [event for block in head.split(b"\n\n") if (event := _parsed(block)) is not None]

    def end(self) -> list[Event]:
        """What stands after the last blank line: an event without its end, or half of one."""
        block = b"".join(self._pieces)
        self._pieces = []
        event = _parsed(block.removesuffix(b"\n"))
        return [event] if event is not None else []

    def _without_bom(self, data: bytes) -> bytes:
        """Drop a byte order mark at the very start, also one that comes in parts."""
        held = b"".join(self._pieces) + data
        self._pieces = []
        if len(held) < len(_BOM) and _BOM.startswith(held):
            self._pieces = [held] if held else []
            return b""
        self._at_start = False
        return held.removeprefix(_BOM)

    def _plain(self, data: bytes) -> bytes:
        """`data` with LF for every line end."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
