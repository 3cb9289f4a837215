"""/openapi.json: FastAPI's account of the routes, with our schemas, our errors and the hot path written in."""

from typing import Any

from fastapi import FastAPI

from functions.web import (
    cache_schemas,
    chat,
    cutover_schemas,
    openai_schemas,
    operator_schemas,
    plugins_schemas,
    policy_schemas,
    responses,
    retention_schemas,
    schemas,
)
from functions.web.describe import answer, errors

IDEMPOTENCY = """Makes a request safe to send again: under one key it is done once, however often it
arrives.

Any value of 1 to 255 visible ASCII characters that you don't use for another request, such as a UUID. It
stands for 24 hours, for your tenant and this path. A repeat must have the same body to the byte; with
another one it is refused (409).

A repeat gets the first answer again, with the header `idempotency-replayed: true`: a chat's from the call
log, with no second call and no second charge; the same document, written or still being written. While a
chat or a small request is still being worked on a repeat is a 409 with `retry-after`. Quotes, replays and
cancellations are simply done again.

A request that failed without costing anything frees its key, unless a provider will never take it as it
stands; so does a chat whose caller left before its end. An answer that may hold a secret (a new API key) is
given again only to the credential that it was made for."""
_COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`cs_…`) or a Supabase token.",
        }
    },
    "headers": {
        "RequestId": {"description": "Quote it when you ask us.", "schema": {"type": "string"}},
        "Replayed": {
            "description": "`true` where this answer was given before, under the same Idempotency-Key.",
            "schema": {"const": "true"},
        },
    },
    "parameters": {
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
            "description": IDEMPOTENCY,
        }
    },
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` give the whole description, made once and only when it is asked for."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None or "ChatRequest" not in app.openapi_schema["components"]["schemas"]:
            app.openapi_schema = _complete(plain())
        return app.openapi_schema

    # FastAPI documents this as the way to extend the description.
    app.openapi = whole  # type: ignore[method-assign]


def _complete(found: dict[str, Any]) -> dict[str, Any]:
    components = found.setdefault("components", {})
    components.update(_COMPONENTS)
    components["schemas"] = (
        schemas.SCHEMAS
        | openai_schemas.SCHEMAS
        | cutover_schemas.SCHEMAS
        | operator_schemas.SCHEMAS
        | policy_schemas.SCHEMAS
        | plugins_schemas.SCHEMAS
        | cache_schemas.SCHEMAS
        | retention_schemas.SCHEMAS
    )
    components["responses"] = {
        "Problem": answer(None, "A problem document")
        | {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
        "OpenAIError": answer("OpenAIError", "An error in OpenAI's shape"),
    }
    found["paths"] = {
        chat.PATH: openai_schemas.hot_path(chat.PATH, "chat", "ChatRequest", "ChatCompletion", "ChatChunk"),
        responses.PATH: openai_schemas.hot_path(
            responses.PATH, "responses", "ResponsesRequest", "Response", "ResponseEvent"
        ),
        **found["paths"],
    }
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["responses"].update(errors(path))
        if "post" in operations:
            _repeatable(operations["post"])
    return found


def _repeatable(operation: dict[str, Any]) -> None:
    """Every POST takes an idempotency key, and says where it gives an answer again."""
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    operation["parameters"] = [*operation.get("parameters", ()), key]
    for status, found in operation["responses"].items():
        if str(status).startswith("2"):
            replayed = {"idempotency-replayed": {"$ref": "#/components/headers/Replayed"}}
            found["headers"] = found.get("headers", {}) | replayed
