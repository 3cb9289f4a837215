"""What an answer says, out of its bytes: OpenAI's chat completions and Responses, whole or as events.

Both sides are read by the same code, as a caller would read them: what differs is then in the answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.core.usage import Usage

_DATA = b"data:"
_DONE = b"[DONE]"


@dataclass(slots=True)
class Said:
    """An answer. `first_at` is how many bytes of the body had come when its first content was there."""

    text: list[str] = field(default_factory=list)
    calls: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    """Name and arguments by choice and index."""
    finish: str = ""
    model: str = ""
    usage: Usage | None = None
    cost: int | None = None
    """In micro-dollars, where the answer itself names it: ours does."""
    fault: str = ""
    first_at: int | None = None

    @property
    def words(self) -> str:
        """The text, all choices together."""
        return "".join(self.text)

    @property
    def tools(self) -> tuple[tuple[str, object], ...]:
        """Tool calls, with their arguments as JSON values where they are JSON."""
        return tuple((name, _value(arguments)) for _, (name, arguments) in sorted(self.calls.items()))


def read(body: bytes, *, events: bool) -> Said:
    """The answer in a body that is complete as far as it came. `fault` says what is missing of it."""
    said = Said()
    try:
        if events:
            _read_events(body, said)
        else:
            value = _object(orjson.loads(body))
            said.first_at = len(body)
            _whole(value, said)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        said.fault = said.fault or "malformed"
    if not said.fault and not said.finish:
        said.fault = "cut"
    return said


def _read_events(body: bytes, said: Said) -> None:
    for end, data in _events(body):
        if data == _DONE:
            continue
        event = _object(orjson.loads(data))
        before = len(said.text) + len(said.calls)
        if "type" in event and "choices" not in event:
            _response_event(event, said)
        else:
            _chat_event(event, said)
        if said.first_at is None and len(said.text) + len(said.calls) > before:
            said.first_at = end


def _events(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Each event's data, with where in the body its last line ends. An event that was cut has no line end."""
    at = 0
    for line in body.splitlines(keepends=True):
        at += len(line)
        if line.startswith(_DATA) and line.endswith((b"\n", b"\r")):
            yield at, line[len(_DATA) :].strip()


def _whole(value: Mapping[str, Any], said: Said) -> None:
    if value.get("error"):
        said.fault = _fault(value["error"])
    elif "choices" in value:
        _chat(value, said, "message")
    else:
        _response(value, said)


def _chat_event(event: Mapping[str, Any], said: Said) -> None:
    if event.get("error"):
        said.fault = _fault(event["error"])
        return
    _chat(event, said, "delta")


def _chat(value: Mapping[str, Any], said: Said, part: str) -> None:
    _about(value, said, "prompt_tokens", "completion_tokens")
    for choice in value["choices"]:
        message = choice.get(part) or {}
        for words in (message.get("content"), message.get("refusal")):
            if words:
                said.text.append(str(words))
        for position, call in enumerate(message.get("tool_calls") or ()):
            function = call.get("function") or {}
            found = said.calls.setdefault((choice.get("index", 0), call.get("index", position)), ["", ""])
            found[0] = found[0] or str(function.get("name") or "")
            found[1] += str(function.get("arguments") or "")
        said.finish = str(choice.get("finish_reason") or said.finish)


def _response_event(event: Mapping[str, Any], said: Said) -> None:
    kind = event["type"]
    if kind in ("response.output_text.delta", "response.refusal.delta"):
        said.text.append(str(event["delta"]))
    elif kind == "response.function_call_arguments.delta":
        said.calls.setdefault((0, event["output_index"]), ["", ""])
    elif kind in ("response.completed", "response.incomplete", "response.failed"):
        # The last event holds the whole answer: it counts, the pieces told the time.
        said.text.clear()
        said.calls.clear()
        _response(event["response"], said)
    elif kind == "error":
        said.fault = _fault(event)


def _response(value: Mapping[str, Any], said: Said) -> None:
    _about(value, said, "input_tokens", "output_tokens")
    for position, item in enumerate(value["output"]):
        if item["type"] == "function_call":
            said.calls[0, position] = [str(item["name"]), str(item["arguments"])]
        elif item["type"] == "message":
            said.text += [str(part.get("text") or part.get("refusal") or "") for part in item["content"]]
    status = value["status"]
    if status == "failed":
        said.fault = _fault(value.get("error") or {})
    elif status == "incomplete":
        said.finish = str((value.get("incomplete_details") or {}).get("reason") or "length")
    elif status == "completed":
        said.finish = "tool_calls" if said.calls else "stop"


def _about(value: Mapping[str, Any], said: Said, read_name: str, wrote_name: str) -> None:
    said.model = str(value.get("model") or said.model)
    own = value.get("chatsmart")
    if isinstance(own, dict) and isinstance(own.get("cost_micros"), int):
        said.cost = own["cost_micros"]
    usage = value.get("usage")
    if not usage:
        return
    cached, spent = usage.get(f"{read_name}_details") or {}, usage.get(f"{wrote_name}_details") or {}
    said.usage = Usage(
        input=int(usage[read_name]),
        cache_read=int(cached.get("cached_tokens") or 0),
        cache_write=int(cached.get("cache_write_tokens") or 0),
        output=int(usage[wrote_name]),
        reasoning=int(spent.get("reasoning_tokens") or 0),
    )


def _fault(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("code") or error.get("type") or "error")[:60]
    return "error"


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _value(text: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        return text
