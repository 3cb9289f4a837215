"""The JSON Schemas of /v1/operator."""

from typing import Any

from functions.web.schemas import COUNT, TEXT, TIME, Schema, nullable, obj, page, ref

_SCOPE: Schema = {"type": "string", "enum": ["all", "llama"]}
_NAME: Schema = {"type": "string", "minLength": 1}
SCHEMAS: dict[str, Any] = {
    "ModelHealth": obj(
        "model provider state why until first_token_p50_ms first_token_p95_ms calls failures",
        {
            "object": {"const": "model_health"},
            "model": TEXT,
            "provider": TEXT,
            "state": {"type": "string", "enum": ["closed", "open", "probing", "quarantined"]},
            "why": TEXT,
            "until": nullable(TIME),
            "first_token_p50_ms": nullable(COUNT),
            "first_token_p95_ms": nullable(COUNT),
            "calls": COUNT,
            "failures": COUNT,
        },
        description="Calls and failures are of the last five minutes, first tokens of the last ten.",
    ),
    "ModelHealthList": page("ModelHealth"),
    "Capacity": obj(
        "name containers minimum maximum buffer fixed",
        {
            "object": {"const": "capacity"},
            "name": TEXT,
            "containers": nullable(COUNT),
            "minimum": COUNT,
            "maximum": nullable(COUNT),
            "buffer": COUNT,
            "fixed": {"type": "boolean"},
        },
        description="Containers: how many there are now (null: nobody says) and may be (null: no bound).",
    ),
    "CapacityList": page("Capacity"),
    "CapacityBounds": obj(
        "",
        {
            "minimum": {"type": "integer", "minimum": 0, "maximum": 1000},
            "maximum": {"type": "integer", "minimum": 1, "maximum": 1000},
            "buffer": {"type": "integer", "minimum": 0, "maximum": 1000},
        },
        examples=[{"maximum": 4}],
    )
    | {"minProperties": 1},
    "Stop": obj(
        "scope reason by at",
        {"object": {"const": "stop"}, "scope": _SCOPE, "reason": TEXT, "by": TEXT, "at": TIME},
    ),
    "StopChange": obj(
        "scope stopped reason by at",
        {"scope": _SCOPE, "stopped": {"type": "boolean"}, "reason": TEXT, "by": TEXT, "at": TIME},
        description="`reason` is empty where it was let go on.",
    ),
    "StopList": obj(
        "data history",
        {
            "data": {"type": "array", "items": ref("Stop")},
            "history": {"type": "array", "items": ref("StopChange")},
        },
    ),
    "StopRequest": obj(
        "scope reason",
        {"scope": _SCOPE, "reason": {"type": "string", "minLength": 1, "maxLength": 200}},
        examples=[{"scope": "all", "reason": "the bill runs away"}],
    ),
    "QuarantineRequest": obj(
        "model why",
        {"model": _NAME, "why": {"type": "string", "minLength": 1, "maxLength": 200}},
        examples=[{"model": "gpt-6-luna", "why": "answers drift since the update of the 20th"}],
    ),
}
