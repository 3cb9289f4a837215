"""JSON as providers write it: read fast, with a slow path for what the fast parser refuses."""

import json
from typing import Any

import orjson

from shared.core.faults import Rejected


def _whole_characters(value: Any) -> Any:
    """`value` with surrogate pairs joined and lone halves replaced by U+FFFD: Postgres and UTF-8 take neither."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value


def read(text: bytes | str) -> Any:
    r"""The value. Raises ValueError where it is no JSON.

    orjson refuses `"\ud83d"`, half of an emoji, which models that stream by the byte do send, and NaN; the standard
    parser, which the providers' own clients use, reads both.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            return _whole_characters(json.loads(text))
        except (ValueError, RecursionError):
            raise ValueError(str(error)) from None


def write(value: Any) -> bytes:
    """`value` as compact JSON, keys in their order. Raises Rejected where JSON has no way to say it."""
    try:
        return orjson.dumps(value, default=dict)
    except TypeError as error:
        raise Rejected(f"The request can't be written as JSON: {error}.") from None


def text(value: Any) -> str:
    """`value` as compact JSON text."""
    return write(value).decode()
