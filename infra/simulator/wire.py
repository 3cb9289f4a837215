"""What a wire format has to offer the server: reading a request, rendering an answer, wording a failure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from infra.simulator import catalogue, schema_fill, tokens
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Usage
from infra.simulator.catalogue import Model
from infra.simulator.failure import BadField, BadJson, WireError

SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request's path says: Gemini puts the model and the way of streaming there. `array` is its stream
    without `alt=sse`, one JSON list."""

    model_id: str = ""
    stream: bool = False
    array: bool = False


class Wire(ABC):
    """One provider's format. Instances hold no state; the same object serves every request."""

    provider: ClassVar[str]
    json_type: ClassVar[str] = "application/json"
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    chunk_tokens: ClassVar[int] = 1

    @abstractmethod
    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The API key that a request carries."""

    @abstractmethod
    def ask(self, body: Json, target: Target) -> Ask:
        """What the body asks; the target says what the path says.

        Raises `BadField` or `WireError`.
        """

    @abstractmethod
    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """The whole answer as one JSON body."""

    @abstractmethod
    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """The answer as a stream, event by event."""

    @abstractmethod
    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """A failure as this provider's JSON."""

    @abstractmethod
    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """A failure as this provider reports it after a 200."""

    @abstractmethod
    def bad_key(self, key: str | None) -> WireError:
        """The refusal of a missing or wrong key."""

    @abstractmethod
    def bad_field(self, error: BadField) -> WireError:
        """The refusal of a body whose field is wrong."""

    @abstractmethod
    def bad_json(self, error: BadJson) -> WireError:
        """The refusal of a body that is no JSON object."""

    @abstractmethod
    def unknown_model(self, model_id: str) -> WireError:
        """The refusal of a model that this provider does not have."""

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """Response headers beyond the content type."""
        return {}

    def broken_frame(self) -> bytes:
        """An event whose data is cut in the middle, framed as usual."""
        return b'data: {"id":"sim-broken","choices":[{"index":0,"delta":{"cont\n\n'

    def model(self, model_id: str, *, embeds: bool = False) -> Model:
        """The named model of this provider; raises its `unknown_model`."""
        found = catalogue.find(self.provider, model_id)
        if found is None or found.embeds != embeds:
            raise self.unknown_model(model_id)
        return found

    def check_schema(self, schema: Json, param: str) -> Json:
        """A schema that is one; raises `WireError` in the words of a bad value."""
        fault = schema_fill.check(schema)
        if fault is not None:
            raise WireError(400, f"Invalid schema for {param}: {fault}", param=param, code="invalid_schema")
        return schema


def sse(data: Any, end: bytes = b"\n\n") -> bytes:
    """One event that has data only."""
    return b"data: " + (data if isinstance(data, bytes) else orjson.dumps(data)) + end


def parts(answer: Answer, size: int) -> list[tuple[str, int]]:
    """The visible text in chunks of `size` tokens, each with its token count."""
    return tokens.grouped(answer.pieces, size)


def argument_parts(arguments: str, size: int) -> list[tuple[str, int]]:
    """A call's JSON arguments in chunks of `size` tokens."""
    return tokens.grouped(tokens.pieces(arguments), size)
