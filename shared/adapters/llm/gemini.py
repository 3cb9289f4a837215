"""Gemini's generateContent.

Sources: Gemini API reference "generateContent", "Function calling", "Thinking"; types of the google-genai client 3.4;
gateways, part 5.
- Every event of a stream is a whole response object; there is no end mark: a stream without `finishReason` was cut.
- A candidate's `continuationToken` goes at the top of the same request: the answer goes on from where the token stood
  (also after `finishReason` CONTINUATION, which is no end), and what came after it comes again. Each request is billed.
- Usage is a running total, the last one counts. Candidates leave out thoughts, the prompt leaves out what tools read.
- A blocked prompt answers with `promptFeedback` and no candidate.
- Thought signatures have no place in a `ToolCall`; replayed calls carry the value that Google gives for such histories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.adapters.llm import jsontext, resuming, said, schemas
from shared.adapters.llm.openai_chat import headers
from shared.adapters.llm.wire import Decoder, Encoded, Json, Wire, word
from shared.core.chunk import Chunk, Citation, Finish, Reasoning, Text, ToolCallPart, Used
from shared.core.faults import Malformed
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Image, Message, Prompt
from shared.core.usage import Usage
from shared.ports.provider import WireRequest

NO_SIGNATURE = "skip_thought_signature_validator"
"""Source: Gemini API, "Thought signatures": for calls of another model or without their signature."""

_FINISH: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
_SPOILT = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
"""Ends that Google gives to what is no answer; another try may well give one."""
_MORE = "CONTINUATION"
_LEVEL = {"none": "minimal", "minimal": "minimal", "low": "low", "medium": "medium", "high": "high"}


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request. Parallel calls can't be forbidden on this wire; a caller that forbids them may still get two."""
    said.no_continuing(spec, prompt)
    body: Json = {"contents": _contents(prompt)}
    if system := said.system_text(prompt):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if prompt.tools:
        declared = [
            {
                "name": tool.name,
                "description": tool.description,
                "parametersJsonSchema": schemas.for_tool(tool.parameters),
            }
            for tool in prompt.tools
        ]
        body["tools"] = [{"functionDeclarations": declared}]
        body["toolConfig"] = {"functionCallingConfig": _calling(spec, prompt)}
    if config := _config(spec, prompt):
        body["generationConfig"] = config
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return Encoded(f"/models/{spec.native}:{method}", headers(stream), jsontext.write(body))


def credential(key: str) -> Mapping[str, str]:
    """Gemini's own header."""
    return {"x-goog-api-key": key}


def resume(request: WireRequest, received: bytes) -> WireRequest | None:
    """The same request with the last token. None where there is no token, the answer had ended, or a tool's call came
    after the token and would come again."""
    came = resuming.brought(received)
    head, tail = _at_token(resuming.told(request.after))
    if _at_token(came)[0]:
        head, tail = _at_token([*head, *came])
    elif len(_said(came)) > len(_said(tail)):
        tail = came  # a resumption that broke before a token of its own: it had begun at the one before
    token = _token(head[-1]) if head else ""
    if not token or any(_first(event).get("finishReason", _MORE) != _MORE for event in came):
        return None
    if any("functionCall" in part for event in tail for part in _event_parts(event)):
        return None
    body = jsontext.read(request.body) | {"continuationToken": token}
    return replace(request, body=jsontext.write(body), after=resuming.kept([*head, *tail]))


def _first(event: Json) -> Json:
    found: Json = next(iter(event.get("candidates") or ()), {})
    return found


def _token(event: Json) -> str:
    return word(_first(event).get("continuationToken"))


def _event_parts(event: Json) -> Sequence[Json]:
    return (_first(event).get("content") or {}).get("parts") or ()


def _said(events: Sequence[Json], *, thought: bool = False) -> str:
    parts = [part for event in events for part in _event_parts(event)]
    return "".join(part.get("text") or "" for part in parts if bool(part.get("thought")) == thought)


