"""JSON Schemas in the dialects that providers enforce. Whatever a dialect drops, our own validator checks afterwards
(`shared/core/schema.py`), so a schema may only be narrowed or loosened here, never changed.
"""

from collections.abc import Mapping
from typing import Any

_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "not", "if", "then", "else", "additionalProperties", "contains", "propertyNames")

OPENAI_DROPS = frozenset({"$schema", "$id", "default", "examples", "minLength", "maxLength"})
_OPENAI_LACKS = frozenset(
    {
        "allOf", "oneOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas", "dependentRequired",
        "prefixItems", "propertyNames", "contains", "unevaluatedProperties", "minProperties", "maxProperties",
    }
)  # fmt: skip
"""Source: OpenAI "Structured outputs", supported schemas. A schema with one of these is sent as not strict."""

ANTHROPIC_DROPS = frozenset(
    {
        "$schema", "$id", "default", "examples", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    }
)  # fmt: skip
"""Source: Anthropic "Structured outputs", JSON Schema limitations."""

VLLM_DROPS = frozenset({"maxLength"})
"""xgrammar writes raw control characters into bounded strings (mlc-ai/xgrammar#800)."""

_SILENT = frozenset({"$schema", "$id", "default", "examples"})


def without(schema: Mapping[str, Any], drops: frozenset[str], *, close: bool = False) -> dict[str, Any]:
    """A copy that lacks the keywords `drops`, told to the model in the description instead. `close` forbids extra
    properties wherever the schema does not speak of them, which strict modes demand."""
    out: dict[str, Any] = {}
    told: list[str] = []
    for key, value in schema.items():
        if key in drops:
            if key not in _SILENT:
                told.append(f"{key}: {value}")
        elif key in _MAPS and isinstance(value, Mapping):
            out[key] = {name: _inner(part, drops, close) for name, part in value.items()}
        elif key in _LISTS and isinstance(value, (list, tuple)):
            out[key] = [_inner(part, drops, close) for part in value]
        elif key in _ONES:
            out[key] = _inner(value, drops, close)
        else:
            out[key] = value
    if told:
        out["description"] = " ".join(filter(None, (str(out.get("description", "")), f"({', '.join(told)})")))
    if close and _is_object(out):
        out.setdefault("additionalProperties", False)
    return out


def _inner(value: Any, drops: frozenset[str], close: bool) -> Any:
    return without(value, drops, close=close) if isinstance(value, Mapping) else value


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "properties" in schema or (isinstance(kind, list) and "object" in kind)


def strict_for_openai(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema as OpenAI's strict mode takes it; None where it can't: then it is sent as a wish."""
    closed = without(schema, OPENAI_DROPS, close=True)
    root_fits = closed.get("type") == "object" and "anyOf" not in closed
    return closed if root_fits and _strict(closed) else None


def _strict(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return True
    if _OPENAI_LACKS & schema.keys():
        return False
    if _is_object(schema):
        names = set(schema.get("properties", ()))
        if schema.get("additionalProperties") is not False or names != set(schema.get("required", ())):
            return False
    parts = [part for key in _MAPS for part in _values(schema.get(key))]
    parts += [part for key in _LISTS if isinstance(schema.get(key), list) for part in schema[key]]
    return all(map(_strict, [*parts, schema.get("items")]))


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else []


def for_tool(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's parameters; wires want an object even where there are none."""
    return dict(parameters) if parameters else {"type": "object", "properties": {}}
