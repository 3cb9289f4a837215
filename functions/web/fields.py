"""Reading typed fields out of a JSON object, with OpenAI's words for what is wrong.

Every reader takes null for absent, as OpenAI does, and names the field by its whole path in `param`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from functions.web.errors import Invalid

T = TypeVar("T")
_WORDS: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
    type(None): "null",
}


def word(value: object) -> str:
    """What a JSON value is, in English."""
    return _WORDS.get(type(value), type(value).__name__)


def wrong_type(param: str, wanted: str, got: object) -> Invalid:
    """The refusal of a value of another type."""
    return Invalid(
        f"Invalid type for '{param}': expected {wanted}, but got {word(got)} instead.",
        param=param,
        kind="invalid_type",
    )


def missing(param: str) -> Invalid:
    """The refusal of an object that lacks a field."""
    return Invalid(f"Missing required parameter: '{param}'.", param=param, kind="missing_required_parameter")


class Fields:
    """The fields of one JSON object. `path` is where the object stands in the body."""

    __slots__ = ("path", "values")

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def at(self, name: str) -> str:
        """The whole path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str) -> str:
        """A required string."""
        value = self.values.get(name)
        if value is None:
            raise missing(self.at(name))
        if not isinstance(value, str):
            raise wrong_type(self.at(name), "a string", value)
        return value

    def text_or(self, name: str, default: str = "") -> str:
        """An optional string."""
        return default if self.values.get(name) is None else self.text(name)

    def flag(self, name: str, default: bool) -> bool:
        """An optional boolean."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise wrong_type(self.at(name), "a boolean", value)
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """An optional whole number from `least` to `most`."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(self.at(name), "an integer", value)
        return self._within(name, value, least, most)

    def number(self, name: str, least: float, most: float) -> float | None:
        """An optional number from `least` to `most`."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(self.at(name), "a number", value)
        return float(self._within(name, value, least, most))

    def object(self, name: str) -> "Fields | None":
        """An optional object."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise wrong_type(self.at(name), "an object", value)
        return Fields(value, self.at(name))

    def objects(self, name: str, most: int) -> "tuple[Fields, ...] | None":
        """An optional array of objects."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise wrong_type(self.at(name), "an array of objects", value)
        if len(value) > most:
            raise Invalid(
                f"Invalid '{self.at(name)}': array too long. Expected at most {most} items, got {len(value)}.",
                param=self.at(name),
                kind="array_above_max_length",
            )
        found = []
        for position, item in enumerate(value):
            path = f"{self.at(name)}[{position}]"
            if not isinstance(item, dict):
                raise wrong_type(path, "an object", item)
            found.append(Fields(item, path))
        return tuple(found)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """A required string out of a few."""
        value = self.text(name)
        if value not in allowed:
            words = ", ".join(f"'{item}'" for item in allowed)
            raise Invalid(
                f"Invalid value: '{value[:60]}' for '{self.at(name)}'. Supported values are: {words}.",
                param=self.at(name),
            )
        return value

    def _within(self, name: str, value: T, least: float, most: float) -> T:
        if least <= value <= most:  # type: ignore[operator]  # T is int or float here
            return value
        over = value > most  # type: ignore[operator]  # as above
        bound, way = (most, "maximum") if over else (least, "minimum")
        raise Invalid(
            f"Invalid '{self.at(name)}': {way} value is {bound:g}, but got {value} instead.",
            param=self.at(name),
            kind="integer_above_max_value" if over else "integer_below_min_value",
        )
