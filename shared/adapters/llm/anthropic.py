"""Anthropic Messages.

Sources: Anthropic API reference "Messages", "Streaming"; types of the anthropic client 2.11; gateways, part 5.
- `max_tokens` is required; the system prompt stands apart; neighbours of one role are one turn.
- Today's models think always, take no sampling, no prefill and, the larger ones, no forced tool.
- `input_tokens` leaves out what was read from or written to the cache; usage in `message_delta` is cumulative.
- An overload can come as an event `error` after a 200; a refusal is a normal end with its own stop reason.
"""

from collections.abc import Mapping
from typing import Any

from shared.adapters.llm import jsontext, said, schemas
from shared.adapters.llm.openai_chat import headers
from shared.adapters.llm.wire import Decoder, Encoded, Json, Wire, word
from shared.core.chunk import Chunk, Citation, Finish, Reasoning, Text, ToolCallPart, Used
from shared.core.model_spec import USUAL, ModelSpec
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall
from shared.core.usage import Usage

VERSION = "2023-06-01"
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_EFFORT = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request. Where a tool must be called and the model can't be forced, it is told so in words."""
    said.no_continuing(spec, prompt)
    body: Json = {
        "model": spec.native,
        "max_tokens": prompt.max_output or spec.max_output,
        "messages": _turns(prompt),
        "stream": stream,
    }
    wanted = said.JSON_ONLY if prompt.json_object and prompt.schema is None else ""
    if system := said.system_text(prompt, wanted, _instruction(spec, prompt)):
        body["system"] = system
    if prompt.stop:
        body["stop_sequences"] = list(prompt.stop)
    sampling = said.sampling(spec, prompt, ("temperature", "top_p"))
    if len(sampling) == 2:
        del sampling["top_p"]  # one of the two at a time
    body |= sampling
    config: Json = {}
    if prompt.effort is not None and spec.thinks:
        config["effort"] = _EFFORT[prompt.effort]
    if prompt.schema is not None:
        schema = schemas.without(prompt.schema.body, schemas.ANTHROPIC_DROPS, close=True)
        config["format"] = {"type": "json_schema", "schema": schema}
    if config:
        body["output_config"] = config
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = _choice(spec, prompt)
    sent = {**headers(stream), "anthropic-version": VERSION}
    return Encoded("/v1/messages", sent, jsontext.write(body))


def credential(key: str) -> Mapping[str, str]:
    """Anthropic's own header."""
    return {"x-api-key": key}


def _instruction(spec: ModelSpec, prompt: Prompt) -> str:
    choice = prompt.tool_choice
    if spec.forced_tools or not prompt.tools:
        return ""
    if choice.name:
        return f"You must answer by calling the tool `{choice.name}`."
    return "You must answer by calling one of the tools." if choice.mode == "required" else ""


def _choice(spec: ModelSpec, prompt: Prompt) -> Json:
    choice = prompt.tool_choice
    if choice.mode == "none" and not choice.name:
        return {"type": "none"}
    out: Json = {"type": "auto"}
    if spec.forced_tools and choice.name:
        out = {"type": "tool", "name": choice.name}
    elif spec.forced_tools and choice.mode == "required":
        out = {"type": "any"}
    if not prompt.parallel_tool_calls:
        out["disable_parallel_tool_use"] = True
    return out


def _tool(tool: Tool) -> Json:
    parameters = schemas.for_tool(tool.parameters)
    out: Json = {"name": tool.name, "description": tool.description, "input_schema": parameters}
    if tool.strict:
        out["input_schema"] = schemas.without(parameters, schemas.ANTHROPIC_DROPS, close=True)
        out["strict"] = True
    return out


def _turns(prompt: Prompt) -> list[Json]:
    """The conversation with neighbours of one role as one turn; a tool's result is something that the user says."""
    out: list[Json] = []
    for message in said.turns(prompt):
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if out and out[-1]["role"] == role:
            out[-1]["content"].extend(blocks)
        else:
            out.append({"role": role, "content": blocks})
    return out


def _blocks(message: Message) -> list[Json]:
    """A message's blocks. Blank text is left out: Anthropic refuses a text block without a visible character."""
    text: list[Json] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    inner = [*text, *map(_image, message.images)]
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": said.call_id(message.tool_call_id), "content": inner}]
    return inner + [_call(call) for call in message.tool_calls]


def _call(call: ToolCall) -> Json:
    arguments = _input(call.arguments)
    return {"type": "tool_use", "id": said.call_id(call.id), "name": call.name, "input": arguments}


def _input(arguments: str) -> Json:
    """A call's arguments as an object, which this wire wants; what a model wrote amiss is handed back as text."""
    try:
        value = jsontext.read(arguments or "{}")
    except ValueError:
        return {"arguments": arguments}
    return value if isinstance(value, dict) else {"arguments": value}


def _image(image: Image) -> Json:
    if (data := said.inline(image.url)) is None:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": data[0], "data": data[1]}}


