"""The JSON Schemas of /openapi.json that no Python type stands behind: what goes out is written by hand, so that
the hot path builds no models, and these say what it is."""

from typing import Any

Schema = dict[str, Any]


def obj(required: str, properties: Schema, **more: Any) -> Schema:
    """An object: `required` is a sentence of names."""
    return {"type": "object", "required": required.split(), "properties": properties, **more}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def page(name: str) -> Schema:
    """A page of a list."""
    return obj("data next", {"data": {"type": "array", "items": ref(name)}, "next": nullable(TEXT)})


def ref(name: str) -> Schema:
    """Another schema of these."""
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object"}
TIME: Schema = {"type": "string", "format": "date-time"}

PROBLEM = obj(
    "type title status detail code request_id",
    {
        "type": TEXT,
        "title": TEXT,
        "status": WHOLE,
        "detail": TEXT,
        "instance": TEXT,
        "code": TEXT,
        "param": TEXT,
        "advice": TEXT,
        "retryable": FLAG,
        "request_id": TEXT,
        "line": COUNT,
        "column": COUNT,
    },
    description="An RFC 9457 problem document.",
)
USAGE = obj(
    "input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens cost_micros provenance",
    {
        "input_tokens": COUNT,
        "cache_read_tokens": COUNT,
        "cache_write_tokens": COUNT,
        "output_tokens": COUNT,
        "reasoning_tokens": COUNT,
        "cost_micros": nullable(COUNT),
        "provenance": {"type": "string", "enum": ["provider", "estimated", "absent"]},
    },
)
STEP = obj(
    "name model cost_micros",
    {
        "name": TEXT,
        "model": TEXT,
        "cost_micros": COUNT,
        "status": TEXT,
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "total_ms": COUNT,
        "legs": COUNT,
        "simulated": FLAG,
    },
)
_SUMMARY: Schema = {
    "id": TEXT,
    "object": {"const": "document"},
    "pipeline": TEXT,
    "version": TEXT,
    "status": {"type": "string", "enum": ["running", "finished", "failed"]},
    "created": TIME,
    "finished": nullable(TIME),
    "cost_micros": COUNT,
    "budget_micros": nullable(COUNT),
    "trace": TEXT,
    "simulated": FLAG,
    "error": nullable(OPEN),
}
DOCUMENT = obj(
    "id pipeline status text data cost_micros trace steps",
    _SUMMARY
    | {"given": OPEN, "text": TEXT, "data": nullable(OPEN), "steps": {"type": "array", "items": ref("Step")}},
)
_MONEY = nullable({"type": "integer", "minimum": 0, "maximum": 10**15, "description": "Micro-dollars."})
_PACE = nullable({"type": "integer", "minimum": 1, "maximum": 10**9})
SPEND: Schema = {"run_micros": _MONEY, "day_micros": _MONEY, "month_micros": _MONEY}
RATE: Schema = {"requests_per_minute": _PACE, "tokens_per_minute": _PACE}
KEY = obj(
    "id name hint scopes created expires revoked",
    {
        "id": TEXT,
        "object": {"const": "key"},
        "name": TEXT,
        "hint": TEXT,
        "scopes": {"type": "array", "items": TEXT},
        "limits": ref("Limits"),
        "created": TIME,
        "expires": nullable(TIME),
        "revoked": nullable(TIME),
    },
)
SCHEMAS: dict[str, Schema] = {
    "Problem": PROBLEM,
    "Usage": USAGE,
    "Step": STEP,
    "Document": DOCUMENT,
    "DocumentSummary": obj("id pipeline status cost_micros trace", _SUMMARY),
    "DocumentList": page("DocumentSummary"),
    "DocumentRequest": obj(
        "pipeline",
        {
            "pipeline": TEXT,
            "brief": {
                "anyOf": [TEXT, OPEN],
                "description": "The brief, or all fields of the pipeline as an object.",
            },
            "stream": FLAG,
            "budget_micros": nullable(COUNT),
        },
        description="The pipeline's own fields stand beside these: GET /v1/pipelines lists them.",
        examples=[{"pipeline": "article", "brief": "Why tea cools", "stream": False}],
    ),
    "RerunRequest": obj(
        "",
        {"set": {"type": ["object", "null"], "additionalProperties": TEXT}, "stream": FLAG},
        description="`set` names a model for each step that is to change.",
    ),
    "Replay": obj(
        "id text identical sha256 detail drift drawing document sse",
        {
            "id": TEXT,
            "text": TEXT,
            "identical": FLAG,
            "sha256": TEXT,
            "detail": TEXT,
            "drift": TEXT,
            "drawing": TEXT,
            "document": ref("Document"),
            "sse": TEXT,
        },
    ),
    "Quote": obj("micros", {"micros": COUNT}, description="The worst case, in micro-dollars."),
    "Key": KEY,
    "NewKey": {"allOf": [ref("Key"), obj("key", {"key": TEXT})]},
    "KeyList": page("Key"),
    "KeyRequest": obj(
        "name",
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "expires": nullable(TIME),
            "scopes": {
                "type": ["array", "null"],
                "items": {"type": "string", "enum": ["member", "operator"]},
                "minItems": 1,
            },
            "limits": nullable(ref("Limits")),
        },
    ),
    "Limits": obj("", SPEND | RATE),
    "Tape": obj("entries", {"entries": {"type": "array", "items": OPEN}}),
    "Verdict": obj(
        "tenant intact broken seals entries unsealed tombstones",
        {
            "tenant": TEXT,
            "intact": FLAG,
            "broken": nullable(TEXT),
            "seals": COUNT,
            "entries": COUNT,
            "unsealed": COUNT,
            "tombstones": COUNT,
        },
    ),
    "Health": obj("status", {"status": TEXT}),
    "Readiness": obj("status checks", {"status": TEXT, "checks": OPEN}),
    "Pipeline": obj(
        "name summary fields quote mermaid",
        {"name": TEXT, "summary": TEXT, "fields": OPEN, "result": OPEN, "quote": OPEN, "mermaid": TEXT},
    ),
    "PipelineList": page("Pipeline"),
}
