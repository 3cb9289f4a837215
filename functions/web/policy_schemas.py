"""The JSON Schemas of /v1/policy."""

from typing import Any, get_args

from functions.web.schemas import COUNT, FLAG, RATE, SPEND, TEXT, TIME, Schema, nullable, obj, page, ref
from shared.core import rules_json as bounds
from shared.core.rules import DATA_CLASSES, REDACTABLE, Blocked, CacheTier

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": bounds.LONGEST_NAME}
_NAMES: Schema = {
    "type": ["array", "null"],
    "items": _NAME,
    "minItems": 1,
    "maxItems": bounds.MOST_NAMES,
    "description": "Null allows all.",
}
_TYPES: Schema = {
    "type": "array",
    "items": {"type": "string", "enum": ["*", *sorted(REDACTABLE)]},
    "maxItems": bounds.MOST_NAMES,
}
_PROMPT: Schema = {"type": "string", "maxLength": bounds.LONGEST_PROMPT}
_RULES: dict[str, Schema] = {
    "models": obj("", {"providers": _NAMES, "regions": _NAMES, "models": _NAMES}, additionalProperties=False),
    "redact": {"anyOf": [_TYPES, {"const": "*"}]},
    "cache": obj(
        "",
        {
            "tier": {"type": "string", "enum": list(get_args(CacheTier))},
            "seconds": {"type": "integer", "minimum": 1, "maximum": bounds.MOST_SECONDS},
        },
        additionalProperties=False,
    ),
    "log": obj("", {"bodies": FLAG}, additionalProperties=False),
    "fallback": obj("", {"when_refused": _PROMPT, "when_over_budget": _PROMPT}, additionalProperties=False),
    "output": obj(
        "",
        {
            "phrases": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": bounds.LONGEST_PHRASE},
                "maxItems": bounds.MOST_PHRASES,
            },
            "types": {"anyOf": [_TYPES, {"const": "*"}]},
            "then": {"type": "string", "enum": list(get_args(Blocked))},
        },
        additionalProperties=False,
    ),
    "retention": obj(
        "",
        {
            name: {"type": "integer", "minimum": 1, "maximum": bounds.MOST_DAYS, "description": "Days."}
            for name in sorted(DATA_CLASSES)
        },
        additionalProperties=False,
    ),
    "legal_hold": FLAG,
}
_SHOWN = _RULES | {
    "redact": _TYPES,
    "output": _RULES["output"] | {"properties": _RULES["output"]["properties"] | {"types": _TYPES}},
}
_BALANCE = obj(
    "scope period cap_micros spent_micros held_micros left_micros",
    {
        "scope": {"type": "string", "enum": ["tenant", "key"]},
        "period": {"type": "string", "enum": ["day", "month"]},
        "cap_micros": nullable(COUNT),
        "spent_micros": COUNT,
        "held_micros": COUNT,
        "left_micros": nullable(COUNT),
    },
)
SCHEMAS: dict[str, Any] = {
    "PolicyRequest": obj(
        "",
        {
            "spend": obj("", SPEND, additionalProperties=False),
            "rate": obj("", RATE, additionalProperties=False),
        }
        | _RULES,
        minProperties=1,
        additionalProperties=False,
        description="Each part replaces the one in force as a whole; one that is left out stays.",
        examples=[
            {"models": {"providers": ["anthropic", "llama"]}, "redact": "*", "cache": {"tier": "exact"}}
        ],
    ),
    "Policy": obj(
        f"version spend rate own key now {' '.join(_RULES)}",
        {
            "object": {"const": "policy"},
            "version": COUNT | {"description": "Of the rules; 0 where the tenant has set none."},
            "spend": obj("", SPEND),
            "rate": obj("", RATE),
            **_SHOWN,
            "own": ref("Limits"),
            "key": ref("Limits"),
            "now": {"type": "array", "items": _BALANCE},
        },
    ),
    "PolicyVersion": obj(
        f"version at by {' '.join(_RULES)}",
        {"object": {"const": "policy_version"}, "version": COUNT, "at": TIME, "by": TEXT, **_SHOWN},
    ),
    "PolicyHistory": page("PolicyVersion"),
}
