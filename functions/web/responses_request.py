"""An OpenAI Responses request as a Prompt: the stateless part of that interface.

Newer clients choose it by themselves (LangChain does for tools with names that begin with `gpt-6`). Nothing is kept
between requests, so what would need it (`previous_response_id`, `conversation`, `background`) is refused.
"""

from dataclasses import dataclass, field
from typing import Any

from functions.web.errors import Invalid
from functions.web.fields import Fields, missing, wrong_type
from functions.web.openai_messages import DETAILS, check_calls, image_address
from functions.web.openai_request import (
    EFFORTS,
    MOST_TOKENS,
    MOST_TOOLS,
    checked,
    choice_of,
    fallback_of,
    tool_name,
)
from shared.chat.order import Fallback
from shared.core.prompt import Image, Message, Prompt, Role, Tool, ToolCall
from shared.core.schema import Schema
from shared.core.text import sound

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_MOST_ITEMS = 4096
_TEXT_PARTS = ("input_text", "output_text", "text")
_ECHOED = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
)


@dataclass(frozen=True, slots=True)
class ResponsesBody:
    """What the caller asked for. `echo` is what the answer repeats of it."""

    model: str
    prompt: Prompt
    stream: bool
    echo: dict[str, Any] = field(default_factory=dict)
    n: int = 1
    fallback: Fallback = "finish"


def responses_body(values: dict[str, Any]) -> ResponsesBody:
    """Read a request. Raises Invalid or BadRequest with `param` before anything is sent to anyone."""
    body = Fields(values)
    model = sound(body.text("model"), "model")
    for name in ("previous_response_id", "conversation", "prompt"):
        if body.values.get(name) is not None:
            raise Invalid(
                f"Unsupported parameter: '{name}'. Nothing is kept between requests: send the whole input.",
                param=name,
                kind="unsupported_parameter",
            )
    if body.flag("background", False):
        raise Invalid(
            "Unsupported parameter: 'background'.", param="background", kind="unsupported_parameter"
        )
    tools = _tools(body)
    schema, json_object = _format(body)
    reasoning = body.object("reasoning")
    asked = reasoning is not None and reasoning.values.get("effort") is not None
    effort = EFFORTS[reasoning.one_of("effort", tuple(EFFORTS))] if reasoning is not None and asked else None
    prompt = Prompt(
        messages=_messages(body),
        max_output=body.whole("max_output_tokens", 1, MOST_TOKENS),
        schema=schema,
        json_object=json_object,
        tools=tools,
        tool_choice=choice_of(body, tools, nested=False),
        parallel_tool_calls=body.flag("parallel_tool_calls", True),
        temperature=body.number("temperature", 0, 2),
        top_p=body.number("top_p", 0, 1),
        effort=effort,
    )
    echo = {name: values[name] for name in _ECHOED if values.get(name) is not None}
    return ResponsesBody(model, prompt, body.flag("stream", False), echo, fallback=fallback_of(body))


def _messages(body: Fields) -> tuple[Message, ...]:
    found: list[Message] = []
    instructions = sound(body.text_or("instructions"), "instructions")
    if instructions:
        found.append(Message("system", instructions))
    value: Any = body.values.get("input")
    if value is None:
        raise missing("input")
    if isinstance(value, str):
        found.append(Message("user", sound(value, "input")))
    else:
        for item in body.objects("input", _MOST_ITEMS) or ():
            _add(found, item)
    if not any(message.role != "system" for message in found):
        raise Invalid("Invalid 'input': there is nothing to answer in it.", param="input", kind="empty_array")
    messages = tuple(found)
    check_calls(messages, "input")
    return messages


def _add(found: list[Message], item: Fields) -> None:
    """One item of the input; calls that follow one another, or words, are one turn of the assistant."""
    kind = item.text_or("type", "message")
    if kind == "message":
        role = _ROLES[item.one_of("role", tuple(_ROLES))]
        text, images = _content(item, "content")
        found.append(Message(role, text, images=images))
    elif kind == "function_call":
        call = ToolCall(
            sound(item.text("call_id"), item.at("call_id")),
            sound(item.text("name"), item.at("name")),
            sound(item.text("arguments"), item.at("arguments")),
        )
        before = found.pop() if found and found[-1].role == "assistant" else Message("assistant")
        found.append(Message("assistant", before.text, tool_calls=(*before.tool_calls, call)))
    elif kind == "function_call_output":
        text, _ = _content(item, "output")
        found.append(Message("tool", text, tool_call_id=sound(item.text("call_id"), item.at("call_id"))))
    elif kind != "reasoning":
        # A model's own thinking comes back from clients that keep it; no other model can use it.
        raise Invalid(
            f"Items of type '{kind[:60]}' are not served.", param=item.at("type"), kind="unsupported_value"
        )


def _content(item: Fields, name: str) -> tuple[str, tuple[Image, ...]]:
    value: Any = item.values.get(name)
    where = item.at(name)
    if value is None:
        raise missing(where)
    if isinstance(value, str):
        return sound(value, where), ()
    if not isinstance(value, list):
        raise wrong_type(where, "a string or an array of content parts", value)
    texts: list[str] = []
    images: list[Image] = []
    for part in item.objects(name, _MOST_ITEMS) or ():
        kind = part.one_of("type", (*_TEXT_PARTS, "refusal", "input_image"))
        if kind == "input_image":
            detail = "auto" if part.values.get("detail") is None else part.one_of("detail", DETAILS)
            images.append(Image(image_address(part, "image_url"), detail))
        else:
            words = "refusal" if kind == "refusal" else "text"
            texts.append(sound(part.text(words), part.at(words)))
    return "\n".join(texts), tuple(images)


def _tools(body: Fields) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for item in body.objects("tools", MOST_TOOLS) or ():
        item.one_of("type", ("function",))
        name = tool_name(item, "name")
        if any(tool.name == name for tool in found):
            raise Invalid(f"Two tools are called '{name}'.", param=item.at("name"))
        parameters = item.object("parameters")
        schema = {} if parameters is None else parameters.values
        if schema:
            checked(name, schema, item.at("parameters"))
        description = sound(item.text_or("description"), item.at("description"))
        found.append(Tool(name, description, schema, strict=item.flag("strict", True)))
    return tuple(found)


def _format(body: Fields) -> tuple[Schema | None, bool]:
    text = body.object("text")
    given = None if text is None else text.object("format")
    if given is None:
        return None, False
    kind = given.one_of("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return None, kind == "json_object"
    name = tool_name(given, "name")
    schema = given.object("schema")
    if schema is None:
        raise missing(given.at("schema"))
    checked(name, schema.values, "text.format")
    description = sound(given.text_or("description"), given.at("description"))
    return Schema(name, schema.values, strict=given.flag("strict", False), description=description), False
