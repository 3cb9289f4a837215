"""What a run hides from everybody but its caller, and the way back. Equal values of a run have equal marks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from shared.core.prompt import Message, Prompt, ToolCall
from shared.core.rules import EVERYTHING, Rules
from shared.guard.redact import Names, redact, restore
from shared.guard.redact.names import PLACEHOLDER
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
        same = all(new is old for new, old in zip(messages, prompt.messages, strict=True))
        return prompt if same else replace(prompt, messages=messages)

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
        if text == message.text and calls == message.tool_calls:
            return message
        return replace(message, text=text, tool_calls=calls)

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
