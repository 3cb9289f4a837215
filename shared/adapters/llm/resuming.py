"""What a broken stream had brought, in a form that the reply which goes on from it is read with."""

from collections.abc import Iterable
from typing import Any

from shared.adapters.llm import jsontext
from shared.adapters.llm.sse import SseReader

Json = dict[str, Any]


def brought(received: bytes) -> list[Json]:
    """The events that came whole, up to the first that reports an error: half of one says nothing."""
    reader = SseReader()
    found: list[Json] = []
    for event in (*reader.feed(received), *reader.end()):
        try:
            data = jsontext.read(event.data)
        except ValueError:
            break
        if not isinstance(data, dict) or data.get("error") or data.get("type") == "error":
            break
        found.append(data)
    return found


def kept(events: Iterable[Json]) -> bytes:
    """Events as `WireRequest.after` holds them: a line of JSON each."""
    return b"\n".join(map(jsontext.write, events))


def told(after: bytes) -> list[Json]:
    """The events of `WireRequest.after`."""
    return [jsontext.read(line) for line in after.split(b"\n") if line]
