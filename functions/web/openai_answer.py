"""Chunks as OpenAI's chat completion, whole or as chunk events.

A stream's events differ in one delta, so all around it is rendered once per answer and only the delta per chunk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.core.chunk import Chunk, Citation, Ended, Finish, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.money import Micros
from shared.core.prompt import ToolCall
from shared.core.usage import Usage

DONE = b"data: [DONE]\n\n"
_FINISH: Mapping[Finish, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "stop",
    "error": "stop",
    "other": "stop",
}
"""OpenAI's words. A model that declines ends with `stop` and says so in `refusal`, as OpenAI's own do."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all chunks of an answer, or the whole answer, have in common. `created` is in seconds since 1970."""

    id: str
    created: int
    model: str
    simulated: bool
    trace: str
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to say of the answer; complete once it is over."""
    cache: str = "miss"

    @property
    def fingerprint(self) -> str:
        """`system_fingerprint`: tells a simulated answer from a real one."""
        return "simulated" if self.simulated else "chatsmart"

    def own(self, cost: Micros | None) -> dict[str, Any]:
        """Our own field beside OpenAI's: which trace this is and what it cost (null: unpriced)."""
        own = {"trace": self.trace, "cost_micros": cost, "cache": self.cache, "simulated": self.simulated}
        return own | dict(self.notes) if self.notes else own


def usage_json(usage: Usage) -> dict[str, Any]:
    """Usage under OpenAI's names."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


@dataclass(slots=True)
class Choice:
    """One answer being gathered."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    citations: list[Citation] = field(default_factory=list)
    finish: Finish = "other"

    def add(self, chunk: Chunk) -> None:
        """Take in a chunk."""
        match chunk:
            case Text(text):
                self.text.append(text)
            case Reasoning(text):
                self.reasoning.append(text)
            case Refusal(text):
                self.refusal.append(text)
            case ToolCallPart(index, id, name, arguments):
                call = self.calls.get(index) or ToolCall("", "", "")
                self.calls[index] = ToolCall(id or call.id, name or call.name, call.arguments + arguments)
            case Citation():
                self.citations.append(chunk)
            case Ended(finish):
                self.finish = finish
            case Used():
                pass

    def json(self, index: int) -> dict[str, Any]:
        """The choice as OpenAI shows it."""
        text = "".join(self.text)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": text if text or not (self.calls or self.refusal) else None,
            "refusal": "".join(self.refusal) or None,
            "annotations": [annotation(citation) for citation in self.citations],
        }
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for _, call in sorted(self.calls.items())
            ]
        return {"index": index, "message": message, "logprobs": None, "finish_reason": _FINISH[self.finish]}


class GatheredChat:
    """A whole answer: its choices, put together."""

    def __init__(self, envelope: Envelope, n: int) -> None:
        self._envelope = envelope
        self._choices = [Choice() for _ in range(n)]

    def add(self, index: int, chunk: Chunk) -> None:
        """Take in a chunk of a choice."""
        self._choices[index].add(chunk)

    def void(self, index: int) -> None:
        """The leg broke and another begins anew: nothing of it has left yet, so it leaves no mark."""
        self._choices[index] = Choice()

    def whole(self, usage: Usage, cost: Micros | None) -> dict[str, Any]:
        """The answer as OpenAI's JSON."""
        return {
            "id": self._envelope.id,
            "object": "chat.completion",
            "created": self._envelope.created,
            "model": self._envelope.model,
            "choices": [choice.json(index) for index, choice in enumerate(self._choices)],
            "usage": usage_json(usage),
            "service_tier": "default",
            "system_fingerprint": self._envelope.fingerprint,
            "chatsmart": self._envelope.own(cost),
        }


class ChunkWriter:
    """Renders the events of one streamed answer.

    The event that ends a choice is held back until the next item or the end: the last one of all carries the cost,
    which is known only then (or the usage event does, where it was asked for).
    """

    def __init__(self, envelope: Envelope, n: int, *, include_usage: bool) -> None:
        self._envelope = envelope
        self._include_usage = include_usage
        head = {
            "id": envelope.id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
            "service_tier": "default",
            "system_fingerprint": envelope.fingerprint,
        }
        self._head = b"data: " + orjson.dumps(head)[:-1]
        tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._before = [self._head + b',"choices":[{"index":%d,"delta":' % index for index in range(n)]
        self._after = b',"logprobs":null,"finish_reason":null}]' + tail
        self._held: tuple[int, Finish] | None = None

    def opening(self) -> bytes:
        """The first event of each choice: its role."""
        role = b'{"role":"assistant","content":"","refusal":null}'
        return b"".join([before + role + self._after for before in self._before])

    def event(self, index: int, chunk: Chunk) -> bytes:
        """The event of a chunk; nothing for one that has none in OpenAI's format."""
        if isinstance(chunk, Used):
            return b""
        flushed = self._flush(None)
        if isinstance(chunk, Ended):
            self._held = (index, chunk.finish)
            return flushed
        return flushed + self._before[index] + _delta(chunk) + self._after

    def closing(self, usage: Usage, cost: Micros | None) -> bytes:
        """The last events: the end of the last choice, the usage if it was asked for, and `[DONE]`."""
        extra = b',"chatsmart":' + orjson.dumps(self._envelope.own(cost))
        if not self._include_usage:
            return self._flush(extra) + DONE
        last = self._head + b',"choices":[],"usage":' + orjson.dumps(usage_json(usage)) + extra + b"}\n\n"
        return self._flush(None) + last + DONE

    def error(self, shape: Mapping[str, Any]) -> bytes:
        """An event that says why the stream ends without its end. No `[DONE]` follows it."""
        return b"data: " + orjson.dumps(shape) + b"\n\n"

    def _flush(self, extra: bytes | None) -> bytes:
        if self._held is None:
            return b""
        index, finish = self._held
        self._held = None
        reason = b'{},"logprobs":null,"finish_reason":' + orjson.dumps(_FINISH[finish]) + b"}]"
        tail = b',"usage":null' if self._include_usage else b""
        return self._before[index] + reason + tail + (extra or b"") + b"}\n\n"


def _delta(chunk: Text | Reasoning | Refusal | ToolCallPart | Citation) -> bytes:
    match chunk:
        case Text(text):
            return b'{"content":' + orjson.dumps(text) + b"}"
        case Reasoning(text):
            return b'{"reasoning_content":' + orjson.dumps(text) + b"}"
        case Refusal(text):
            return b'{"refusal":' + orjson.dumps(text) + b"}"
        case ToolCallPart():
            return orjson.dumps({"tool_calls": [_call_delta(chunk)]})
        case Citation():
            return orjson.dumps({"annotations": [annotation(chunk)]})


def _call_delta(part: ToolCallPart) -> dict[str, Any]:
    if not part.id and not part.name:
        return {"index": part.index, "function": {"arguments": part.arguments}}
    return {
        "index": part.index,
        "id": part.id,
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments},
    }


def annotation(citation: Citation) -> dict[str, Any]:
    """A source in OpenAI's shape. Where in the text it belongs is not known: the place is its beginning."""
    place = {"url": citation.url, "title": citation.title, "start_index": 0, "end_index": 0}
    return {"type": "url_citation", "url_citation": place}
