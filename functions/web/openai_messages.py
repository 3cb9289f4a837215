"""The `messages` of an OpenAI chat request as Messages."""

from typing import Any

from functions.web.errors import Invalid
from functions.web.fields import Fields, missing, wrong_type
from shared.core.prompt import Image, Message, Role, ToolCall
from shared.core.text import sound

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_MOST_MESSAGES = 2048
DETAILS = ("auto", "low", "high", "original")


def messages_of(body: Fields) -> tuple[Message, ...]:
    """All messages, in order. Raises Invalid naming the field; also where a tool message answers no call, or a call
    is left without its answer."""
    items = body.objects("messages", _MOST_MESSAGES)
    if items is None:
        raise missing("messages")
    if not items:
        raise Invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array.",
            param="messages",
            kind="empty_array",
        )
    found = tuple(_message(item) for item in items)
    check_calls(found, "messages")
    return found


def _message(item: Fields) -> Message:
    role = _ROLES[item.one_of("role", tuple(_ROLES))]
    name = sound(item.text_or("name"), item.at("name"))
    text, images = _content(item, role)
    if role == "tool":
        call = sound(item.text("tool_call_id"), item.at("tool_call_id"))
        return Message(role, text, tool_call_id=call, name=name)
    if role == "assistant":
        calls = _calls(item)
        refusal = sound(item.text_or("refusal"), item.at("refusal"))
        if item.values.get("content") is None and not calls and not refusal:
            raise Invalid(
                f"Invalid value for '{item.at('content')}': expected a string, got null.",
                param=item.at("content"),
            )
        return Message(role, text or refusal, tool_calls=calls, name=name)
    return Message(role, text, images=images, name=name)


def _content(item: Fields, role: Role) -> tuple[str, tuple[Image, ...]]:
    value: Any = item.values.get("content")
    where = item.at("content")
    if value is None:
        if role == "assistant":
            return "", ()
        raise missing(where)
    if isinstance(value, str):
        return sound(value, where), ()
    if not isinstance(value, list):
        raise wrong_type(where, "a string or an array of content parts", value)
    texts: list[str] = []
    images: list[Image] = []
    for part in item.objects("content", _MOST_MESSAGES) or ():
        kind = part.one_of("type", _PARTS[role])
        if kind == "image_url":
            images.append(_image(part))
        else:
            texts.append(sound(part.text(kind), part.at(kind)))
    return "\n".join(texts), tuple(images)


_PARTS: dict[Role, tuple[str, ...]] = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
}


def _image(part: Fields) -> Image:
    given = part.object("image_url")
    if given is None:
        raise missing(part.at("image_url"))
    url = image_address(given, "url")
    detail = "auto" if given.values.get("detail") is None else given.one_of("detail", DETAILS)
    return Image(url, detail)


def image_address(fields: Fields, name: str) -> str:
    """Where an image is, or the image itself."""
    url = sound(fields.text(name), fields.at(name))
    if not url.startswith(("https://", "data:image/")):
        raise Invalid(
            f"Invalid '{fields.at(name)}': expected an https address or a data:image URL.",
            param=fields.at(name),
        )
    return url


def _calls(item: Fields) -> tuple[ToolCall, ...]:
    found = []
    for call in item.objects("tool_calls", 128) or ():
        if call.text_or("type", "function") != "function":
            call.one_of("type", ("function",))
        function = call.object("function")
        if function is None:
            raise missing(call.at("function"))
        found.append(
            ToolCall(
                sound(call.text("id"), call.at("id")),
                sound(function.text("name"), function.at("name")),
                sound(function.text("arguments"), function.at("arguments")),
            )
        )
    return tuple(found)


def check_calls(messages: tuple[Message, ...], where: str) -> None:
    """Tool messages follow the assistant message whose calls they answer, and answer all of them."""
    open_calls: set[str] = set()
    for position, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_calls:
                raise Invalid(
                    f"Invalid '{where}': the result of the call '{message.tool_call_id[:60]}' must follow the turn of "
                    "the assistant that makes this call.",
                    param=f"messages[{position}].tool_call_id" if where == "messages" else where,
                )
            open_calls.discard(message.tool_call_id)
            continue
        _refuse_open(open_calls, position, where)
        open_calls = {call.id for call in message.tool_calls}
    _refuse_open(open_calls, len(messages), where)


def _refuse_open(calls: set[str], position: int, where: str) -> None:
    if calls:
        raise Invalid(
            f"Invalid '{where}': a turn that calls tools must be followed by the result of each call. Not there: "
            f"{', '.join(sorted(calls))[:200]}.",
            param=f"messages[{position - 1}]" if where == "messages" else where,
        )
