"""OpenAI Responses.

Sources: OpenAI API reference "Responses" and "Streaming events"; types of the openai client 3.52; gateways, part 5.
- The terminal event (`response.completed`, `.incomplete`, `.failed`) carries the whole response with its usage: what
  the deltas did not bring comes from there. There is no `[DONE]`.
- What the provider runs itself (search, code, MCP, tool search) stands among the output items and is no tool call.
- `background` responses go on when a connection breaks: `GET /responses/{id}?stream=true&starting_after=<n>` gives the
  events after number n. They are stored at OpenAI, so only a spec that says `resume` asks for them; who leaves one has
  to cancel it.
- Errors after a 200: an event `error`, or `response.failed` with `response.error`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from shared.adapters.llm import jsontext, resuming, said, schemas
from shared.adapters.llm.failures import failure
from shared.adapters.llm.openai_chat import headers, tool_choice
from shared.adapters.llm.wire import Decoder, Encoded, Json, Wire, bearer, word
from shared.core.chunk import Chunk, Citation, Finish, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import Rejected
from shared.core.model_spec import USUAL, ModelSpec
from shared.core.prompt import Message, Prompt, Tool, ToolCall
from shared.core.usage import Usage
from shared.ports.provider import WireRequest

_CALLS = ("function_call", "custom_tool_call")
_INCOMPLETE: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request; nothing is stored at OpenAI but where `spec.resume` asks for it. Raises Rejected for stop sequences,
    which this wire lacks."""
    said.no_continuing(spec, prompt)
    if prompt.stop:
        raise Rejected(f"{spec.name} takes no stop sequences.", param="stop")
    body: Json = {"model": spec.native, "input": _input(prompt), "store": False, "stream": stream}
    body |= said.sampling(spec, prompt, ("temperature", "top_p"))
    if stream and spec.resume:
        body |= {"store": True, "background": True}
    if stream:
        body["stream_options"] = {"include_obfuscation": False}
    if prompt.max_output is not None:
        body["max_output_tokens"] = max(16, prompt.max_output)  # the least that the API takes
    if prompt.effort is not None and spec.thinks:
        body["reasoning"] = {"effort": prompt.effort}
    if prompt.schema is not None:
        strict = schemas.strict_for_openai(prompt.schema.body) if prompt.schema.strict else None
        body["text"] = {
            "format": {
                "type": "json_schema",
                "name": prompt.schema.name,
                "schema": strict or dict(prompt.schema.body),
                "strict": strict is not None,
            }
        }
    elif prompt.json_object:
        body["text"] = {"format": {"type": "json_object"}}
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = tool_choice(spec, prompt, lambda name: {"type": "function", "name": name})
        if not prompt.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    sent = {**headers(stream), "x-client-request-id": request_id}
    return Encoded("/responses", sent, jsontext.write(body))


def resume(request: WireRequest, received: bytes) -> WireRequest | None:
    """The events after the last one that came. None where not even the response's id had come."""
    events = [*resuming.told(request.after), *resuming.brought(received)]
    numbers = [event["sequence_number"] for event in events if type(event.get("sequence_number")) is int]
    found = _id(events)
    if not found or not numbers:
        return None
    url = f"{_address(request, found)}?stream=true&starting_after={max(numbers)}"
    sent = {name: value for name, value in request.headers.items() if name != "content-type"}
    return replace(request, url=url, headers=sent, body=b"", method="GET", after=resuming.kept(events))


def leave(request: WireRequest, received: bytes) -> WireRequest | None:
    """What ends a response that would go on without its reader; None for one that ends with its connection."""
    if not request.after and b'"background":true' not in request.body:
        return None
    found = _id([*resuming.told(request.after), *resuming.brought(received)])
    url = f"{_address(request, found)}/cancel"
    return replace(request, url=url, body=b"", method="POST", after=b"") if found else None


def _id(events: list[Json]) -> str:
    named = (event["response"].get("id") for event in events if isinstance(event.get("response"), dict))
    return next(filter(None, map(word, named)), "")


