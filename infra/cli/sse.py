"""Server-sent events off a byte stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """One event. `id` is empty and `name` is `message` where the stream names none."""

    id: str
    name: str
    data: str


def read(chunks: Iterable[bytes]) -> Iterator[Sent]:
    """Events as they complete. An event that the stream breaks off in the middle of is not one: it is dropped.

    Lines end with CR, LF or both and with nothing else: str.splitlines would also break at U+2028, which JSON text
    may hold as it is.
    """
    rest = b""
    id_, name, data = "", "", list[str]()
    for chunk in chunks:
        rest += chunk
        # A lone CR at the end may be the first half of CR LF: it waits for the next read.
        held = rest[-1:] if rest.endswith(b"\r") else b""
        *lines, last = (
            rest[: len(rest) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        )
        rest = last + held
        for line in lines:
            if not line:
                if data:
                    yield Sent(id_, name or "message", "\n".join(data))
                name, data = "", []
                continue
            field, _, value = line.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data.append(value)
            elif field == "event":
                name = value
            elif field == "id":
                id_ = value
