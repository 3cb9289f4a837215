"""Chunks as OpenAI's Response object, whole or as its typed events."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from functions.web.openai_answer import Envelope, annotation
from shared.core.chunk import Chunk, Citation, Ended, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.money import Micros
from shared.core.usage import Usage

_INCOMPLETE: Mapping[str, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}


def usage_json(usage: Usage) -> dict[str, Any]:
    """Usage under the Responses interface's names."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def response_json(
    envelope: Envelope,
    echo: Mapping[str, Any],
    status: str,
    output: list[dict[str, Any]],
    usage: Usage | None = None,
    cost: Micros | None = None,
) -> dict[str, Any]:
    """A Response in any of its states. `status` is `in_progress`, or the word for how the answer ended."""
    reason = _INCOMPLETE.get(status)
    found = {
        "id": envelope.id,
        "object": "response",
        "created_at": envelope.created,
        "status": "in_progress" if status == "in_progress" else "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": envelope.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None if usage is None else usage_json(usage),
        # What is noted of an answer is known when it is over: a repeat must not tell it before.
        "chatsmart": (replace(envelope, notes={}) if status == "in_progress" else envelope).own(cost),
    }
    return found | dict(echo)


class ResponseWriter:
    """Renders the events of one streamed Response, and keeps the items that its last event repeats.

    One item of words is open at a time, or any number of calls, whose pieces may come mixed.
    """

    def __init__(self, envelope: Envelope, echo: Mapping[str, Any]) -> None:
        self.items: list[dict[str, Any]] = []
        self._envelope = envelope
        self._echo = echo
        self._number = 0
        self._open = ""
        self._words: list[str] = []
        self._calls: dict[int, tuple[int, list[str]]] = {}
        self._ended = "other"

    def opening(self) -> bytes:
        """The first two events."""
        start = response_json(self._envelope, self._echo, "in_progress", [])
        return self._event("response.created", response=start) + self._event(
            "response.in_progress", response=start
        )

    def event(self, _index: int, chunk: Chunk) -> bytes:
        """The events of a chunk."""
        match chunk:
            case Text(text):
                return self._say("output_text", text)
            case Refusal(text):
                return self._say("refusal", text)
            case Reasoning(text):
                return self._say("reasoning", text)
            case ToolCallPart():
                return self._call(chunk)
            case Citation():
                return self._cite(chunk)
            case Ended(finish):
                self._ended = finish
                return b""
            case Used():
                return b""

    def finish(self) -> bytes:
        """End what is open."""
        if self._calls:
            calls, self._calls = self._calls, {}
            return b"".join([self._finish_call(at, "".join(pieces)) for at, pieces in calls.values()])
        kind, self._open = self._open, ""
        if not kind:
            return b""
        item, words = self.items[-1], "".join(self._words)
        self._words = []
        place = {"item_id": item["id"], "output_index": len(self.items) - 1}
        done = b""
        if kind == "reasoning":
            item["summary"] = [{"type": "summary_text", "text": words}]
            done = self._event("response.reasoning_summary_text.done", **place, summary_index=0, text=words)
            done += self._event(
                "response.reasoning_summary_part.done", **place, summary_index=0, part=item["summary"][0]
            )
        else:
            key = "refusal" if kind == "refusal" else "text"
            part = item["content"][-1]
            part[key] = words
            item["status"] = "completed"
            more: dict[str, Any] = {"logprobs": []} if key == "text" else {}
            done = self._event(f"response.{kind}.done", **place, content_index=0, **{key: words}, **more)
            done += self._event("response.content_part.done", **place, content_index=0, part=part)
        return done + self._event("response.output_item.done", output_index=len(self.items) - 1, item=item)

    def closing(self, usage: Usage, cost: Micros | None) -> bytes:
        """The last events: the end of the open item, and the whole Response."""
        done = self.finish()
        whole = self.response(usage, cost)
        return done + self._event(f"response.{whole['status']}", response=whole)

    def response(self, usage: Usage, cost: Micros | None) -> dict[str, Any]:
        """The whole Response, as far as it has come."""
        return response_json(self._envelope, self._echo, self._ended, self.items, usage, cost)

    def error(self, shape: Mapping[str, Any]) -> bytes:
        """An event that says why the stream ends without its end."""
        fault = shape["error"]
        return self._event("error", code=fault["code"], message=fault["message"], param=fault["param"])

    def _say(self, kind: str, text: str) -> bytes:
        begun = b""
        if self._open != kind:
            begun = self.finish() + self._begin(kind)
        self._words.append(text)
        place = {"item_id": self.items[-1]["id"], "output_index": len(self.items) - 1}
        if kind == "reasoning":
            return begun + self._event(
                "response.reasoning_summary_text.delta", **place, summary_index=0, delta=text
            )
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        return begun + self._event(f"response.{kind}.delta", **place, content_index=0, delta=text, **more)

    def _begin(self, kind: str) -> bytes:
        self._open = kind
        place = {"output_index": len(self.items)}
        if kind == "reasoning":
            item: dict[str, Any] = {"id": self._id("rs"), "type": "reasoning", "summary": []}
            self.items.append(item)
            added = self._event("response.output_item.added", **place, item=item)
            part = {"type": "summary_text", "text": ""}
            return added + self._event(
                "response.reasoning_summary_part.added",
                **place,
                item_id=item["id"],
                summary_index=0,
                part=part,
            )
        item = {
            "id": self._id("msg"),
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        self.items.append(item)
        added = self._event("response.output_item.added", **place, item=item)
        part = {"type": "refusal", "refusal": ""} if kind == "refusal" else _text_part()
        item["content"] = [part]
        return added + self._event(
            "response.content_part.added", **place, item_id=item["id"], content_index=0, part=part
        )

    def _call(self, part: ToolCallPart) -> bytes:
        begun = b""
        if part.index not in self._calls:
            begun = b"" if self._calls else self.finish()
            item = {
                "id": self._id("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": part.id,
                "name": part.name,
                "arguments": "",
            }
            self._calls[part.index] = (len(self.items), [])
            self.items.append(item)
            begun += self._event("response.output_item.added", output_index=len(self.items) - 1, item=item)
        if not part.arguments:
            return begun
        at, pieces = self._calls[part.index]
        pieces.append(part.arguments)
        place = {"item_id": self.items[at]["id"], "output_index": at}
        return begun + self._event("response.function_call_arguments.delta", **place, delta=part.arguments)

    def _finish_call(self, at: int, arguments: str) -> bytes:
        item = self.items[at]
        item |= {"arguments": arguments, "status": "completed"}
        done = self._event(
            "response.function_call_arguments.done",
            item_id=item["id"],
            output_index=at,
            arguments=arguments,
            name=item["name"],
        )
        return done + self._event("response.output_item.done", output_index=at, item=item)

    def _cite(self, citation: Citation) -> bytes:
        begun = b""
        if self._open != "output_text":
            begun = self.finish() + self._begin("output_text")
        found = annotation(citation)["url_citation"] | {"type": "url_citation"}
        notes = self.items[-1]["content"][-1]["annotations"]
        notes.append(found)
        return begun + self._event(
            "response.output_text.annotation.added",
            item_id=self.items[-1]["id"],
            output_index=len(self.items) - 1,
            content_index=0,
            annotation_index=len(notes) - 1,
            annotation=found,
        )

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._envelope.trace}{len(self.items):02x}"

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(data))


def _text_part() -> dict[str, Any]:
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


class GatheredResponse:
    """A whole Response: what a stream of it would have ended with."""

    def __init__(self, envelope: Envelope, echo: Mapping[str, Any]) -> None:
        self._envelope = envelope
        self._echo = echo
        self._writer = ResponseWriter(envelope, echo)

    def add(self, index: int, chunk: Chunk) -> None:
        """Take in a chunk."""
        self._writer.event(index, chunk)

    def void(self, _index: int) -> None:
        """The leg broke and another begins anew: nothing of it has left yet, so it leaves no mark."""
        self._writer = ResponseWriter(self._envelope, self._echo)

    def whole(self, usage: Usage, cost: Micros | None) -> dict[str, Any]:
        """The answer as OpenAI's JSON."""
        self._writer.finish()
        return self._writer.response(usage, cost)