def _address(request: WireRequest, identifier: str) -> str:
    """Where a response is kept; the request is the one that made it, or one that took it up."""
    collection = request.url if request.method == "POST" else request.url.partition("?")[0].rpartition("/")[0]
    return f"{collection}/{quote(identifier, safe='')}"


def _tool(tool: Tool) -> Json:
    parameters = schemas.for_tool(tool.parameters)
    strict = schemas.strict_for_openai(parameters) if tool.strict else None
    # `strict` defaults to true on this wire: a schema that does not fit has to say so.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": strict or parameters,
        "strict": strict is not None,
    }


def _input(prompt: Prompt) -> list[Json]:
    items: list[Json] = []
    if prompt.json_object and not any("json" in item.text.lower() for item in prompt.messages):
        items.append({"role": "system", "content": said.JSON_ONLY})
    for message in prompt.messages:
        items.extend(_items(message))
    return items


def _items(message: Message) -> list[Json]:
    if message.role == "tool":
        output: Any = message.text
        if message.images:
            output = [{"type": "input_text", "text": message.text}, *_images(message)]
        return [
            {"type": "function_call_output", "call_id": said.call_id(message.tool_call_id), "output": output}
        ]
    items: list[Json] = []
    if message.images:
        if message.role != "user":
            raise Rejected(f"This wire takes no images in a message of role {message.role}.")
        text = [{"type": "input_text", "text": message.text}] if message.text else []
        items.append({"role": message.role, "content": [*text, *_images(message)]})
    elif message.text or not message.tool_calls:
        items.append({"role": message.role, "content": message.text})
    return items + [_call(call) for call in message.tool_calls]


def _call(call: ToolCall) -> Json:
    return {
        "type": "function_call",
        "call_id": said.call_id(call.id),
        "name": call.name,
        "arguments": call.arguments or "{}",
    }


def _images(message: Message) -> list[Json]:
    return [
        {"type": "input_image", "image_url": image.url, "detail": image.detail} for image in message.images
    ]


def usage_of(report: Mapping[str, Any]) -> Usage:
    """Cached and written tokens are inside `input_tokens`, thinking inside `output_tokens`."""
    read = report.get("input_tokens_details") or {}
    wrote = report.get("output_tokens_details") or {}
    return Usage(
        input=int(report.get("input_tokens") or 0),
        cache_read=int(read.get("cached_tokens") or 0),
        cache_write=int(read.get("cache_write_tokens") or 0),
        output=int(report.get("output_tokens") or 0),
        reasoning=int(wrote.get("reasoning_tokens") or 0),
    )


def _billed(report: Mapping[str, Any], response: Json) -> Usage:
    """The counts, and the service tier where it is not the usual one: it has a price of its own."""
    found, tier = usage_of(report), word(response.get("service_tier"))
    return found if tier in USUAL else replace(found, tier=tier)