def _at_token(events: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Events up to the last that has a token, and those after it."""
    last = max((at for at, event in enumerate(events) if _token(event)), default=-1)
    return list(events[: last + 1]), list(events[last + 1 :])


def _config(spec: ModelSpec, prompt: Prompt) -> Json:
    config: Json = dict(said.sampling(spec, prompt, ("temperature", "topP")))
    if prompt.max_output is not None:
        config["maxOutputTokens"] = prompt.max_output
    if prompt.stop:
        config["stopSequences"] = list(prompt.stop)
    if prompt.seed is not None and spec.sampling:
        config["seed"] = prompt.seed
    if prompt.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(prompt.schema.body)
    elif prompt.json_object:
        config["responseMimeType"] = "application/json"
    if spec.thinks:
        thinking: Json = {"includeThoughts": True}
        if prompt.effort is not None:
            thinking["thinkingLevel"] = _LEVEL[prompt.effort]
        config["thinkingConfig"] = thinking
    return config


def _calling(spec: ModelSpec, prompt: Prompt) -> Json:
    choice = prompt.tool_choice
    if choice.name and spec.forced_tools:
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    if choice.mode == "required" and spec.forced_tools:
        return {"mode": "ANY"}
    return {"mode": "NONE" if choice.mode == "none" and not choice.name else "AUTO"}


def _contents(prompt: Prompt) -> list[Json]:
    """The conversation with neighbours of one role as one content; a result is found by its call's name."""
    names = {call.id: call.name for message in prompt.messages for call in message.tool_calls}
    out: list[Json] = []
    for message in said.turns(prompt):
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if out and out[-1]["role"] == role:
            out[-1]["parts"].extend(parts)
        else:
            out.append({"role": role, "parts": parts})
    return out


def _parts(message: Message, names: Mapping[str, str]) -> list[Json]:
    if message.role == "tool":
        result = {
            "id": said.call_id(message.tool_call_id),
            "name": names.get(message.tool_call_id) or message.name or "tool",
            "response": _response(message.text),
        }
        return [{"functionResponse": result}, *map(_image, message.images)]
    parts: list[Json] = [{"text": message.text}] if message.text else []
    parts.extend(map(_image, message.images))
    for call in message.tool_calls:
        said_call = {"id": said.call_id(call.id), "name": call.name, "args": _arguments(call.arguments)}
        parts.append({"functionCall": said_call, "thoughtSignature": NO_SIGNATURE})
    return parts or [{"text": ""}]


def _response(text: str) -> Json:
    """A result as the object that this wire wants."""
    try:
        value = jsontext.read(text)
    except ValueError:
        return {"result": text}
    return value if isinstance(value, dict) else {"result": value}


def _arguments(text: str) -> Json:
    try:
        value = jsontext.read(text or "{}")
    except ValueError:
        return {"arguments": text}
    return value if isinstance(value, dict) else {"arguments": value}


def _image(image: Image) -> Json:
    if (data := said.inline(image.url)) is None:
        return {"fileData": {"mimeType": said.media_type(image.url), "fileUri": image.url}}
    return {"inlineData": {"mimeType": data[0], "data": data[1]}}


class GeminiDecoder(Decoder):
    """Folds responses; a stream is a row of them. Code that Gemini ran and its own tools' calls are not the answer."""

    __slots__ = ("_again", "_calls", "_cited")

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0
        self._cited: set[str] = set()
        self._again: dict[bool, str] = {}  # thoughts (True) and text that were handed out and come again

    def go_on(self, events: Sequence[Json]) -> None:
        """What stands after the last token comes once more; `response_id` is this reply's own."""
        head, tail = _at_token(events)
        super().go_on(head)
        self._again = {thought: _said(tail, thought=thought) for thought in (True, False)}
        self.response_id = ""

    def code(self, error: Mapping[str, Any]) -> str:
        """Gemini's `error.status`."""
        return str(error.get("status") or "")

    def whole(self, data: Json, out: list[Chunk]) -> None:
        """One response that is the whole answer."""
        if not data.keys() & {"candidates", "promptFeedback", "usageMetadata"}:
            raise KeyError("candidates")
        self.event(data, out)
        if _first(data).get("finishReason") != _MORE:
            self.finish = self.finish or "other"

    def event(self, data: Json, out: list[Chunk]) -> None:
        """One response, or one piece of it."""
        self.response_id = self.response_id or word(data.get("responseId"))
        self.model = word(data.get("modelVersion")) or self.model
        for candidate in data.get("candidates") or ():
            if not candidate.get("index"):
                self._candidate(candidate, out)
        if (data.get("promptFeedback") or {}).get("blockReason"):
            self.finish = "content_filter"
        if report := data.get("usageMetadata"):
            out.append(Used(usage_of(report)))

    def _candidate(self, candidate: Json, out: list[Chunk]) -> None:
        for part in (candidate.get("content") or {}).get("parts") or ():
            if text := part.get("text"):
                if self._again:
                    text = self._new(text, bool(part.get("thought")))
                    if not text:
                        continue
                out.append(Reasoning("" + text) if part.get("thought") else Text("" + text))
            elif (call := part.get("functionCall")) is not None:
                self._call(call, out)
        for found in (candidate.get("groundingMetadata") or {}).get("groundingChunks") or ():
            source = found.get("web") or {}
            url = source.get("uri")
            if url and url not in self._cited:
                self._cited.add(url)
                out.append(Citation("" + url, word(source.get("title"))))
        if (reason := candidate.get("finishReason")) and reason != _MORE:
            self._ended(reason)
        if self.finish == "stop" and self._calls:
            self.finish = "tool_calls"

    def _ended(self, reason: str) -> None:
        if reason in _SPOILT:
            raise Malformed(
                "Gemini's answer broke its own format.", provider_status=200, provider_code=reason
            )
        if self._again.get(False):
            raise Malformed("Gemini ended the answer before the place where it had broken off.")
        self.finish = _FINISH.get(reason, "other")

    def _new(self, text: str, thought: bool) -> str:
        """What of a text was not handed out before the answer was taken up again. Raises Malformed where it goes on
        with other words: nothing of it may be shown then."""
        if not thought:
            self._again[True] = ""
        before = self._again[thought]
        if before.startswith(text):
            self._again[thought] = before[len(text) :]
            return ""
        if not text.startswith(before):
            if thought:
                before = ""  # summaries of thinking are worded anew
            else:
                raise Malformed("Gemini took the answer up with other words than it had broken off with.")
        self._again[thought] = ""
        return text[len(before) :]

    def _call(self, call: Json, out: list[Chunk]) -> None:
        """A call comes whole. Where Gemini gives no id, ours is made of the response's, so that it is the same on
        every reading and another in every response."""
        identifier = word(call.get("id")) or f"call_{self.response_id}_{self._calls}"
        arguments = jsontext.text(call["args"]) if call.get("args") else ""
        out.append(ToolCallPart(self._calls, identifier, word(call.get("name")), arguments))
        self._calls += 1


def usage_of(report: Mapping[str, Any]) -> Usage:
    """Input is prompt plus what tools brought in; output is candidates plus thoughts."""
    thoughts = int(report.get("thoughtsTokenCount") or 0)
    return Usage(
        input=int(report.get("promptTokenCount") or 0) + int(report.get("toolUsePromptTokenCount") or 0),
        cache_read=int(report.get("cachedContentTokenCount") or 0),
        output=int(report.get("candidatesTokenCount") or 0) + thoughts,
        reasoning=thoughts,
    )


WIRE = Wire("gemini", encode, GeminiDecoder, credential, resume)
