"""An OpenAI chat request as a Prompt. Strict where OpenAI is: a wrong type or value is a 400 that names the field.

Fields that we don't know, and known ones that only tune (penalties, `logit_bias`, `user`, `metadata`, `store`), are
ignored; those whose absence would change the shape of the answer (`logprobs`, audio, `functions`) are refused.
"""

import re
from dataclasses import dataclass
from typing import Any, cast, get_args

from functions.web.errors import Invalid
from functions.web.fields import Fields, missing, wrong_type
from functions.web.openai_messages import messages_of
from shared.chat.order import Fallback
from shared.core.faults import BadRequest
from shared.core.prompt import Effort, Prompt, Tool, ToolChoice
from shared.core.schema import Schema
from shared.core.text import sound

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_TOKENS = 10_000_000
_MOST_CHOICES = 8
_MOST_STOPS = 4
MOST_TOOLS = 128
_INT64 = 2**63 - 1
EFFORTS: dict[str, Effort] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    # The two newest steps are asked for as the highest that every wire format can say.
    "xhigh": "high",
    "max": "high",
}


@dataclass(frozen=True, slots=True)
class ChatBody:
    """What the caller asked for."""

    model: str
    prompt: Prompt
    stream: bool
    include_usage: bool
    n: int
    fallback: Fallback = "finish"


def chat_body(values: dict[str, Any]) -> ChatBody:
    """Read a request. Raises Invalid or BadRequest with `param` before anything is sent to anyone."""
    body = Fields(values)
    model = sound(body.text("model"), "model")
    if not model:
        raise Invalid("you must provide a model parameter", param="model", kind="missing_required_parameter")
    _refuse_unserved(body)
    stream = body.flag("stream", False)
    tools = _tools(body)
    schema, json_object = _format(body)
    effort = (
        None
        if body.values.get("reasoning_effort") is None
        else body.one_of("reasoning_effort", tuple(EFFORTS))
    )
    prompt = Prompt(
        messages=messages_of(body),
        max_output=_max_output(body),
        schema=schema,
        json_object=json_object,
        tools=tools,
        tool_choice=choice_of(body, tools, nested=True),
        parallel_tool_calls=body.flag("parallel_tool_calls", True),
        stop=_stop(body),
        temperature=body.number("temperature", 0, 2),
        top_p=body.number("top_p", 0, 1),
        seed=body.whole("seed", -_INT64 - 1, _INT64),
        effort=None if effort is None else EFFORTS[effort],
    )
    return ChatBody(
        model,
        prompt,
        stream,
        _include_usage(body, stream),
        body.whole("n", 1, _MOST_CHOICES) or 1,
        fallback_of(body),
    )


def fallback_of(body: Fields) -> Fallback:
    """Our own field: whether other models may finish what the named one broke off."""
    if body.values.get("fallback") is None:
        return "finish"
    return cast(Fallback, body.one_of("fallback", get_args(Fallback)))


def _refuse_unserved(body: Fields) -> None:
    for name in ("functions", "function_call", "audio"):
        if body.values.get(name) is not None:
            instead = " Use 'tools' and 'tool_choice' instead." if name.startswith("function") else ""
            raise Invalid(
                f"Unsupported parameter: '{name}'.{instead}", param=name, kind="unsupported_parameter"
            )
    if body.flag("logprobs", False):
        raise Invalid("Unsupported parameter: 'logprobs'.", param="logprobs", kind="unsupported_parameter")
    modalities: Any = body.values.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise Invalid("Only the modality 'text' is served.", param="modalities", kind="unsupported_value")


def _max_output(body: Fields) -> int | None:
    newer = body.whole("max_completion_tokens", 1, MOST_TOKENS)
    older = body.whole("max_tokens", 1, MOST_TOKENS)
    return newer if newer is not None else older


def _include_usage(body: Fields, stream: bool) -> bool:
    options = body.object("stream_options")
    if options is None:
        return False
    if not stream:
        raise Invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    return options.flag("include_usage", False)


def _stop(body: Fields) -> tuple[str, ...]:
    value: Any = body.values.get("stop")
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise wrong_type("stop", "a string or an array of strings", value)
    if len(items) > _MOST_STOPS:
        raise Invalid(
            f"Invalid 'stop': array too long. Expected at most {_MOST_STOPS} items, got {len(items)}.",
            param="stop",
            kind="array_above_max_length",
        )
    for position, item in enumerate(items):
        if not isinstance(item, str):
            raise wrong_type(f"stop[{position}]", "a string", item)
        sound(item, "stop")
    return tuple(item for item in items if item)


def _tools(body: Fields) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for item in body.objects("tools", MOST_TOOLS) or ():
        item.one_of("type", ("function",))
        function = item.object("function")
        if function is None:
            raise missing(item.at("function"))
        name = tool_name(function, "name")
        if any(tool.name == name for tool in found):
            raise Invalid(f"Two tools are called '{name}'.", param=function.at("name"))
        parameters = function.object("parameters")
        schema = {} if parameters is None else parameters.values
        if schema:
            checked(name, schema, function.at("parameters"))
        description = sound(function.text_or("description"), function.at("description"))
        found.append(Tool(name, description, schema, strict=function.flag("strict", False)))
    return tuple(found)


def choice_of(body: Fields, tools: tuple[Tool, ...], *, nested: bool) -> ToolChoice:
    """`tool_choice`. The tool's name stands in `function` (chat) or beside `type` (responses)."""
    value: Any = body.values.get("tool_choice")
    if value is None:
        return ToolChoice()
    if isinstance(value, str):
        mode = body.one_of("tool_choice", ("none", "auto", "required"))
        if mode == "required" and not tools:
            raise _no_tools()
        return ToolChoice(cast(Any, mode))
    choice = body.object("tool_choice")
    assert choice is not None  # null was answered above
    choice.one_of("type", ("function",))
    function = choice.object("function") if nested else choice
    if function is None:
        raise missing(choice.at("function"))
    name = tool_name(function, "name")
    if not tools:
        raise _no_tools()
    if all(tool.name != name for tool in tools):
        raise Invalid(f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return ToolChoice("required", name)


def _no_tools() -> Invalid:
    return Invalid("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")


def _format(body: Fields) -> tuple[Schema | None, bool]:
    given = body.object("response_format")
    if given is None:
        return None, False
    kind = given.one_of("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return None, kind == "json_object"
    inner = given.object("json_schema")
    if inner is None:
        raise missing(given.at("json_schema"))
    name = tool_name(inner, "name")
    schema = inner.object("schema")
    if schema is None:
        raise missing(inner.at("schema"))
    strict = inner.flag("strict", False)
    description = sound(inner.text_or("description"), inner.at("description"))
    checked(name, schema.values, "response_format")
    return Schema(name, schema.values, strict=strict, description=description), False


def checked(name: str, schema: Any, param: str) -> None:
    """Raises where a JSON Schema is broken, in words that name our field."""
    try:
        Schema(name, schema)
    except BadRequest as fault:
        raise Invalid(fault.message, param=param, kind="invalid_schema") from None


def tool_name(fields: Fields, field: str) -> str:
    """The name of a tool or of a schema."""
    value = fields.text(field)
    if not _NAME.fullmatch(value):
        raise Invalid(
            f"Invalid '{fields.at(field)}': expected 1 to 64 of the characters a-z, A-Z, 0-9, _ and -.",
            param=fields.at(field),
        )
    return value
