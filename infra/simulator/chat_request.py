"""Reads the request body that OpenAI's Chat Completions, Perplexity and vLLM share."""

from typing import Any

import orjson

from infra.simulator import fields
from infra.simulator.answer import Json, Tool, ToolCall, Turn
from infra.simulator.failure import BadField, WireError

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def text_of(content: Any, path: str) -> str:
    """The text of a message's content: a string, null, or parts; what is no text is only named."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise BadField(path, "type", expected="string or array", got=content)
    found = []
    for at, part in enumerate(content):
        piece = fields.record(part, f"{path}[{at}]")
        kind = fields.text(piece, "type", f"{path}[{at}].")
        if kind in {"text", "input_text", "output_text"}:
            found.append(fields.text(piece, "text", f"{path}[{at}]."))
        elif kind == "refusal":
            found.append(fields.text(piece, "refusal", f"{path}[{at}]."))
        else:
            found.append(f"[{kind}]")
    return "\n".join(found)


def turns(body: Json) -> tuple[Turn, ...]:
    """The conversation; raises `BadField` where a message is malformed."""
    made: list[Turn] = []
    names: dict[str, str] = {}
    for at, item in enumerate(fields.items(body, "messages", needed=True)):
        path = f"messages[{at}]"
        message = fields.record(item, path)
        role = fields.text(message, "role", f"{path}.")
        if role not in _ROLES:
            raise BadField(f"{path}.role", "value", expected=", ".join(_ROLES), got=role)
        said = _calls(message, path, names)
        if message.get("content") is None and role != "assistant":
            raise BadField(f"{path}.content", "missing")
        name = (
            names.get(str(message.get("tool_call_id")), str(message.get("name") or ""))
            if role == "tool"
            else ""
        )
        made.append(Turn(_ROLES[role], text_of(message.get("content"), f"{path}.content"), said, name))
    return tuple(made)


def _calls(message: Json, path: str, names: dict[str, str]) -> tuple[ToolCall, ...]:
    made = []
    for at, item in enumerate(fields.items(message, "tool_calls", f"{path}.")):
        where = f"{path}.tool_calls[{at}]"
        call = fields.record(item, where)
        function = fields.record(call.get("function"), f"{where}.function")
        name = fields.text(function, "name", f"{where}.function.")
        names[fields.text(call, "id", f"{where}.")] = name
        made.append(ToolCall(name, fields.text(function, "arguments", f"{where}.function.")))
    return tuple(made)


def answered_calls(body: Json) -> str | None:
    """The id of a tool call that no tool message answers, `-` for a tool message without a call, None where
    all fits."""
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if str(message.get("tool_call_id")) not in waiting:
                return "-"
            waiting.remove(str(message["tool_call_id"]))
            continue
        if waiting:
            return waiting[0]
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
    return waiting[0] if waiting else None


def tools(body: Json) -> tuple[Tool, ...]:
    """The functions offered."""
    made = []
    for at, item in enumerate(fields.items(body, "tools")):
        path = f"tools[{at}]"
        tool = fields.record(item, path)
        if fields.text(tool, "type", f"{path}.") != "function":
            raise BadField(f"{path}.type", "value", expected="function", got=tool["type"])
        made.append(function(fields.record(tool.get("function"), f"{path}.function"), f"{path}.function."))
    return tuple(made)


def function(declared: Json, path: str) -> Tool:
    """One declared function."""
    return Tool(
        fields.text(declared, "name", path),
        fields.text(declared, "description", path, default=""),
        fields.child(declared, "parameters", path),
    )


def choice(body: Json, offered: tuple[Tool, ...]) -> str:
    """none, auto, required or `=name`."""
    wanted = body.get("tool_choice")
    if wanted is None:
        return "auto"
    if isinstance(wanted, str):
        if wanted not in {"none", "auto", "required"}:
            raise BadField("tool_choice", "value", expected="none, auto, required", got=wanted)
        if wanted == "required" and not offered:
            raise WireError(
                400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice"
            )
        return wanted
    named = fields.record(wanted, "tool_choice")
    if named.get("type") == "allowed_tools":
        return str(fields.child(named, "allowed_tools", "tool_choice.").get("mode", "auto"))
    name = fields.text(
        fields.record(named.get("function", named), "tool_choice.function"), "name", "tool_choice.function."
    )
    if name not in {tool.name for tool in offered}:
        raise WireError(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return f"={name}"


def structure(body: Json) -> tuple[Json | None, bool, bool]:
    """From `response_format`: a JSON Schema, whether any object will do, and whether the schema is strict."""
    wanted = fields.child(body, "response_format")
    kind = wanted.get("type", "text")
    if kind == "json_object":
        return None, True, False
    if kind == "json_schema":
        declared = fields.record(wanted.get("json_schema"), "response_format.json_schema")
        schema = fields.record(declared.get("schema"), "response_format.json_schema.schema")
        return schema, False, declared.get("strict") is True
    if kind not in {"text", "regex", "structural_tag"}:
        raise BadField("response_format.type", "value", expected="text, json_object, json_schema", got=kind)
    return None, False, False


def stops(body: Json, most: int = 4) -> tuple[str, ...]:
    """The stop sequences."""
    found = fields.strings(body, "stop")
    if len(found) > most:
        raise BadField("stop", "value", expected=f"at most {most} sequences", got=len(found))
    return found


def strict_fault(schema: Any, path: str = "()") -> str | None:
    """What OpenAI's strict mode refuses in a schema: an object left open, or a property that is not required."""
    if isinstance(schema, list):
        return next((fault for item in schema if (fault := strict_fault(item, path))), None)
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in schema.get("properties", ()) if name not in schema.get("required", ())]
        if missing:
            return (
                f"In context={path}, 'required' is required to be supplied and to be an array including every key in"
                f" properties. Missing '{missing[0]}'."
            )
    for word in ("properties", "$defs", "definitions"):
        for name, rule in (schema.get(word) or {}).items():
            fault = strict_fault(rule, f"('{word}', '{name}')")
            if fault:
                return fault
    return next(
        (f for word in ("items", "anyOf") if (f := strict_fault(schema.get(word), f"('{word}',)"))), None
    )


def dumped(value: object) -> str:
    """JSON text for a message."""
    return orjson.dumps(value).decode()
