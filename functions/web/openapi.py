"""/openapi.json: FastAPI's account of the routes, with our schemas, our errors and the hot path written in."""

from typing import Any

from fastapi import FastAPI

from functions.web import chat, cutover_schemas, openai_schemas, responses, schemas
from functions.web.describe import answer, errors

_COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`cs_…`) or a Supabase token.",
        }
    },
    "headers": {"RequestId": {"description": "Quote it when you ask us.", "schema": {"type": "string"}}},
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
    components["schemas"] = schemas.SCHEMAS | openai_schemas.SCHEMAS | cutover_schemas.SCHEMAS
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
    return found
