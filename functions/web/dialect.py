"""What differs between OpenAI's two interfaces for one and the same verb: how a request is read, an answer written."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from functions.web.openai_answer import Envelope
from shared.chat.order import Fallback
from shared.core.chunk import Chunk
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.core.usage import Usage


class Asked(Protocol):
    """A request that has been read."""

    @property
    def model(self) -> str:
        """A catalogue name or a choice such as `auto`."""
        ...

    @property
    def prompt(self) -> Prompt:
        """What is asked."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the answer is to come in pieces."""
        ...

    @property
    def n(self) -> int:
        """How many answers."""
        ...

    @property
    def fallback(self) -> Fallback:
        """What other models may do where one was named."""
        ...


class Gathered(Protocol):
    """A whole answer being put together."""

    def add(self, index: int, chunk: Chunk) -> None:
        """Take in a chunk."""
        ...

    def void(self, index: int) -> None:
        """Forget what came of an answer: it begins anew."""
        ...

    def whole(self, usage: Usage, cost: Micros | None) -> dict[str, Any]:
        """The JSON."""
        ...


class Writer(Protocol):
    """Renders a streamed answer as server-sent events."""

    def opening(self) -> bytes:
        """What goes out before the first chunk."""
        ...

    def event(self, index: int, chunk: Chunk) -> bytes:
        """The events of a chunk, if it has any."""
        ...

    def closing(self, usage: Usage, cost: Micros | None) -> bytes:
        """The last events of an answer that is whole."""
        ...

    def error(self, shape: Mapping[str, Any]) -> bytes:
        """The last event of one that broke."""
        ...


A = TypeVar("A", bound=Asked)


class Dialect(Protocol[A]):
    """One interface. `prefix` begins the ids of its answers."""

    prefix: str

    def read(self, values: dict[str, Any]) -> A:
        """The request in a JSON object. Raises BadRequest naming the field."""
        ...

    def gathered(self, envelope: Envelope, asked: A) -> Gathered:
        """An empty answer."""
        ...

    def writer(self, envelope: Envelope, asked: A) -> Writer:
        """A writer of events."""
        ...
