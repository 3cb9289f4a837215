"""The one mapping from faults to HTTP: status codes, RFC 9457 problem documents and OpenAI's error shape."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from functions.web.reply import Json, Problem
from shared.core import faults
from shared.core.faults import BadPlugin, BadRequest, Fault, OurFault, Stopped

STATUS: Mapping[str, int] = {
    "bad_request": 400,
    "bad_brief": 400,
    "too_large": 413,
    "invalid_api_key": 401,
    "forbidden": 403,
    "not_found": 404,
    "model_not_found": 404,
    "over_budget": 402,
    "conflict": 409,
    "gone": 410,
    "rate_limited": 429,
    "content_refused": 400,
    "output_blocked": 400,
    # A tenant's program: it was called as asked, and can't be gone on with as it is.
    "plugin_failed": 422,
    "bad_plugin": 422,
    "plugin_error": 422,
    "plugin_stopped": 422,
    "not_granted": 403,
    # A provider's fault. Its 429 stays one, so that a client knows a limit from an outage; our own bad credential
    # must not look like the caller's.
    "provider_throttled": 429,
    "provider_overloaded": 503,
    "provider_timeout": 504,
    "provider_cut": 502,
    "outrun": 502,
    "provider_malformed": 502,
    "provider_rejected": 400,
    "provider_unauthorised": 502,
    "provider_error": 502,
    "internal_error": 500,
    "unavailable": 503,
    "policy_unreadable": 503,
    "stopped": 503,
    "diverged": 500,
    "bad_graph": 500,
    "bad_settings": 500,
    "fault": 500,
}
"""The status of every fault code. A test walks the whole tree."""

OPENAI_PATHS = ("/v1/chat", "/v1/completions", "/v1/models", "/v1/embeddings", "/v1/responses")
"""Where clients written for OpenAI look for OpenAI's error shape."""

_OPENAI_CODE: Mapping[str, str | None] = {
    "bad_request": None,
    "bad_brief": None,
    "over_budget": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
    "provider_throttled": "rate_limit_exceeded",
    "content_refused": "content_filter",
    "output_blocked": "content_filter",
    "too_large": "request_too_large",
    "provider_rejected": "invalid_request",
}
_OPENAI_TYPE: Mapping[int, str] = {
    401: "invalid_request_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_LOGGED_AS_OURS = 500
_STOPPED_SECONDS = 30.0
"""When to come back where an operator has stopped it: nobody knows how long, and nobody need ask all the time."""


class Invalid(BadRequest):
    """A field of an OpenAI-compatible request is wrong. `kind` is OpenAI's word for how."""

    def __init__(self, message: str, *, param: str | None, kind: str = "invalid_value") -> None:
        super().__init__(message, param=param)
        self.kind = kind


def status_of(fault: Fault) -> int:
    """The HTTP status of a fault."""
    return STATUS.get(fault.code, _LOGGED_AS_OURS)


def as_fault(error: Exception) -> tuple[Fault, int, dict[str, str]]:
    """Any exception as a fault, its status, and headers that belong to it. What we don't know is our own defect, and
    its words stay in the log."""
    if isinstance(error, Fault):
        return error, status_of(error), {}
    if isinstance(error, RequestValidationError):
        return _from_validation(error), 400, {}
    if isinstance(error, HTTPException):
        fault: Fault = BadRequest(str(error.detail))
        if error.status_code == HTTPStatus.NOT_FOUND:
            fault = faults.NotYours("There is nothing at this address.")
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            fault = BadRequest("This address does not serve that method.")
        return fault, error.status_code, dict(error.headers or {})
    return OurFault("Something broke on our side. Quote the request id to have it looked up."), 500, {}


def response(path: str, error: Exception, request_id: str) -> Response:
    """The answer to a failed request, in the shape that this path's clients read."""
    fault, status, headers = as_fault(error)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    wait = _STOPPED_SECONDS if isinstance(fault, Stopped) else fault.retry_after
    if wait is not None:
        headers["retry-after"] = str(max(1, ceil(wait)))
    if not is_openai(path):
        return Problem(problem(fault, status, path, request_id), status_code=status, headers=headers)
    if status >= HTTPStatus.CONFLICT and not fault.retryable and fault.code != OurFault.code:
        # OpenAI's clients retry 409, 429 and 5xx on their own: not where it can't help.
        headers["x-should-retry"] = "false"
    return Json(openai_error(fault, status), status_code=status, headers=headers)


def is_openai(path: str) -> bool:
    """Whether this path speaks OpenAI's shapes."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in OPENAI_PATHS)


def problem(fault: Fault, status: int, path: str, request_id: str) -> dict[str, Any]:
    """An RFC 9457 problem document. `type` is the address of a page that explains the code."""
    body: dict[str, Any] = {
        "type": f"/errors/{fault.code}",
        "title": title(type(fault)),
        "status": status,
        "detail": fault.message,
        "instance": path,
        "code": fault.code,
        "retryable": fault.retryable,
        "request_id": request_id,
    }
    if fault.advice:
        body["advice"] = fault.advice
    if fault.param:
        body["param"] = fault.param
    if isinstance(fault, BadPlugin):
        # Where an editor should put the cursor.
        body |= {name: at for name, at in (("line", fault.line), ("column", fault.column)) if at is not None}
    return body


def openai_error(fault: Fault, status: int) -> dict[str, Any]:
    """A fault in OpenAI's shape."""
    kind = getattr(fault, "kind", None) or _OPENAI_CODE.get(fault.code, fault.code)
    message = fault.message if not fault.advice else f"{fault.message} {fault.advice}"
    return {
        "error": {
            "message": message,
            "type": _OPENAI_TYPE.get(status, "server_error" if status >= 500 else "invalid_request_error"),
            "param": fault.param,
            "code": fault.provider_code if fault.provider_code == "context_length_exceeded" else kind,
        }
    }


def title(kind: type[Fault]) -> str:
    """The sentence that names a kind of fault."""
    return (kind.__doc__ or kind.__name__).strip().splitlines()[0]


def known() -> dict[str, type[Fault]]:
    """Every fault of the tree by its code; of several with one code, the one that gave it its name."""
    found: dict[str, type[Fault]] = {}
    waiting: list[type[Fault]] = [Fault]
    while waiting:
        kind = waiting.pop(0)
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found


def _from_validation(error: RequestValidationError) -> BadRequest:
    first = error.errors()[0] if error.errors() else {"loc": (), "msg": "The request is malformed"}
    where = [str(part) for part in first["loc"][1:]]
    name = ".".join(where) or None
    return BadRequest(f"'{name}': {first['msg']}." if name else f"{first['msg']}.", param=name)