class ResponsesDecoder(Decoder):
    """Folds a response. Text, refusal and arguments are remembered by length, to take the rest from the last event."""

    __slots__ = ("_arguments", "_calls", "_cited", "_refused", "_streamed", "_thought")

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}  # output index -> index among the calls
        self._arguments: dict[int, int] = {}  # output index -> characters of arguments handed out
        self._streamed: dict[tuple[int, int], int] = {}  # output and content index -> characters handed out
        self._thought = False
        self._refused = False
        self._cited: set[str] = set()

    def event(self, data: Json, out: list[Chunk]) -> None:
        """One event, told by its `type`; events of what the provider runs itself say nothing to us."""
        kind = data["type"]
        if kind == "response.output_text.delta":
            self._text(data, Text, data["delta"], out)
        elif kind == "response.refusal.delta":
            self._refused = True
            self._text(data, Refusal, data["delta"], out)
        elif kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            self._more(data["output_index"], data["delta"], out)
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            self._thought = True
            out.append(Reasoning("" + data["delta"]))
        elif kind == "response.reasoning_summary_part.added":
            if self._thought:
                out.append(Reasoning("\n\n"))
        elif kind == "response.output_item.added":
            self._call(data["output_index"], data["item"], out)
        elif kind == "response.output_text.annotation.added":
            self._cite(data.get("annotation") or {}, out)
        elif kind == "error":
            raise failure(data, status=200, code=self.code(data | {"type": ""}), headers={})
        elif isinstance(data.get("response"), dict):
            self._lifecycle(kind, data["response"], out)

    def whole(self, data: Json, out: list[Chunk]) -> None:
        """One `response` object, whatever its status."""
        self.response_id = word(data.get("id"))
        self.model = word(data.get("model"))
        if data.get("object") not in (None, "response"):
            raise KeyError(f"a response, not {data.get('object')}")
        for index, item in enumerate(data.get("output") or ()):
            self._item(index, item, out)
        if usage := data.get("usage"):
            out.append(Used(_billed(usage, data)))
        self.finish = self._finish(data)

    def _lifecycle(self, kind: str, response: Json, out: list[Chunk]) -> None:
        if kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            if error := response.get("error"):
                if usage := response.get("usage"):
                    out.append(Used(_billed(usage, response)))
                raise failure(error, status=200, code=self.code(error), headers={})
            self.whole(response, out)
            self.over(out)
        elif not self.response_id:
            self.response_id = word(response.get("id"))
            self.model = word(response.get("model"))

    def _item(self, index: int, item: Json, out: list[Chunk]) -> None:
        kind = item.get("type")
        if kind == "message" and item.get("role", "assistant") == "assistant":
            for place, part in enumerate(item.get("content") or ()):
                self._part({"output_index": index, "content_index": place}, part, out)
        elif kind in _CALLS:
            self._call(index, item, out)
            arguments = item.get("arguments") or item.get("input") or ""
            self._more(index, arguments[self._arguments[index] :], out)
        elif kind == "reasoning" and not self._thought:
            parts = [part["text"] for part in (*(item.get("summary") or ()), *(item.get("content") or ()))]
            if thought := "\n\n".join(parts):
                out.append(Reasoning(thought))

    def _part(self, place: Json, part: Json, out: list[Chunk]) -> None:
        before = self._streamed.get((place["output_index"], place["content_index"]), 0)
        if part.get("type") == "output_text":
            self._text(place, Text, part["text"][before:], out)
            for note in part.get("annotations") or ():
                self._cite(note, out)
        elif part.get("type") == "refusal":
            self._refused = True
            self._text(place, Refusal, part["refusal"][before:], out)

    def _text(self, place: Json, chunk: type[Text] | type[Refusal], text: str, out: list[Chunk]) -> None:
        if text:
            key = (place.get("output_index", 0), place.get("content_index", 0))
            self._streamed[key] = self._streamed.get(key, 0) + len(text)
            out.append(chunk("" + text))

    def _call(self, index: int, item: Json, out: list[Chunk]) -> None:
        if item.get("type") in _CALLS and index not in self._calls:
            self._calls[index] = len(self._calls)
            self._arguments[index] = 0
            identifier = word(item.get("call_id") or item.get("id"))
            out.append(ToolCallPart(self._calls[index], identifier, word(item.get("name"))))

    def _more(self, index: int, arguments: str, out: list[Chunk]) -> None:
        if arguments and index in self._calls:
            self._arguments[index] += len(arguments)
            out.append(ToolCallPart(self._calls[index], arguments="" + arguments))

    def _cite(self, note: Mapping[str, Any], out: list[Chunk]) -> None:
        url = note.get("url")
        if note.get("type") == "url_citation" and url and url not in self._cited:
            self._cited.add(url)
            out.append(Citation("" + url, word(note.get("title"))))

    def _finish(self, response: Json) -> Finish:
        match response.get("status", "completed"):
            case "completed":
                return "tool_calls" if self._calls else "refusal" if self._refused else "stop"
            case "incomplete":
                reason = (response.get("incomplete_details") or {}).get("reason")
                return _INCOMPLETE.get(str(reason), "other")
            case "failed":
                raise failure(None, status=200, code="server_error", headers={}, text="The response failed.")
            case _:
                return "other"


WIRE = Wire("openai-responses", encode, ResponsesDecoder, bearer, resume, leave)
