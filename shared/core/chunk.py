"""What comes back from a model, piece by piece, free of any wire format."""

from dataclasses import dataclass
from typing import Literal

from shared.core.frozen import quick
from shared.core.prompt import ToolCall
from shared.core.usage import Usage

Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"]
"""Why an answer ended. A normal end with a tool call in it is `tool_calls`, whatever the provider calls it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's thinking or of its summary: never part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A piece of the words in which the model declines."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A piece of a tool call. The first piece of an `index` carries id and name; `arguments` are appended."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the answer rests on."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """The provider's usage report so far; the last of a stream counts."""

    usage: Usage


@quick
@dataclass(frozen=True, slots=True)
class Ended:
    """The provider said that the answer is over. A stream without it was cut."""

    finish: Finish
    response_id: str = ""
    model: str = ""
    """The model as the provider names it."""


Chunk = Text | Reasoning | Refusal | ToolCallPart | Citation | Used | Ended


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. `usage` is None where the provider reported none."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    citations: tuple[Citation, ...] = ()
    finish: Finish = "other"
    usage: Usage | None = None
    response_id: str = ""
    model: str = ""
