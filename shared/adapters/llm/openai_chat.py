"""OpenAI Chat Completions, which vLLM and Perplexity speak too (`vllm.py`, `perplexity.py`).

Sources: OpenAI API reference "Chat"; types of the openai client 3.52; research on gateways, part 5.
- The proof that an answer is complete is `finish_reason`. `[DONE]` is none: vLLM sends it after cutting an answer.
- Usage stands in a chunk of its own after that, and an interrupted stream may never send it.
- An object with a top-level `error` is a failure, also inside a 200.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.adapters.llm import jsontext, said, schemas
from shared.adapters.llm.wire import Decoder, Encoded, Json, Wire, bearer, word
from shared.core.chunk import Chunk, Citation, Finish, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import Overloaded, Rejected
from shared.core.model_spec import USUAL, ModelSpec
from shared.core.prompt import Message, Prompt, Tool
from shared.core.usage import Usage

_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def headers(stream: bool) -> dict[str, str]:
    """What a request of any wire says about its body and the answer's."""
    return {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity",
    }


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request. `request_id` goes along for OpenAI's support; it changes no answer."""
    said.no_continuing(spec, prompt)
    body = {"model": spec.native, "messages": messages(prompt), **options(spec, prompt), "stream": stream}
    if stream:
        # Obfuscation pads every chunk with random text: bandwidth, and bytes that no replay needs.
        body["stream_options"] = {"include_usage": True, "include_obfuscation": False}
    if prompt.max_output is not None:
        body["max_completion_tokens"] = prompt.max_output
    if prompt.seed is not None and spec.sampling:
        body["seed"] = prompt.seed
    if prompt.effort is not None and spec.thinks:
        body["reasoning_effort"] = prompt.effort
    if prompt.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": schema_format(prompt)}
    elif prompt.json_object:
        body["response_format"] = {"type": "json_object"}
    sent = {**headers(stream), "x-client-request-id": request_id}
    return Encoded("/chat/completions", sent, jsontext.write(body))


def schema_format(prompt: Prompt) -> Json:
    """The schema under its name, strict where OpenAI's strict mode can take it."""
    schema = prompt.schema
    if schema is None:
        return {}
    strict = schemas.strict_for_openai(schema.body) if schema.strict else None
    out: Json = {"name": schema.name, "schema": strict or dict(schema.body), "strict": strict is not None}
    if schema.description:
        out["description"] = schema.description
    return out


def options(spec: ModelSpec, prompt: Prompt) -> Json:
    """Tools, stop sequences and sampling."""
    body: Json = dict(said.sampling(spec, prompt, ("temperature", "top_p")))
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.tools:
        body["tools"] = [{"type": "function", "function": function(tool)} for tool in prompt.tools]
        body["tool_choice"] = tool_choice(
            spec, prompt, lambda name: {"type": "function", "function": {"name": name}}
        )
        if not prompt.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    return body


def function(tool: Tool) -> Json:
    """A tool's definition; strict where it asks for that and strict mode can take it."""
    parameters = schemas.for_tool(tool.parameters)
    strict = schemas.strict_for_openai(parameters) if tool.strict else None
    out: Json = {"name": tool.name, "description": tool.description, "parameters": strict or parameters}
    if strict is not None:
        out["strict"] = True
    return out


def tool_choice(spec: ModelSpec, prompt: Prompt, named: Any) -> Any:
    """The choice in OpenAI's words. A model that can't be forced is left to choose."""
    choice = prompt.tool_choice
    if (choice.name or choice.mode == "required") and not spec.forced_tools:
        return "auto"
    return named(choice.name) if choice.name else choice.mode


def messages(prompt: Prompt) -> list[Json]:
    """The conversation. `json_object` mode is refused by OpenAI unless some message says JSON: then we do."""
    out = [message(item) for item in prompt.messages]
    if prompt.json_object and not any("json" in item.text.lower() for item in prompt.messages):
        out.insert(0, {"role": "system", "content": said.JSON_ONLY})
    return out


