"""Makes a string that a regular expression matches, by walking the parsed expression.

Enough for JSON Schema patterns and vLLM's regex output: look-arounds and back-references are not followed, so
the caller checks the result.
"""

import importlib
import random
import re
import string
from typing import Any

# The standard library's own parser; private, hence untyped here.
_parser: Any = importlib.import_module("re._parser")
_PRINTABLE = string.ascii_lowercase + string.digits + string.ascii_uppercase + " -_.,:;/+@#!?"
_CLASSES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": string.ascii_lowercase + string.digits + "_",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": string.ascii_lowercase,
    "CATEGORY_NOT_WORD": " -.",
    "CATEGORY_NOT_SPACE": string.ascii_lowercase,
}
_FEW = 2


def sample(pattern: str, rng: random.Random) -> str | None:
    """A string in which `pattern` is found, or None where none was made."""
    try:
        tree = _parser.parse(pattern)
        made = _sequence(tree, rng)
        return made if re.search(pattern, made) else None
    except (re.error, RecursionError, KeyError, IndexError, ValueError):
        return None


def _sequence(tree: Any, rng: random.Random) -> str:
    return "".join(_node(str(kind), value, rng) for kind, value in tree)


def _node(kind: str, value: Any, rng: random.Random) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind == "NOT_LITERAL":
        return next(char for char in _PRINTABLE if ord(char) != value)
    if kind == "ANY":
        return rng.choice(string.ascii_lowercase)
    if kind == "IN":
        return _from_class(value, rng)
    if kind == "BRANCH":
        return _sequence(rng.choice(value[1]), rng)
    if kind == "SUBPATTERN":
        return _sequence(value[-1], rng)
    if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, most, inner = value
        return "".join(_sequence(inner, rng) for _ in range(rng.randint(least, min(most, least + _FEW))))
    if kind == "ATOMIC_GROUP":
        return _sequence(value, rng)
    return ""


def _from_class(members: Any, rng: random.Random) -> str:
    chosen: list[str] = []
    excluded = False
    for kind, value in members:
        name = str(kind)
        if name == "NEGATE":
            excluded = True
        elif name == "LITERAL":
            chosen.append(chr(value))
        elif name == "RANGE":
            chosen += [chr(code) for code in range(value[0], min(value[1], value[0] + 200) + 1)]
        elif name == "CATEGORY":
            chosen += _CLASSES[str(value)]
    if excluded:
        chosen = [char for char in _PRINTABLE if char not in chosen]
    return rng.choice(chosen)


def found(pattern: str, text: str) -> bool:
    """True where the pattern is found in the text; False also for a pattern that Python cannot read."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
