"""The JSON Schemas of /v1/cutover."""

from typing import Any

from functions.web.schemas import COUNT, FLAG, OPEN, TEXT, TIME, Schema, nullable, obj, ref

_SHARE: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
_MODELS: Schema = {"type": "object", "additionalProperties": TEXT}
_MEASURES: Schema = {
    "failures": COUNT,
    "cost_micros": COUNT,
    "first_token_p50_ms": nullable(COUNT),
    "first_token_p95_ms": nullable(COUNT),
    "total_p50_ms": nullable(COUNT),
    "total_p95_ms": nullable(COUNT),
}
_SIDE: Schema = {
    "model": TEXT,
    "fault": nullable(TEXT),
    "finish": TEXT,
    "size": COUNT,
    "first_token_ms": nullable(COUNT),
    "total_ms": COUNT,
    "cost_micros": nullable(COUNT),
}

SCHEMAS: dict[str, Any] = {
    "Cutover": obj(
        "base_url api_key_hint serve_percent mirror_percent shadow_percent models keep_samples changed",
        {
            "object": {"const": "cutover"},
            "base_url": TEXT,
            "api_key_hint": nullable(TEXT),
            "serve_percent": _SHARE,
            "mirror_percent": _SHARE,
            "shadow_percent": _SHARE,
            "models": _MODELS,
            "keep_samples": FLAG,
            "changed": nullable(TIME),
            "changed_by": TEXT,
        },
    ),
    "CutoverRequest": obj(
        "",
        {
            "base_url": {
                "type": ["string", "null"],
                "description": "The old path's address as clients have it: https://api.example.com/v1. Needed once.",
            },
            "api_key": {
                "type": ["string", "null"],
                "description": "Its key: kept encrypted, never shown again; an empty text forgets it.",
            },
            "serve_percent": nullable(_SHARE)
            | {
                "description": "The share of requests that ChatSmart answers; the old path answers the others."
            },
            "mirror_percent": nullable(_SHARE)
            | {
                "description": "Of what ChatSmart answers, the share that the old path gets too, for comparison."
            },
            "shadow_percent": nullable(_SHARE)
            | {
                "description": "Of what the old path answers, the share that ChatSmart gets too, at your cost."
            },
            "models": nullable(_MODELS)
            | {"description": "The old path's names of models, and which model answers for them here."},
            "keep_samples": {
                "type": ["boolean", "null"],
                "description": "Keep texts beside what is measured.",
            },
        },
        description="A field that is left out or null keeps its value.",
    ),
    "CutoverMeasures": obj(" ".join(_MEASURES), _MEASURES),
    "CutoverGroup": obj(
        "pairs both agreeing identical agreement similarity priced ours theirs",
        {
            "model": TEXT,
            "pairs": COUNT,
            "both": COUNT,
            "agreeing": COUNT,
            "identical": COUNT,
            "agreement": nullable({"type": "number"}),
            "similarity": nullable({"type": "number"}),
            "priced": COUNT,
            "ours": ref("CutoverMeasures"),
            "theirs": ref("CutoverMeasures"),
        },
    ),
    "CutoverExample": obj(
        "trace at path model first agrees why similarity ours theirs sample",
        {
            "trace": TEXT,
            "at": TIME,
            "path": TEXT,
            "model": TEXT,
            "first": {"type": "string", "enum": ["chatsmart", "old"]},
            "agrees": FLAG,
            "why": TEXT,
            "similarity": {"type": "number"},
            "ours": obj(" ".join(_SIDE), _SIDE),
            "theirs": obj(" ".join(_SIDE), _SIDE),
            "sample": nullable(OPEN),
        },
    ),
    "CutoverReport": obj(
        "since until counts overall models worst verdict capped",
        {
            "object": {"const": "cutover_report"},
            "since": TIME,
            "until": TIME,
            "counts": {"type": "object", "additionalProperties": COUNT},
            "overall": ref("CutoverGroup"),
            "models": {"type": "array", "items": ref("CutoverGroup")},
            "worst": {"type": "array", "items": ref("CutoverExample")},
            "verdict": obj("ready text", {"ready": FLAG, "text": TEXT}),
            "capped": FLAG,
        },
    ),
}
