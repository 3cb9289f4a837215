"""Values that satisfy a JSON Schema, with strings on the caller's subject.

A draft is made by walking the schema and is then checked by a real validator; where the walk misses a rule
that needs search (`not`, `if`, overlapping `oneOf`) it is drawn again, leaner each time.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from infra.simulator import regex_fill
from infra.simulator.answer import Json
from infra.simulator.wording import Wording

_DRAWS = 60
_DEEP = 5
# Beyond these a schema is an attack and not a form: it is refused rather than filled.
_LONGEST = 100_000
_MOST_ITEMS = 2_000
_TYPE_HINTS = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "contains", "uniqueItems")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


class Unfillable(Exception):
    """No value was found that satisfies the schema."""


def check(schema: Any) -> str | None:
    """Why a schema is no schema, in the validator's words, or None."""
    try:
        jsonschema_rs.validator_for(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        return str(error).splitlines()[0]
    return None


def fill(schema: Json, wording: Wording, seed: int) -> Any:
    """A value that the schema accepts, the same for the same seed; raises `Unfillable`."""
    fault = check(schema)
    if fault is not None:
        raise Unfillable(fault)
    validator = jsonschema_rs.validator_for(schema)
    for draw in range(_DRAWS):
        filler = _Filler(schema, wording, random.Random(seed + draw), lean=draw > 2, draw=draw)
        try:
            value = filler.value(schema, "", 0)
        except (_Impossible, RecursionError):
            continue
        if validator.is_valid(value):
            return value
    raise Unfillable("no value satisfies the schema")


class _Impossible(Exception):
    """This path of the schema accepts nothing."""


class _Filler:
    def __init__(self, root: Json, wording: Wording, rng: random.Random, *, lean: bool, draw: int) -> None:
        self.root = root
        self.wording = wording
        self.rng = rng
        self.lean = lean
        self.draw = draw

    def value(self, schema: Any, key: str, depth: int) -> Any:
        """A draft for one place; `key` is the property it stands in."""
        if schema is True or schema == {}:
            return self.wording.text(key, 0, 80)
        if not isinstance(schema, dict) or depth > 40:
            raise _Impossible
        schema = self._flat(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._enum(schema, key)
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                return self._one_of(schema, word, key, depth)
        return self._typed(schema, key, depth)

    def _typed(self, schema: Json, key: str, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            known = [name for name in kind if name != "null"] or ["null"]
            kind = known[self.draw % len(known)]
        if kind is None:
            hinted = (name for name, words in _TYPE_HINTS if any(word in schema for word in words))
            kind = next(hinted, "string")
        makers: dict[str, Callable[[Json, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda schema, key, depth: self.wording.flag(key),
            "null": lambda schema, key, depth: None,
        }
        if kind not in makers:
            raise _Impossible
        return makers[kind](schema, key, depth)

    def _flat(self, schema: Json, depth: int) -> Json:
        """The schema with `$ref` followed and `allOf` merged in."""
        flat = {word: rule for word, rule in schema.items() if word not in {"$ref", "allOf"}}
        parts: list[Any] = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.append(self._target(schema["$ref"]))
        for part in parts:
            if part is False or depth > 40:
                raise _Impossible
            if isinstance(part, dict):
                flat = _merged(flat, self._flat(part, depth + 1))
        return flat

    def _target(self, ref: str) -> Any:
        node: Any = self.root
        for step in ref.lstrip("#").split("/"):
            if step:
                name = step.replace("~1", "/").replace("~0", "~")
                node = node[int(name)] if isinstance(node, list) else node.get(name)
            if node is None:
                raise _Impossible
        return node

    def _enum(self, schema: Json, key: str) -> Any:
        options = schema["enum"]
        if not options:
            raise _Impossible
        if self.draw:
            return options[self.draw % len(options)]
        return self.wording.choice(options)

    def _one_of(self, schema: Json, word: str, key: str, depth: int) -> Any:
        rest = {name: rule for name, rule in schema.items() if name != word}
        options = [option for option in schema[word] if not _is_null(option)] or list(schema[word])
        if depth > _DEEP:
            options = list(schema[word])
            options.sort(key=lambda option: len(str(option)))
        start = self.draw // 2
        for offset in range(len(options)):
            option = options[(start + offset) % len(options)]
            try:
                if option is True:
                    return self.value(rest, key, depth + 1)
                return self.value(_merged(rest, self._flat(option, depth + 1)), key, depth + 1)
            except (_Impossible, AttributeError):
                continue
        raise _Impossible

    def _object(self, schema: Json, key: str, depth: int) -> Json:
        properties: Json = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        spare = self.lean or depth > _DEEP
        most = schema.get("maxProperties", math.inf)
        made: Json = {}
        for name in [*required, *(() if spare else properties)]:
            if name in made or (name not in required and len(made) >= most):
                continue
            try:
                made[name] = self.value(self._rule(schema, name), name, depth + 1)
            except _Impossible:
                if name in required:
                    raise
        for name in [*properties, *(self._extra(schema, at) for at in range(40))]:
            if len(made) >= schema.get("minProperties", 0):
                break
            if name in made:
                continue
            try:
                made[name] = self.value(self._rule(schema, name), name, depth + 1)
            except _Impossible:
                continue
        return made

    def _rule(self, schema: Json, name: str) -> Any:
        """What a property of this name has to satisfy."""
        properties: Json = schema.get("properties") or {}
        rules = [properties[name]] if name in properties else []
        for pattern, rule in (schema.get("patternProperties") or {}).items():
            if regex_fill.found(pattern, name):
                rules.append(rule)
        if not rules:
            rules = [schema.get("additionalProperties", True)]
        if len(rules) == 1:
            return rules[0]
        return {"allOf": rules}

    def _extra(self, schema: Json, at: int) -> str:
        patterns = list(schema.get("patternProperties") or ())
        if patterns and at % 2 == 0:
            made = regex_fill.sample(patterns[at // 2 % len(patterns)], self.rng)
            if made is not None:
                return made
        names = schema.get("propertyNames")
        if isinstance(names, dict) and names:
            return str(self.value({"type": "string", **names}, f"detail_{at}", 1))
        return f"detail_{at + 1}"

    def _array(self, schema: Json, key: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems", 0))
        if max(least, int(schema.get("minContains", 0))) > _MOST_ITEMS:
            raise _Impossible
        most = int(schema.get("maxItems", max(least, 4 if key in {"sections", "points"} else 3)))
        number = least if self.lean or depth > _DEEP else max(least, min(most, 4 if key == "sections" else 3))
        if not (self.lean or depth > _DEEP):
            known = self.wording.many(key.removesuffix("s"))
            number = max(least, min(known, int(schema.get("maxItems", 12)))) if known else number
            most = max(most, number)
        number = min(max(number, int(schema.get("minContains", 1)) if "contains" in schema else 0), most)
        prefix: list[Any] = schema.get("prefixItems") or []
        rule = schema.get("items", True)
        made: list[Any] = []
        for at in range(number):
            place = prefix[at] if at < len(prefix) else rule
            wanted = at < int(schema.get("minContains", 1)) if "contains" in schema else False
            if wanted:
                place = {"allOf": [place, schema["contains"]]} if place is not True else schema["contains"]
            if place is False:
                break
            try:
                made.append(self._distinct(place, key, depth, made if schema.get("uniqueItems") else None))
            except _Impossible:
                if len(made) < least:
                    raise
                break
        return made

    def _distinct(self, rule: Any, key: str, depth: int, others: list[Any] | None) -> Any:
        for attempt in range(40):
            value = self.value(rule, key.removesuffix("s") or "item", depth + 1)
            if others is None or not any(_same(value, other) for other in others):
                return value
            self.draw += 1 + attempt // 8
        raise _Impossible

    def _string(self, schema: Json, key: str, depth: int) -> str:
        least = int(schema.get("minLength", 0))
        most = schema.get("maxLength")
        if least > _LONGEST or (most is not None and least > most):
            raise _Impossible
        if "pattern" in schema:
            return self._matching(schema["pattern"], least, most)
        form = schema.get("format")
        if isinstance(form, str):
            formatted = self.wording.formatted(form, key)
            if formatted is not None:
                return formatted
        text = self.wording.text(key, least, None if most is None else int(most), top=depth <= 1)
        return f"{text}{self.rng.randrange(100)}" if self.draw > 2 and most is None else text

    def _matching(self, pattern: str, least: int, most: int | None) -> str:
        for _ in range(60):
            made = regex_fill.sample(pattern, self.rng)
            if made is None:
                continue
            if len(made) < least and regex_fill.found(pattern, made + "a" * (least - len(made))):
                made += "a" * (least - len(made))
            if len(made) >= least and (most is None or len(made) <= most):
                return made
        raise _Impossible

    def _integer(self, schema: Json, key: str, depth: int) -> int:
        return int(self._number({**schema, "multipleOf": schema.get("multipleOf", 1)}, key, depth))

    def _number(self, schema: Json, key: str, depth: int) -> float | int:
        low, high = _bounds(schema)
        step = schema.get("multipleOf")
        wished = self.wording.number(key, low, high, whole=step == 1)
        if self.draw and low is not None:
            wished = low + self.draw - 1
        elif self.draw:
            wished = (5 if high is None else high) - self.draw + 1
        if high is not None:
            wished = min(wished, high)
        if step:
            return _stepped(wished, step, schema)
        if _within(wished, schema):
            return wished
        if low is not None and high is not None:
            return (low + high) / 2
        return wished + 1 if low is not None else wished - 1


def _stepped(wished: float, step: float, schema: Json) -> float | int:
    steps = round(wished / step)
    for offset in (0, 1, -1, 2, -2):
        value = (steps + offset) * step
        if _within(value, schema):
            return int(value) if float(value).is_integer() else value
    raise _Impossible


def _within(value: float, schema: Json) -> bool:
    low: float = schema.get("minimum", -math.inf)
    high: float = schema.get("maximum", math.inf)
    above: float = schema.get("exclusiveMinimum", -math.inf)
    below: float = schema.get("exclusiveMaximum", math.inf)
    return low <= value <= high and above < value < below


def _bounds(schema: Json) -> tuple[float | None, float | None]:
    lows = [schema[word] for word in ("minimum", "exclusiveMinimum") if _numeric(schema.get(word))]
    highs = [schema[word] for word in ("maximum", "exclusiveMaximum") if _numeric(schema.get(word))]
    return (max(lows) if lows else None), (min(highs) if highs else None)


def _numeric(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_null(option: Any) -> bool:
    return isinstance(option, dict) and (option.get("type") == "null" or option.get("const", 0) is None)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


_TIGHTER: dict[str, Callable[[Any, Any], Any]] = {
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
    "maxProperties": min,
}


def _merged(left: Json, right: Json) -> Json:
    """One schema that asks for both; what cannot be merged keeps the right side and is left to the check."""
    both = dict(left)
    for word, rule in right.items():
        if word not in both:
            both[word] = rule
        elif word in _TIGHTER:
            both[word] = _TIGHTER[word](both[word], rule)
        elif word in {"properties", "patternProperties", "$defs"}:
            shared = both[word].keys() & rule.keys()
            both[word] = {**both[word], **rule, **{n: {"allOf": [both[word][n], rule[n]]} for n in shared}}
        elif word == "required":
            both[word] = list(dict.fromkeys([*both[word], *rule]))
        elif word == "enum":
            both[word] = [option for option in both[word] if option in rule]
        elif word == "type":
            both[word] = _common_type(both[word], rule)
        elif word in {"items", "additionalProperties"} and both[word] is not True:
            both[word] = rule if both[word] == rule else {"allOf": [both[word], rule]}
        else:
            both[word] = rule
    return both


def _common_type(left: Any, right: Any) -> Any:
    ours = left if isinstance(left, list) else [left]
    theirs = right if isinstance(right, list) else [right]
    common = [name for name in ours if name in theirs]
    if not common and {"integer", "number"} <= {*ours, *theirs}:
        common = ["integer"]
    return common[0] if len(common) == 1 else common or "impossible"
