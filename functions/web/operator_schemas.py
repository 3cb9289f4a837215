"""The JSON Schemas of /v1/operator."""

from typing import Any

from functions.web.schemas import COUNT, TEXT, TIME, Schema, nullable, obj, page

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
    "QuarantineRequest": obj(
        "model why",
        {"model": _NAME, "why": {"type": "string", "minLength": 1, "maxLength": 200}},
        examples=[{"model": "gpt-6-luna", "why": "answers drift since the update of the 20th"}],
    ),
}
