"""Request bodies: read up to a limit, then JSON that nothing behind the door can choke on.

A NUL breaks Postgres, half of a surrogate pair breaks UTF-8, NaN is no JSON and deep nesting breaks recursive
readers: each is the caller's 400 here, so that it is never our 500 further in.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from starlette.types import Receive, Scope

from shared.core.faults import BadRequest, TooLarge

LIMIT = 4 * 1024 * 1024
"""The most bytes a request body may have. A prompt of 2 MB fits, with its JSON escapes."""
DEPTH = 100
"""The deepest nesting of arrays and objects."""


class ClientGone(Exception):
    """The client left before its request was whole: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def read(scope: Scope, receive: Receive, limit: int = LIMIT) -> bytes:
    """The whole body. Raises TooLarge past the limit (by its declared length before a byte is read), ClientGone."""
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object. Raises BadRequest."""
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    # Both checks walk the value, so they run only where the bytes say that they might find something.
    if body.count(b"{") + body.count(b"[") > DEPTH and _deeper(value, DEPTH):
        raise BadRequest(f"The body is nested more than {DEPTH} levels deep.")
    if b"\\u0000" in body:
        for path, text in _texts(value):
            if "\x00" in text:
                raise BadRequest(f"'{path}' holds a NUL character.", param=path or None)
    return value


def too_large(limit: int = LIMIT) -> TooLarge:
    """The refusal of a body of more than `limit` bytes."""
    return TooLarge(f"The body is larger than {limit // 1024 // 1024} MiB.")


def _deeper(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        values = item.values()
    elif isinstance(item, list):
        values = item  # type: ignore[assignment]  # both are iterables of values
    else:
        return []
    return [child for child in values if isinstance(child, dict | list)]


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """All strings in a value, keys among them, each with where it stands. At most `DEPTH` levels deep by now."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from _texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, f"{path}[{position}]")
