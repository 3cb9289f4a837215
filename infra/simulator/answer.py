"""What was asked and what is answered, free of any wire format.

A wire module reads a request body into an `Ask` and renders `Answer`s; what lies between knows no provider's
fields.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from infra.simulator import tokens
from infra.simulator.catalogue import Model

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function that the caller runs; `arguments` is JSON text, as most wires carry it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. A `tool` turn carries a result; `name` is then the tool that gave it, where known."""

    role: str
    text: str
    calls: tuple[ToolCall, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller offers, with its parameters as JSON Schema."""

    name: str
    description: str
    schema: Json


@dataclass(frozen=True, slots=True)
class CachePoint:
    """An Anthropic cache breakpoint: everything up to `chars` of the prompt text may be kept `ttl` seconds."""

    chars: int
    ttl: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as every wire can say it. `choice` is none, auto, required, or `=name` for one forced tool."""

    model: Model
    turns: tuple[Turn, ...]
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    schema: Json | None = None
    any_json: bool = False
    regex: str | None = None
    options: tuple[str, ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    thinking: bool = True
    prefill: str = ""
    cache_points: tuple[CachePoint, ...] | None = None
    extra: Json = field(default_factory=dict)

    def prompt(self) -> str:
        """Everything the model reads, in order; its length is what input tokens and the prompt cache go by."""
        offers = [f"{tool.name}\n{tool.description}\n{tool.schema}" for tool in self.tools]
        said = [
            f"{turn.role}\n{turn.text}" + "".join(call.name + call.arguments for call in turn.calls)
            for turn in self.turns
        ]
        return "\n".join(offers + said)

    def seed(self, variant: int = 0) -> int:
        """A number fixed by model and conversation alone, so that limits and streaming do not change the
        text."""
        digest = hashlib.sha256(self.model.id.encode())
        for turn in self.turns:
            digest.update(f"\x00{turn.role}\x01{turn.text}".encode("utf-8", "surrogatepass"))
        digest.update(str(variant).encode())
        return int.from_bytes(digest.digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice. `finish` is stop, length, tool_calls, refusal or filtered; `stopped_by` the stop sequence that ended
    it."""

    text: str = ""
    reasoning: str = ""
    reasoning_tokens: int = 0
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    stopped_by: str | None = None
    refusal: str = ""

    @property
    def pieces(self) -> list[str]:
        """The visible text as tokens."""
        return tokens.pieces(self.text or self.refusal)

    @property
    def output_tokens(self) -> int:
        """Every token billed as output, thinking included; at least 1."""
        called = sum(tokens.written(call.name) + tokens.written(call.arguments) for call in self.calls)
        return max(1, self.reasoning_tokens + len(self.pieces) + called)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange. `input` includes `cache_read` and `cache_write`; `output` includes `reasoning`."""

    input: int
    output: int
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one exchange different from the next of the same request: its id and its second."""

    core: str
    created: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream, framed as it goes on the wire; `tokens` is 0 for frames that carry no content.

    `hidden` content is thinking: it takes time and tokens but is no chunk of the answer.
    """

    data: bytes
    tokens: int = 0
    terminal: bool = False
    hidden: bool = False

    @property
    def is_chunk(self) -> bool:
        """True where the frame carries a piece of the answer itself."""
        return self.tokens > 0 and not self.hidden
