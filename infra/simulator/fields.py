"""Typed picks from a JSON body: a value of the right type, a default, or `BadField` naming the path."""

from typing import Any

from infra.simulator.answer import Json
from infra.simulator.failure import BadField

_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def name_of(value: object) -> str:
    """The JSON name of a value's type."""
    return "null" if value is None else _NAMES.get(type(value), "object")


def _typed(value: Any, kind: type, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadField(path, "type", expected=_NAMES[kind], got=value)
    return value


def text(body: Json, key: str, path: str = "", default: str | None = None) -> str:
    """A string; without a default it must be there."""
    value = body.get(key)
    where = f"{path}{key}"
    if value is None:
        if default is None:
            raise BadField(where, "missing")
        return default
    return str(_typed(value, str, where))


def number(body: Json, key: str, path: str = "") -> float | None:
    """A number, or None where absent or null."""
    value = body.get(key)
    return None if value is None else float(_typed(value, float, f"{path}{key}"))


def integer(body: Json, key: str, path: str = "", least: int = 1) -> int | None:
    """A whole number of at least `least`, or None where absent or null."""
    value = body.get(key)
    if value is None:
        return None
    got = int(_typed(value, int, f"{path}{key}"))
    if got < least:
        raise BadField(f"{path}{key}", "value", expected=f"at least {least}", got=got)
    return got


def flag(body: Json, key: str, path: str = "", default: bool = False) -> bool:
    """A boolean."""
    value = body.get(key)
    return default if value is None else bool(_typed(value, bool, f"{path}{key}"))


def items(body: Json, key: str, path: str = "", *, needed: bool = False) -> list[Any]:
    """An array; where `needed` it must be there and hold something."""
    value = body.get(key)
    where = f"{path}{key}"
    if value is None:
        if needed:
            raise BadField(where, "missing")
        return []
    found: list[Any] = _typed(value, list, where)
    if needed and not found:
        raise BadField(where, "empty", expected="array")
    return found


def record(value: Any, path: str) -> Json:
    """An object."""
    found: Json = _typed(value, dict, path)
    return found


def child(body: Json, key: str, path: str = "") -> Json:
    """An object, or an empty one where absent or null."""
    value = body.get(key)
    return {} if value is None else record(value, f"{path}{key}")


def strings(body: Json, key: str, path: str = "") -> tuple[str, ...]:
    """A string or an array of strings, as a tuple."""
    value = body.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(
        str(_typed(item, str, f"{path}{key}[{i}]")) for i, item in enumerate(_typed(value, list, key))
    )
