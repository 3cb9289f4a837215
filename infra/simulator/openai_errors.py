"""OpenAI's error bodies, shared by Chat Completions, Responses and embeddings."""

from typing import Any

from infra.simulator import fields
from infra.simulator.answer import Json
from infra.simulator.failure import BadField, BadJson, WireError

_KEYS_PAGE = "https://platform.openai.com/account/api-keys"
_WORDS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "forbidden", "You are not allowed to use this resource."),
    404: ("invalid_request_error", None, "The requested resource was not found."),
    408: ("server_error", "timeout", "The request timed out."),
    409: ("invalid_request_error", "conflict", "The resource was changed by another request."),
    413: ("invalid_request_error", "request_too_large", "The request body is too large."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: (
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached in organization org-sim on requests per min (RPM): Limit 500, Used 500, Requested 1.",
    ),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    502: ("server_error", None, "Bad gateway."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
    504: ("server_error", None, "Gateway timeout."),
    529: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


def parts(error: WireError) -> Json:
    """message, type, param and code."""
    kind, code, message = _WORDS.get(error.status, _WORDS[500])
    return {
        "message": error.message or message,
        "type": error.kind or kind,
        "param": error.param,
        "code": error.code
        if error.code is not None
        else (code if not error.message or error.status != 400 else None),
    }


def body(error: WireError) -> Json:
    """The whole error body."""
    return {"error": parts(error)}


def bad_key(key: str | None) -> WireError:
    """401, worded by whether a key was sent."""
    if not key:
        return WireError(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer"
            f" auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from {_KEYS_PAGE}.",
            kind="invalid_request_error",
            code="missing_api_key",
        )
    return WireError(
        401, f"Incorrect API key provided: {key[:4]}. You can find your API key at {_KEYS_PAGE}."
    )


def bad_json(error: BadJson) -> WireError:
    """400 for a body that is no JSON object."""
    return WireError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library"
        " correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
    )


def bad_field(error: BadField) -> WireError:
    """400 that names the parameter and what was expected."""
    path = error.path
    if error.problem == "missing":
        return WireError(
            400, f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter"
        )
    if error.problem == "empty":
        return WireError(
            400,
            f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param=path,
            code="empty_array",
        )
    if error.problem == "type":
        return WireError(
            400,
            f"Invalid type for '{path}': expected {_an(error.expected)}, but got {_an(fields.name_of(error.got))}"
            " instead.",
            param=path,
            code="invalid_type",
        )
    return WireError(
        400,
        f"Invalid value: '{_shown(error.got)}'. Supported values are: {error.expected}.",
        param=path,
        code="invalid_value",
    )


def _an(name: str) -> str:
    return name if name == "null" else f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def _shown(value: Any) -> str:
    return str(value)[:80]


def unsupported_parameter(name: str, instead: str | None = None) -> WireError:
    """400 for a parameter that this model does not take."""
    hint = f" Use '{instead}' instead." if instead else ""
    return WireError(
        400,
        f"Unsupported parameter: '{name}' is not supported with this model.{hint}",
        param=name,
        code="unsupported_parameter",
    )


def unsupported_value(name: str, value: object, default: object) -> WireError:
    """400 for a sampling value other than the default."""
    return WireError(
        400,
        f"Unsupported value: '{name}' does not support {value} with this model. Only the default ({default}) value is"
        " supported.",
        param=name,
        code="unsupported_value",
    )


def too_long(context: int, got: int, param: str) -> WireError:
    """400 for a prompt beyond the context, in tokens."""
    return WireError(
        400,
        f"This model's maximum context length is {context} tokens. However, your messages resulted in {got} tokens."
        " Please reduce the length of the messages.",
        param=param,
        code="context_length_exceeded",
    )


def sampling(body: Json) -> None:
    """Raises for sampling parameters, which reasoning models refuse unless they hold the default."""
    for name, default in (
        ("temperature", 1),
        ("top_p", 1),
        ("presence_penalty", 0),
        ("frequency_penalty", 0),
    ):
        value = fields.number(body, name)
        if value is not None and value != default:
            raise unsupported_value(name, body[name], default)
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name):
            raise unsupported_parameter(name)
