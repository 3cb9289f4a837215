"""JSON answers, written with orjson."""

from typing import Any

import orjson
from starlette.responses import Response


class Json(Response):
    """A JSON answer. Half of a surrogate pair, which JSON can't carry, becomes a replacement character."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of the body."""
        return dumps(content)


class Problem(Json):
    """An RFC 9457 problem document."""

    media_type = "application/problem+json"


def dumps(value: Any) -> bytes:
    """`value` as JSON bytes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_sound(value), option=orjson.OPT_NON_STR_KEYS)


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(item) for item in value]
    return value
