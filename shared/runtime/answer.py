"""An answer as it is put together from chunks, and chunks as the log keeps them."""

from collections.abc import Sequence
from typing import Any

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
from shared.core.faults import Refused
from shared.core.leg import Restarted
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

    def add(self, chunk: Chunk | Restarted) -> None:
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


def accepted(answer: Completion) -> Completion:
    """`answer`, unless the model declined: then Refused is raised, in the model's own words where it gave any."""
    if answer.finish == "refusal" or (
        not answer.text and (answer.refusal or answer.finish == "content_filter")
    ):
        raise Refused(answer.refusal or "The model declined to answer.")
    return answer


def to_row(chunk: Chunk | Restarted) -> dict[str, Any]:
    """A chunk that is no text, as JSON. `from_row` is its inverse."""
    match chunk:
        case Reasoning(text):
            return {"reasoning": text}
        case Refusal(text):
            return {"refusal": text}
        case Citation(url, title):
            return {"citation": [url, title]}
        case ToolCallPart(index, call_id, name, arguments):
            return {"tool": [index, call_id, name, arguments]}
        case Used(usage):
            return {"used": usage_row(usage)}
        case Ended(finish, response_id, model):
            return {"ended": [finish, response_id, model]}
        case Restarted(leg):
            return {"restarted": leg}
        case Text(text):
            return {"text": text}


def from_row(row: dict[str, Any]) -> Chunk | Restarted:
    """The chunk that `to_row` wrote."""
    ((kind, value),) = row.items()
    match kind:
        case "reasoning":
            return Reasoning(value)
        case "refusal":
            return Refusal(value)
        case "citation":
            return Citation(*value)
        case "tool":
            return ToolCallPart(*value)
        case "used":
            return Used(usage_of(value))
        case "ended":
            finish: Finish = value[0]
            return Ended(finish, value[1], value[2])
        case "restarted":
            return Restarted(value)
        case "text":
            return Text(value)
        case _:
            raise ValueError(f"no chunk is called {kind!r}")


def usage_row(usage: Usage) -> list[Any]:
    """Usage as a JSON list, field by field."""
    return [
        usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning, usage.searches,
        usage.reported_cost_micros, usage.provenance,
    ]  # fmt: skip


def usage_of(row: Sequence[Any]) -> Usage:
    """The usage that `usage_row` wrote."""
    return Usage(*row)
