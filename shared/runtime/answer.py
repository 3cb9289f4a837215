"""An answer as it is put together from chunks, and chunks as the log keeps them."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.core.chunk import (
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
from shared.core.leg import Piece, Restarted, Spliced
from shared.core.usage import Usage


def accepted(answer: Completion) -> Completion:
    """`answer`, unless the model declined: then Refused is raised, in the model's own words where it gave any."""
    if answer.finish == "refusal" or (
        not answer.text and (answer.refusal or answer.finish == "content_filter")
    ):
        raise Refused(answer.refusal or "The model declined to answer.")
    return answer


def to_row(chunk: Piece) -> dict[str, Any]:
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
        case Spliced(leg, how):
            return {"spliced": [leg, how]}
        case Text(text):
            return {"text": text}


def shown(trace: str, step: str, what: str | Mapping[str, Any]) -> dict[str, Any]:
    """The data of the `token` event of a piece that readers see: text, or (without text) what a structured answer
    holds so far, as `value`."""
    if isinstance(what, str):
        return {"trace": trace, "step": step, "text": what}
    return {"trace": trace, "step": step, "text": "", "value": what["value"]}


def from_row(row: dict[str, Any]) -> Piece:
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
        case "spliced":
            return Spliced(*value)
        case "text":
            return Text(value)
        case _:
            raise ValueError(f"no chunk is called {kind!r}")


def usage_row(usage: Usage) -> list[Any]:
    """Usage as a JSON list, field by field; the last three, which few calls have, only where they say something."""
    row: list[Any] = [
        usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning, usage.searches,
        usage.reported_cost_micros, usage.provenance,
    ]  # fmt: skip
    if usage.search_context:
        return [*row, usage.cache_write_1h, usage.tier, usage.search_context]
    if usage.tier:
        return [*row, usage.cache_write_1h, usage.tier]
    return [*row, usage.cache_write_1h] if usage.cache_write_1h else row


def usage_of(row: Sequence[Any]) -> Usage:
    """The usage that `usage_row` wrote."""
    return Usage(*row)
