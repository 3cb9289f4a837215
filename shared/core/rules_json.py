"""A tenant's rules as JSON: as the API gives and takes them, and as they are stored.

`{"models": {"providers", "regions", "models"}, "redact": [type], "cache": {"tier", "seconds"}, "log": {"bodies"},
"fallback": {"when_refused", "when_over_budget"}, "output": {"phrases", "types", "then"}, "retention": {class: days},
"legal_hold": bool}`. A part is a whole: what it leaves out is the default. A list that is null allows all.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args

import orjson

from shared.core.faults import BadRequest, UnreadablePolicy
from shared.core.rules import (
    DATA_CLASSES,
    EVERYTHING,
    NO_RULES,
    REDACTABLE,
    Blocked,
    CacheTier,
    OutputRules,
    Rules,
)
from shared.core.text import sound

MOST_NAMES = 200
MOST_PHRASES = 500
LONGEST_NAME = 100
LONGEST_PHRASE = 200
LONGEST_PROMPT = 4_000
"""Characters."""
MOST_SECONDS = 31_536_000
MOST_DAYS = 36_500
_MODELS = ("providers", "regions", "models")
_PROMPTS = ("when_refused", "when_over_budget")


def as_json(rules: Rules) -> dict[str, Any]:
    """All parts; the version is not one of them."""
    return {
        "models": {name: _listed(getattr(rules, name)) for name in _MODELS},
        "redact": sorted(rules.redact),
        "cache": {"tier": rules.cache, "seconds": rules.cache_seconds},
        "log": {"bodies": rules.bodies},
        "fallback": {name: getattr(rules, name) for name in _PROMPTS},
        "output": {
            "phrases": list(rules.output.phrases),
            "types": sorted(rules.output.types),
            "then": rules.output.then,
        },
        "retention": {name: rules.retention[name] for name in sorted(rules.retention)},
        "legal_hold": rules.legal_hold,
    }


def with_parts(rules: Rules, given: Mapping[str, Any]) -> Rules:
    """`rules` with the parts that are given in place of its own. Raises BadRequest naming the field."""
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in PARTS:
            raise BadRequest(f"'{name}' is no part of a policy; there are: {', '.join(PARTS)}.", param=name)
        changes |= PARTS[name](value)
    return replace(rules, **changes) if changes else rules


def stored(rules: Rules) -> str:
    """The JSON text that is stored of a version."""
    return orjson.dumps(as_json(rules)).decode()


def read(version: int, text: str | bytes) -> Rules:
    """The rules of a stored version. Raises UnreadablePolicy for what this code does not know: to leave a rule out
    would be to break it."""
    try:
        given = orjson.loads(text)
        if not isinstance(given, dict):
            raise BadRequest("It is no JSON object.")
        return replace(with_parts(NO_RULES, given), version=version)
    except orjson.JSONDecodeError:
        raise UnreadablePolicy(f"Version {version} of this tenant's policy is no JSON.") from None
    except BadRequest as fault:
        raise UnreadablePolicy(
            f"Version {version} of this tenant's policy can't be read by this release: {fault.message}"
        ) from None


def _models(value: Any) -> dict[str, Any]:
    part = _part(value, "models", _MODELS)
    return {name: _names(part.get(name), f"models.{name}") for name in _MODELS}


def _redact(value: Any) -> dict[str, Any]:
    return {"redact": _types(value, "redact")}


def _cache(value: Any) -> dict[str, Any]:
    part = _part(value, "cache", ("tier", "seconds"))
    seconds = _whole(part.get("seconds", NO_RULES.cache_seconds), "cache.seconds", MOST_SECONDS)
    return {
        "cache": _one_of(part.get("tier", NO_RULES.cache), "cache.tier", get_args(CacheTier)),
        "cache_seconds": seconds,
    }


def _log(value: Any) -> dict[str, Any]:
    part = _part(value, "log", ("bodies",))
    return {"bodies": _flag(part.get("bodies", NO_RULES.bodies), "log.bodies")}


def _fallback(value: Any) -> dict[str, Any]:
    part = _part(value, "fallback", _PROMPTS)
    return {
        name: _text(part.get(name, ""), f"fallback.{name}", LONGEST_PROMPT, empty=True) for name in _PROMPTS
    }


def _output(value: Any) -> dict[str, Any]:
    part = _part(value, "output", ("phrases", "types", "then"))
    given = _list(part.get("phrases", []), "output.phrases", MOST_PHRASES)
    phrases = [_text(phrase, "output.phrases", LONGEST_PHRASE) for phrase in given]
    return {
        "output": OutputRules(
            tuple(dict.fromkeys(phrases)),
            _types(part.get("types", []), "output.types"),
            _one_of(part.get("then", "refuse"), "output.then", get_args(Blocked)),
        )
    }


def _retention(value: Any) -> dict[str, Any]:
    part = _part(value, "retention", tuple(sorted(DATA_CLASSES)))
    return {
        "retention": {
            name: _whole(days, f"retention.{name}", MOST_DAYS) for name, days in sorted(part.items())
        }
    }


def _legal_hold(value: Any) -> dict[str, Any]:
    return {"legal_hold": _flag(value, "legal_hold")}


PARTS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "models": _models,
    "redact": _redact,
    "cache": _cache,
    "log": _log,
    "fallback": _fallback,
    "output": _output,
    "retention": _retention,
    "legal_hold": _legal_hold,
}
"""How each part is read: its JSON to fields of `Rules`."""


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _part(value: Any, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"'{name}' must be an object.", param=name)
    for field in value:
        if field not in known:
            raise BadRequest(
                f"'{name}.{field}' is unknown; there are: {', '.join(known)}.", param=f"{name}.{field}"
            )
    return value


def _list(value: Any, where: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise BadRequest(f"'{where}' must be a list of at most {most}.", param=where)
    return value


def _names(value: Any, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    found = frozenset(_text(name, where, LONGEST_NAME) for name in _list(value, where, MOST_NAMES))
    if not found:
        raise BadRequest(f"'{where}' is empty and would allow nothing; null allows all.", param=where)
    return found


def _types(value: Any, where: str) -> frozenset[str]:
    if value == "*":
        return EVERYTHING
    found = [_text(name, where, LONGEST_NAME) for name in _list(value, where, MOST_NAMES)]
    for name in found:
        if name != "*" and name not in REDACTABLE:
            known = ", ".join(sorted(REDACTABLE))
            raise BadRequest(
                f"'{where}' holds '{name}', which is no type; there are: *, {known}.", param=where
            )
    return EVERYTHING if "*" in found else frozenset(found)


def _text(value: Any, where: str, longest: int, *, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > longest or not (empty or value.strip()):
        raise BadRequest(
            f"'{where}' must be text of {0 if empty else 1} to {longest} characters.", param=where
        )
    return sound(value, where).strip()


def _whole(value: Any, where: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadRequest(f"'{where}' must be a whole number between 1 and {most}.", param=where)
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"'{where}' must be true or false.", param=where)
    return value


def _one_of(value: Any, where: str, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise BadRequest(f"'{where}' must be one of: {', '.join(known)}.", param=where)
    return value