class MessagesDecoder(Decoder):
    """Folds a message. Blocks that the provider fills itself (server tools, their results) say nothing to us."""

    __slots__ = ("_cited", "_open", "_report", "_tools")
    repeating = True

    def __init__(self) -> None:
        super().__init__()
        self._report: Json = {}
        self._tools: dict[int, int] = {}  # block index -> index among the calls
        self._open: dict[int, Json] = {}  # calls whose arguments came with their start, if at all
        self._cited: set[str] = set()

    def code(self, error: Mapping[str, Any]) -> str:
        """Anthropic's `error.type`."""
        return str(error.get("type") or "")

    def event(self, data: Json, out: list[Chunk]) -> None:
        """One event, told by its `type`; unknown ones are passed over, as Anthropic asks."""
        kind = data["type"]
        if kind == "content_block_delta":
            self._delta(data["index"], data["delta"], out)
        elif kind == "content_block_start":
            self._start(data["index"], data["content_block"], out)
        elif kind == "content_block_stop":
            self._stop(data.get("index", -1), out)
        elif kind == "message_start":
            message = data["message"]
            self.response_id = word(message.get("id"))
            self.model = word(message.get("model"))
            self._count(message.get("usage"), out)
        elif kind == "message_delta":
            self._count(data.get("usage"), out)
            if reason := data["delta"].get("stop_reason"):
                self._finished(reason)
        elif kind == "message_stop":
            self.finish = self.finish or "other"
            self.over(out)

    def whole(self, data: Json, out: list[Chunk]) -> None:
        """One `message`."""
        self.response_id = word(data.get("id"))
        self.model = word(data.get("model"))
        for index, block in enumerate(data["content"]):
            self._start(index, block, out)
            self._stop(index, out)
        self._count(data.get("usage"), out)
        self._finished(data.get("stop_reason") or "other")

    def _delta(self, index: int, delta: Json, out: list[Chunk]) -> None:
        kind = delta["type"]
        if kind == "text_delta":
            if delta["text"]:
                out.append(Text("" + delta["text"]))
        elif kind == "input_json_delta":
            if index in self._tools and delta["partial_json"]:
                self._open.pop(index, None)
                out.append(ToolCallPart(self._tools[index], arguments="" + delta["partial_json"]))
        elif kind == "thinking_delta":
            out.append(Reasoning("" + delta["thinking"]))
        elif kind == "citations_delta":
            self._cite(delta.get("citation") or {}, out)

    def _start(self, index: int, block: Json, out: list[Chunk]) -> None:
        kind = block["type"]
        if kind == "text":
            for citation in block.get("citations") or ():
                self._cite(citation, out)
            if block.get("text"):
                out.append(Text("" + block["text"]))
        elif kind == "thinking":
            if block.get("thinking"):
                out.append(Reasoning("" + block["thinking"]))
        elif kind == "tool_use":
            self._tools[index] = len(self._tools)
            self._open[index] = block.get("input") or {}
            out.append(ToolCallPart(self._tools[index], word(block.get("id")), word(block.get("name"))))

    def _stop(self, index: int, out: list[Chunk]) -> None:
        if arguments := self._open.pop(index, None):
            out.append(ToolCallPart(self._tools[index], arguments=jsontext.text(arguments)))

    def _cite(self, citation: Mapping[str, Any], out: list[Chunk]) -> None:
        url = citation.get("url")
        if url and url not in self._cited:
            self._cited.add(url)
            out.append(Citation("" + url, word(citation.get("title"))))

    def _count(self, report: Mapping[str, Any] | None, out: list[Chunk]) -> None:
        """Counts are cumulative; one that is missing or null in a later report keeps its value."""
        if not report:
            return
        self._report |= {key: value for key, value in report.items() if value is not None}
        known = self._report
        read = int(known.get("cache_read_input_tokens") or 0)
        written = int(known.get("cache_creation_input_tokens") or 0)
        usage = Usage(
            input=int(known.get("input_tokens") or 0) + read + written,
            cache_read=read,
            cache_write=written,
            output=int(known.get("output_tokens") or 0),
            reasoning=int((known.get("output_tokens_details") or {}).get("thinking_tokens") or 0),
            searches=int((known.get("server_tool_use") or {}).get("web_search_requests") or 0),
            cache_write_1h=int((known.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0),
            tier=_tier(known),
        )
        out.append(Used(usage))

    def _finished(self, reason: str) -> None:
        finish = _FINISH.get(reason, "other")
        if finish in ("stop", "tool_calls"):
            finish = "tool_calls" if self._tools else "stop"
        self.finish = finish


WIRE = Wire("anthropic", encode, MessagesDecoder, credential)


def _tier(report: Mapping[str, Any]) -> str:
    """Tier, speed and place where they are not the usual ones."""
    words = (word(report.get(name)) for name in ("service_tier", "speed", "inference_geo"))
    return "+".join(found for found in words if found not in USUAL)
