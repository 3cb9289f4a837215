"""An answer as it is put together from its pieces."""

from collections.abc import Iterable

from shared.core.chunk import Chunk, Citation, Completion, Ended, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.leg import Piece, Restarted, Spliced
from shared.core.prompt import ToolCall
from shared.core.usage import Usage


class Answer:
    """Folds chunks into a Completion. A restart voids what came before it."""

    __slots__ = ("_calls", "_citations", "_ended", "_reasoning", "_refusal", "_text", "_usage")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._citations: list[Citation] = []
        self._calls: dict[int, list[str]] = {}
        self._usage: Usage | None = None
        self._ended: Ended | None = None

    def add(self, chunk: Piece) -> None:
        """Take the next chunk."""
        match chunk:
            case Text(text):
                self._text.append(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case Refusal(text):
                self._refusal.append(text)
            case Citation():
                self._citations.append(chunk)
            case ToolCallPart():
                self._add_call(chunk)
            case Used(usage):
                self._usage = usage
            case Ended():
                self._ended = chunk
            case Spliced():
                pass
            case Restarted():
                self.__init__()  # type: ignore[misc]

    def _add_call(self, part: ToolCallPart) -> None:
        call = self._calls.setdefault(part.index, ["", "", ""])
        call[0] = call[0] or part.id
        call[1] = call[1] or part.name
        call[2] += part.arguments

    def completion(self) -> Completion:
        """The whole answer so far."""
        ended = self._ended or Ended("other")
        return Completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            tool_calls=tuple(ToolCall(*call) for _, call in sorted(self._calls.items())),
            citations=tuple(self._citations),
            finish=ended.finish,
            usage=self._usage,
            response_id=ended.response_id,
            model=ended.model,
        )


def collect(chunks: Iterable[Chunk]) -> Completion:
    """The whole answer in `chunks`."""
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    return answer.completion()
