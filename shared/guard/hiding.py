"""What a run hides from everybody but its caller, and the way back. Equal values of a run have equal marks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from shared.core.prompt import Message, Prompt, Tool, ToolCall
from shared.core.rules import EVERYTHING, Rules
from shared.guard.redact.names import PLACEHOLDER, Names
from shared.guard.redact.restoring import restore
from shared.ports.recogniser import Recogniser


class Hiding:
    """Redacts by a tenant's policy. `marks` grows with what is found; it has to be in the vault before a placeholder
    leaves this process."""

    __slots__ = ("_more", "_names", "_types")

    def __init__(
        self, rules: Rules, marks: Mapping[str, str] | None = None, more: Recogniser | None = None
    ) -> None:
        """`more` finds what our own engine does not look for; it is asked where a policy hides all types."""
        self._types = rules.redact
        self._more = more if rules.redact >= EVERYTHING else None
        self._names = Names(marks or {})

    @property
    def marks(self) -> Mapping[str, str]:
        """Placeholders and what they stand for."""
        return self._names.marks

    @property
    def any(self) -> bool:
        """Whether anything is hidden."""
        return bool(self._names.marks)

    def text(self, text: str) -> str:
        """A text without what is to be hidden."""
        if not (self._types and text):
            return text
        from shared.guard.redact.engine import redact

        found = redact(text, self._types, self._names).text
        return found if self._more is None else self._further(found, self._more)

    def _further(self, text: str, more: Recogniser) -> str:
        """A text without what another recogniser finds in it beside our placeholders."""
        ours = [found.span() for found in PLACEHOLDER.finditer(text)]
        pieces, last = [], 0
        for start, end, kind in more.find(text):
            if start < last or any(start < stop and begin < end for begin, stop in ours):
                continue
            pieces += [text[last:start], self._names.mark(kind, text[start:end])]
            last = end
        return "".join([*pieces, text[last:]]) if pieces else text

    def prompt(self, prompt: Prompt) -> Prompt:
        """A prompt without what is to be hidden; itself where there is nothing."""
        if not self._types:
            return prompt
        messages = tuple(self._message(message) for message in prompt.messages)
        if any(new is not old for new, old in zip(messages, prompt.messages, strict=True)):
            prompt = replace(prompt, messages=messages)
        return self._asked(prompt) if prompt.tools or prompt.schema or prompt.stop else prompt

    def _asked(self, prompt: Prompt) -> Prompt:
        """A prompt whose tools, schema and stop words are without what is to be hidden as well."""
        tools = tuple(self._tool(tool) for tool in prompt.tools)
        stop = tuple(self.text(word) for word in prompt.stop)
        schema = prompt.schema
        if schema is not None and (self._holds(schema.body) or self._holds(schema.description)):
            body, about = self.json(schema.body), self.text(schema.description)
            schema = replace(schema, body=body, description=about)
        if tools == prompt.tools and stop == prompt.stop and schema is prompt.schema:
            return prompt
        return replace(prompt, tools=tools, stop=stop, schema=schema)

    def _tool(self, tool: Tool) -> Tool:
        if not (self._holds(tool.parameters) or self._holds(tool.description)):
            return tool
        return replace(tool, description=self.text(tool.description), parameters=self.json(tool.parameters))

    def _holds(self, value: Any) -> bool:
        """Whether there may be something to hide in a JSON value: one look at all of it."""
        text = value if isinstance(value, str) else orjson.dumps(value, default=dict).decode()
        from shared.guard.redact.engine import redact

        return bool(redact(text, self._types, Names()).spans) or (self._more is not None and bool(text))

    def json(self, value: Any) -> Any:
        """A JSON value whose texts are without what is to be hidden; names of fields stay."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {name: self.json(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self.json(inner) for inner in value]
            case _:
                return value

    def _message(self, message: Message) -> Message:
        text = self.text(message.text)
        calls = message.tool_calls
        if calls:
            calls = tuple(replace(call, arguments=self._arguments(call)) for call in calls)
        name = self.text(message.name)
        if text == message.text and calls == message.tool_calls and name == message.name:
            return message
        return replace(message, text=text, tool_calls=calls, name=name)

    def _arguments(self, call: ToolCall) -> str:
        """The arguments of a call, still JSON where they were."""
        hidden = self.text(call.arguments)
        if hidden == call.arguments:
            return hidden
        try:
            before = orjson.loads(call.arguments)
        except orjson.JSONDecodeError:
            return hidden
        try:
            orjson.loads(hidden)
        except orjson.JSONDecodeError:
            # A bare number was found: as a number it can't be hidden, as a text it can.
            return orjson.dumps(self.json(_worded(before))).decode()
        return hidden


def _worded(value: Any) -> Any:
    match value:
        case dict():
            return {name: _worded(inner) for name, inner in value.items()}
        case list():
            return [_worded(inner) for inner in value]
        case bool() | None | str():
            return value
        case _:
            return str(value)


def shown(value: Any, marks: Mapping[str, str]) -> Any:
    """A JSON value with what its placeholders stand for."""
    if not marks:
        return value
    match value:
        case str():
            return restore(value, marks)
        case Mapping():
            return {name: shown(inner, marks) for name, inner in value.items()}
        case list() | tuple():
            return [shown(inner, marks) for inner in value]
        case _:
            return value