def message(item: Message) -> Json:
    """One turn."""
    out: Json = {"role": item.role, "content": _content(item)}
    if item.role == "tool":
        out["tool_call_id"] = said.call_id(item.tool_call_id)
    elif item.name:
        out["name"] = item.name
    if item.tool_calls:
        out["content"] = item.text or None
        out["tool_calls"] = [
            {
                "id": said.call_id(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in item.tool_calls
        ]
    return out


def _content(item: Message) -> str | list[Json]:
    if not item.images:
        return item.text
    if item.role != "user":
        raise Rejected(f"This wire takes images from the user only, not in a message of role {item.role}.")
    parts: list[Json] = [{"type": "text", "text": item.text}] if item.text else []
    images = [{"url": image.url, "detail": image.detail} for image in item.images]
    return parts + [{"type": "image_url", "image_url": image} for image in images]


def usage_of(report: Mapping[str, Any]) -> Usage:
    """OpenAI's counts: cached and written tokens are inside `prompt_tokens`, thinking inside `completion_tokens`."""
    read = report.get("prompt_tokens_details") or {}
    wrote = report.get("completion_tokens_details") or {}
    return Usage(
        input=int(report.get("prompt_tokens") or 0),
        cache_read=int(read.get("cached_tokens") or 0),
        cache_write=int(read.get("cache_write_tokens") or 0),
        output=int(report.get("completion_tokens") or 0),
        reasoning=int(wrote.get("reasoning_tokens") or 0),
    )


def plain(content: Any) -> str:
    """A message's content as text; some servers of this format send it in parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content if part.get("type") in ("text", "output_text"))


class ChatDecoder(Decoder):
    """Folds chat completions. Only the first choice is read: a prompt asks for one."""

    __slots__ = ("_called", "_cited", "_refused")
    repeating = True

    def __init__(self) -> None:
        super().__init__()
        self._called: set[int] = set()
        self._cited: set[str] = set()
        self._refused = False

    def event(self, data: Json, out: list[Chunk]) -> None:
        """One `chat.completion.chunk`."""
        if not self.response_id:
            self.response_id = word(data.get("id"))
            self.model = word(data.get("model"))
        choices = data.get("choices")
        if choices:
            for choice in choices:
                if not choice.get("index"):
                    self._choice(choice, choice.get("delta"), out)
        self.extras(data, out)
        usage = data.get("usage")
        if usage:
            out.append(Used(self._billed(usage, data)))

    def whole(self, data: Json, out: list[Chunk]) -> None:
        """One `chat.completion`."""
        self.response_id = word(data.get("id"))
        self.model = word(data.get("model"))
        choice = data["choices"][0]
        self._choice(choice, choice["message"], out)
        self.extras(data, out)
        if usage := data.get("usage"):
            out.append(Used(self._billed(usage, data)))
        if self.finish is None:
            self._finished("stop")  # whole and without a reason: some servers of this format leave it out

    def _billed(self, report: Mapping[str, Any], data: Json) -> Usage:
        """The counts, and the service tier where it is not the usual one: it has a price of its own."""
        found = self.usage(report)
        tier = word(data.get("service_tier"))
        return found if tier in USUAL else replace(found, tier=tier)

    def usage(self, report: Mapping[str, Any]) -> Usage:
        """The counts of a usage object; other servers of this format have their own."""
        return usage_of(report)

    def extras(self, data: Json, out: list[Chunk]) -> None:
        """What a dialect has beside the choices."""

    def cite(self, url: Any, title: Any, out: list[Chunk]) -> None:
        """A source, once."""
        if isinstance(url, str) and url and url not in self._cited:
            self._cited.add(url)
            out.append(Citation(url, str(title or "")))

    def _choice(self, choice: Json, said_now: Json | None, out: list[Chunk]) -> None:
        if said_now:
            if thought := said_now.get("reasoning") or said_now.get("reasoning_content"):
                out.append(Reasoning(plain(thought)))
            content = said_now.get("content")
            if content:
                out.append(Text(content if type(content) is str else plain(content)))
            if refusal := said_now.get("refusal"):
                self._refused = True
                out.append(Refusal("" + refusal))
            if calls := said_now.get("tool_calls"):
                self._calls(calls, out)
            for note in said_now.get("annotations") or ():
                if cited := note.get("url_citation"):
                    self.cite(cited.get("url"), cited.get("title"), out)
        if reason := choice.get("finish_reason"):
            self._finished(reason)

    def _calls(self, calls: list[Json], out: list[Chunk]) -> None:
        for position, call in enumerate(calls):
            index = call.get("index")
            if index is None:
                index = position
            part = call.get("function") or call.get("custom") or {}
            arguments = part.get("arguments") or part.get("input") or ""
            if type(arguments) is not str:
                arguments = jsontext.text(arguments)  # some servers of this format send the object itself
            if index in self._called:
                out.append(ToolCallPart(index, arguments=arguments))
            else:
                self._called.add(index)
                out.append(ToolCallPart(int(index), word(call.get("id")), word(part.get("name")), arguments))

    def _finished(self, reason: str) -> None:
        if reason == "error":
            raise Overloaded("The provider gave up in the middle of the answer.", provider_code="error")
        finish = _FINISH.get(reason, "other")
        if finish in ("stop", "tool_calls"):
            finish = "tool_calls" if self._called else "refusal" if self._refused else "stop"
        self.finish = finish


WIRE = Wire("openai-chat", encode, ChatDecoder, bearer)
