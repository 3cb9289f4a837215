"""How a route is described in /openapi.json: hand-written schemas by name, one error answer for all."""

from typing import Any

from starlette.responses import Response

from functions.web.errors import is_openai

RUN = r"^(doc|chat|cmp)_[0-9a-f]{32}$"
"""The form of a run's id."""
KEY = r"^key_[0-9a-f]{32}$"
"""The form of an API key's id."""


def ref(name: str) -> dict[str, str]:
    """A schema by its name in `schemas.py`."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(
    schema: str | None, description: str, *, stream: bool = False, text: bool = False
) -> dict[str, Any]:
    """One answer: JSON of a schema, server-sent events, or either by the request's wish."""
    content: dict[str, Any] = {}
    if schema == "Text":
        content["text/plain"] = {"schema": {"type": "string"}}
    elif schema is not None:
        content["application/json"] = {"schema": ref(schema)}
    if stream:
        content["text/event-stream"] = {"schema": _event()}
    found: dict[str, Any] = {
        "description": description,
        "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
    }
    return found | ({"content": content} if content else {})


def _event() -> dict[str, Any]:
    """One server-sent event, as its fields."""
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["data"],
        "properties": {"id": text, "event": text, "data": dict(text)},
        "description": "Each server-sent event.",
    }


def errors(path: str) -> dict[str, Any]:
    """The error answers of a path, in the shape that its clients read."""
    name = "OpenAIError" if is_openai(path) else "Problem"
    return {status: {"$ref": f"#/components/responses/{name}"} for status in ("4XX", "5XX")}


def describe(
    schema: str | None,
    description: str,
    *,
    body: str | None = None,
    body_needed: bool = True,
    status: int = 200,
    also: int | None = None,
    stream: bool = False,
    caller: bool = True,
) -> dict[str, Any]:
    """Keyword arguments for a FastAPI route. `also` is a second status with the same body; a streamed answer is a
    200, whatever the whole one is."""
    responses: dict[int | str, dict[str, Any]] = {status: answer(schema, description)}
    if stream:
        responses[200] = answer(schema if status == 200 else None, "The events", stream=True)
    if also is not None:
        responses[also] = answer(schema, description)
    extra: dict[str, Any] = {}
    if body is not None:
        extra["requestBody"] = {
            "required": body_needed,
            "content": {"application/json": {"schema": ref(body)}},
        }
    if caller:
        extra["security"] = [{"bearer": []}]
    # FastAPI would add a 422 of its own to any route whose error answers it does not know.
    responses |= {"4XX": {"description": "The request can't be served"}, "5XX": {"description": "It broke"}}
    return {"responses": responses, "openapi_extra": extra, "status_code": status, "response_class": Response}
