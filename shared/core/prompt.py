"""What is asked of a model, free of any wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.core.frozen import quick
from shared.core.schema import Schema

Role = Literal["system", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model asks its caller to run. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image by `https:` address or `data:` URL."""

    url: str
    detail: str = "auto"


@quick
@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` is the whole text; a `tool` message answers the call `tool_call_id`."""

    role: Role
    text: str = ""
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for. `parameters` is a JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools may, must or must not be called. `name` forces one of them."""

    mode: Literal["auto", "none", "required"] = "auto"
    name: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to one model, with its limits. `None` leaves the provider's default.

    `max_output` is in tokens, thinking included. `json_object` asks for any JSON object, `schema` for a given one.
    Sampling parameters are dropped for models that refuse them (`ModelSpec.sampling`).
    """

    messages: tuple[Message, ...]
    max_output: int | None = None
    schema: Schema | None = None
    json_object: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    effort: Effort | None = None
    continue_final: bool = False
    """The last message is an assistant's and is to be continued, not answered (vLLM only)."""


def ask(
    text: str, *, system: str = "", max_output: int | None = None, schema: Schema | None = None
) -> Prompt:
    """The usual prompt: an instruction and a question."""
    head = (Message("system", system),) if system else ()
    return Prompt((*head, Message("user", text)), max_output=max_output, schema=schema)
