"""Folds chunks into a whole answer."""

from collections.abc import Iterable

from shared.core.chunk import (
    Chunk,
    Citation,
    Completion,
    Ended,
    Finish,
    Reasoning,
    Refusal,
    Text,
    ToolCallPart,
    Used,
)
from shared.core.prompt import ToolCall
from shared.core.usage import Usage


class Collector:
    """Add chunks as they come; `completion` may be asked at any time. `ended` tells whether the end was among them."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._citations: list[Citation] = []
        self._usage: Usage | None = None
        self._end = Ended("other")
        self.ended = False

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Fold some more."""
        for chunk in chunks:
            match chunk:
                case Text():
                    self._text.append(chunk.text)
                case Reasoning():
                    self._reasoning.append(chunk.text)
                case Refusal():
                    self._refusal.append(chunk.text)
                case ToolCallPart():
                    call = self._calls.setdefault(chunk.index, [chunk.id, chunk.name])
                    call.append(chunk.arguments)
                case Citation():
                    self._citations.append(chunk)
                case Used():
                    self._usage = chunk.usage
                case Ended():
                    self._end, self.ended = chunk, True

    def completion(self) -> Completion:
        """What has come so far; `finish` is `other` until the end has come."""
        finish: Finish = self._end.finish
        return Completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            tool_calls=tuple(
                ToolCall(call[0], call[1], "".join(call[2:])) for _, call in sorted(self._calls.items())
            ),
            citations=tuple(self._citations),
            finish=finish,
            usage=self._usage,
            response_id=self._end.response_id,
            model=self._end.model,
        )


def collect(chunks: Iterable[Chunk]) -> Completion:
    """The whole answer in `chunks`."""
    collector = Collector()
    collector.add(chunks)
    return collector.completion()
