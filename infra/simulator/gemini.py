"""Gemini generateContent and streamGenerateContent: full responses per event, CRLF framing, running usage."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from infra.simulator import fields, openai_chat, tokens, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Tool, ToolCall, Turn, Usage
from infra.simulator.failure import BadField, BadJson, WireError

_END = b"\r\n\r\n"
_FINISH = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "more": "CONTINUATION",
} | dict.fromkeys(("refusal", "filtered"), "SAFETY")
_CHECKPOINTS = 16
"""Chunks from one continuation token to the next: Google does not tell its own; short recorded answers have none."""
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_MESSAGES = {
    403: "The caller does not have permission",
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto", "MODE_UNSPECIFIED": "auto"}
_HARMS = ("HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT")


class GeminiContent(wire.Wire):
    """`POST /models/{model}:generateContent` and `:streamGenerateContent`."""

    provider = "gemini"
    json_type = "application/json; charset=UTF-8"
    stream_type = "text/event-stream"
    chunk_tokens = 12

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """`x-goog-api-key`, the query parameter `key`, or a bearer token."""
        return headers.get("x-goog-api-key") or query.get("key") or openai_chat.bearer(headers)

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; field names are read in camel and snake case, as protobuf's JSON does."""
        model = self.model(target.model_id)
        body = _camel(body)
        turns = _turns(body)
        settings = fields.child(body, "generationConfig")
        self._check_sampling(settings, model.id)
        offered = _tools(body)
        for at, tool in enumerate(offered):
            self.check_schema(tool.schema, f"tools[0].function_declarations[{at}].parameters")
        schema, any_json = self._structure(settings)
        thinking = fields.child(settings, "thinkingConfig", "generationConfig.")
        most = fields.integer(settings, "maxOutputTokens", "generation_config.")
        if most is not None and most > model.max_output:
            raise _bad(
                f"Unable to submit request because it has a maxOutputTokens value of {most} but the supported range is"
                f" from 1 (inclusive) to {model.max_output + 1} (exclusive)."
            )
        stops = fields.strings(settings, "stopSequences", "generation_config.")
        if len(stops) > 5:
            raise _bad("The maximum number of stop sequences is 5.")
        number = fields.integer(settings, "candidateCount", "generation_config.") or 1
        if number > 8:
            raise _bad("candidate_count must be between 1 and 8.")
        ask = Ask(
            model,
            turns,
            stream=target.stream,
            tools=offered,
            choice=self._choice(body, offered),
            schema=schema,
            any_json=any_json,
            max_tokens=most,
            stop=stops,
            n=number,
            thinking=thinking.get("thinkingBudget") != 0
            and thinking.get("thinkingLevel") not in {"minimal", "MINIMAL"},
            extra={
                "thoughts": thinking.get("includeThoughts") is True,
                "array": target.array,
                "from": 0,
                "stop_at": None,
                "checkpoints": _CHECKPOINTS,
            },
        )
        if token := fields.text(body, "continuationToken", default=""):
            ask.extra["from"] = _taken_up(token, ask)
        read = tokens.read(ask.prompt())
        if read > model.context:
            raise _bad(
                f"The input token count ({read}) exceeds the maximum number of tokens allowed ({model.context})."
            )
        return ask

    @staticmethod
    def _check_sampling(settings: Json, model_id: str) -> None:
        for name, default in (("temperature", 1), ("topP", None), ("topK", None)):
            value = fields.number(settings, name, "generation_config.")
            if value is not None and value != default:
                raise _bad(f"{name} is not supported for models/{model_id}.")

    def _structure(self, settings: Json) -> tuple[Json | None, bool]:
        schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
        mime = settings.get("responseMimeType", "text/plain")
        if mime not in {"text/plain", "application/json", "text/x.enum"}:
            raise _bad(
                f"* GenerateContentRequest.generation_config.response_mime_type: unsupported value: {mime}"
            )
        if schema is None:
            return None, mime == "application/json"
        if mime == "text/plain":
            raise _bad("response_mime_type must be application/json when a response schema is set.")
        lowered = lowered_types(fields.record(schema, "generation_config.response_schema"))
        return self.check_schema(lowered, "generation_config.response_schema"), False

    @staticmethod
    def _choice(body: Json, offered: tuple[Tool, ...]) -> str:
        calling = fields.child(fields.child(body, "toolConfig"), "functionCallingConfig", "tool_config.")
        mode = str(calling.get("mode", "AUTO")).upper()
        if mode not in _MODES:
            raise _bad(f"Invalid value at 'tool_config.function_calling_config.mode': \"{mode}\"")
        allowed = fields.strings(calling, "allowedFunctionNames")
        if mode == "ANY" and len(allowed) == 1:
            if allowed[0] not in {tool.name for tool in offered}:
                raise _bad(f"allowed_function_names contains an unknown function: {allowed[0]}")
            return f"={allowed[0]}"
        return _MODES[mode]

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A whole `GenerateContentResponse`."""
        begun = ask.extra["from"]
        answers = tuple(_rest(answer, begun * self.chunk_tokens) if begun else answer for answer in answers)
        if begun:
            usage = _rest_usage(usage, answers)
        candidates = [_candidate(_parts(ask, answer), at, answer) for at, answer in enumerate(answers)]
        return _dump(_response(ask, candidates, usage, stamp))

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """Responses with a part each; the last of a candidate has an empty text and the finish reason."""
        made: list[tuple[bytes, int, bool, bool]] = []
        written = 0
        begun, stop_at, every = (ask.extra[name] for name in ("from", "stop_at", "checkpoints"))
        if begun:
            answers = tuple(_rest(answer, begun * self.chunk_tokens) for answer in answers)
            usage = _rest_usage(usage, answers)

        def response(candidate: Json, count: int = 0, *, end: bool = False, hidden: bool = False) -> None:
            nonlocal written
            written += 0 if hidden else count
            so_far = Usage(usage.input, written + usage.reasoning, usage.reasoning, usage.cache_read)
            made.append((_dump(_response(ask, [candidate], so_far, stamp)), count, end, hidden))

        for at, answer in enumerate(answers):
            if answer.reasoning and ask.extra["thoughts"]:
                part = {"text": answer.reasoning, "thought": True}
                response(_candidate([part], at), answer.reasoning_tokens, hidden=True)
            parts = wire.parts(answer, self.chunk_tokens) if not answer.refusal else []
            for number, (text, count) in enumerate(parts[:stop_at], start=begun + 1):
                candidate = _candidate([{"text": text}], at)
                if every and number % every == 0:
                    candidate["continuationToken"] = _token_at(number, ask)
                response(candidate, count)
            if stop_at is not None and len(parts) > stop_at:
                stopped = _candidate([{"text": ""}], at, replace(answer, finish="more"))
                response(stopped | {"continuationToken": _token_at(begun + stop_at, ask)}, end=True)
                continue
            for number, call in enumerate(answer.calls):
                part = _call_part(call, number, stamp, signed=number == 0 and bool(answer.reasoning))
                response(_candidate([part], at), tokens.written(call.name + call.arguments))
            last = [] if answer.refusal else [{"text": ""}]
            response(_candidate(last, at, answer), end=True)
        if ask.extra["array"]:
            return _as_array(made)
        return tuple(Frame(wire.sse(data, _END), count, end, hidden) for data, count, end, hidden in made)

    def headers(self, ask: Ask | None, usage: Usage | None, stamp: Stamp) -> dict[str, str]:
        """The front end's timing header."""
        return {
            "server-timing": f"gfet4t7; dur={200 + (usage.output if usage else 0) % 1000}",
            "vary": "Origin",
        }

    def error_body(self, error: WireError, stamp: Stamp) -> Any:
        """`{"error": {code, message, status, details}}`; the retry delay stands in the details."""
        status = error.kind or _STATUS.get(error.status, "UNKNOWN")
        message = error.message or _MESSAGES.get(error.status, status.replace("_", " ").capitalize())
        shaped: Json = {"code": error.status, "message": message, "status": status}
        details: list[Json] = []
        if error.code:
            details.append(
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": error.code,
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                }
            )
        if error.retry_after is not None:
            delay = {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": f"{error.retry_after:g}s",
            }
            details.append(delay)
        return {"error": {**shaped, "details": details} if details else shaped}

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """A data object that begins with `error`."""
        return wire.sse(_dump(self.error_body(error, stamp)), _END)

    def broken_frame(self) -> bytes:
        """An event cut in the middle of its JSON."""
        return b'data: {"candidates": [{"content": {"parts": [{"te' + _END

    def bad_key(self, key: str | None) -> WireError:
        """401 `UNAUTHENTICATED`. (The public endpoint answers some malformed keys with 400
        `API_KEY_INVALID`.)"""
        if not key:
            return WireError(
                401, "Request is missing required authentication credential.", code="CREDENTIALS_MISSING"
            )
        return WireError(401, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")

    def bad_field(self, error: BadField) -> WireError:
        """400 with the field's path."""
        if error.problem in {"missing", "empty"}:
            return _bad(f"* GenerateContentRequest.{error.path}: {error.path} is not specified\n")
        return _bad(f"Invalid value at '{error.path}' ({error.expected}), {json.dumps(error.got)[:80]}")

    def bad_json(self, error: BadJson) -> WireError:
        """400."""
        return _bad("Invalid JSON payload received. Unexpected token.\n")

    def unknown_model(self, model_id: str) -> WireError:
        """404."""
        return WireError(
            404,
            f"models/{model_id} is not found for API version v1beta, or is not supported for generateContent. Call"
            " ListModels to see the list of available models and their supported methods.",
        )


def _bad(message: str) -> WireError:
    return WireError(400, message)


def _camel(value: Any, key: str = "") -> Any:
    """Field names in camel case; what lies under a schema or a call's arguments is the caller's own and
    stays."""
    own = {"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"}
    if key in own:
        return value
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: Json = {}
    for name, item in value.items():
        head, *tail = name.strip("_").split("_")
        camel = head + "".join(word[:1].upper() + word[1:] for word in tail)
        made[camel] = _camel(item, camel)
    return made


def lowered_types(schema: Any) -> Any:
    """Gemini's schema dialect (upper-case types, `nullable`) as JSON Schema."""
    if isinstance(schema, list):
        return [lowered_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: Json = {
        name: (
            {key: lowered_types(rule) for key, rule in item.items()}
            if name == "properties"
            else lowered_types(item)
        )
        for name, item in schema.items()
        if name not in {"nullable", "propertyOrdering", "enum", "default", "example"}
    }
    if isinstance(made.get("type"), str):
        made["type"] = made["type"].lower()
        if schema.get("nullable") is True:
            made["type"] = [made["type"], "null"]
    if "enum" in schema:
        made["enum"] = schema["enum"]
    for word in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"):
        if isinstance(made.get(word), str):
            made[word] = int(made[word])
    return made


def _turns(body: Json) -> tuple[Turn, ...]:
    made: list[Turn] = []
    told = body.get("systemInstruction")
    if told is not None:
        made.append(Turn("system", _text(fields.record(told, "system_instruction"), "system_instruction")))
    for at, item in enumerate(fields.items(body, "contents", needed=True)):
        path = f"contents[{at}]"
        content = fields.record(item, path)
        role = content.get("role", "user")
        if role not in {"user", "model", "function"}:
            raise _bad("Please use a valid role: user, model.")
        parts = [
            fields.record(part, f"{path}.parts")
            for part in fields.items(content, "parts", f"{path}.", needed=True)
        ]
        for part in parts:
            answered = part.get("functionResponse")
            if isinstance(answered, dict):
                result = orjson.dumps(answered.get("response") or {}).decode()
                made.append(Turn("tool", result, (), str(answered.get("name", ""))))
        calls = tuple(
            ToolCall(
                str(part["functionCall"].get("name", "")),
                orjson.dumps(part["functionCall"].get("args") or {}).decode(),
            )
            for part in parts
            if isinstance(part.get("functionCall"), dict)
        )
        text = _text(content, path)
        if text or calls or not any("functionResponse" in part for part in parts):
            made.append(Turn("assistant" if role == "model" else "user", text, calls))
    return tuple(made)


def _text(content: Json, path: str) -> str:
    found = []
    for part in fields.items(content, "parts", f"{path}."):
        piece = fields.record(part, f"{path}.parts")
        if "text" in piece and not piece.get("thought"):
            found.append(fields.text(piece, "text", f"{path}.parts."))
        elif "inlineData" in piece or "fileData" in piece:
            found.append("[file]")
    return "\n".join(found)


def _tools(body: Json) -> tuple[Tool, ...]:
    made = []
    for at, item in enumerate(fields.items(body, "tools")):
        group = fields.record(item, f"tools[{at}]")
        for number, declared in enumerate(fields.items(group, "functionDeclarations", f"tools[{at}].")):
            path = f"tools[{at}].function_declarations[{number}]"
            one = fields.record(declared, path)
            schema = one.get("parametersJsonSchema") or one.get("parameters") or {}
            made.append(
                Tool(
                    fields.text(one, "name", f"{path}."),
                    fields.text(one, "description", f"{path}.", default=""),
                    lowered_types(fields.record(schema, f"{path}.parameters")),
                )
            )
    return tuple(made)


def _token_at(chunk: int, ask: Ask) -> str:
    """Opaque to callers: how much of which answer they have."""
    return base64.b64encode(orjson.dumps([wire.SIMULATED, str(ask.seed()), chunk])).decode()


def _taken_up(token: str, ask: Ask) -> int:
    """How many chunks the bearer of a token has; raises `WireError` where it belongs to another request."""
    try:
        label, seed, chunk = orjson.loads(base64.b64decode(token))
    except ValueError:
        label = seed = chunk = None
    if label != wire.SIMULATED or seed != str(ask.seed()) or not isinstance(chunk, int):
        raise _bad("Invalid value at 'continuation_token': the token does not belong to this request.")
    return chunk


def _rest(answer: Answer, size: int) -> Answer:
    """What comes after the first `size` tokens of an answer; its thoughts came before them."""
    return replace(answer, text="".join(answer.pieces[size:]), reasoning="", reasoning_tokens=0)


def _rest_usage(usage: Usage, answers: tuple[Answer, ...]) -> Usage:
    """A request of its own: it reads the prompt again and writes the rest alone."""
    return replace(usage, output=sum(answer.output_tokens for answer in answers), reasoning=0)


def _signature(text: str) -> str:
    return base64.b64encode(hashlib.sha512(f"{wire.SIMULATED}{text}".encode()).digest()).decode()


def _call_part(call: ToolCall, number: int, stamp: Stamp, *, signed: bool) -> Json:
    named = {"name": call.name, "args": orjson.loads(call.arguments), "id": f"{stamp.core}{number:02d}"}
    part: Json = {"functionCall": named}
    if signed:
        part["thoughtSignature"] = _signature(call.name)
    return part


def _parts(ask: Ask, answer: Answer) -> list[Json]:
    if answer.refusal:
        return []
    made: list[Json] = []
    if answer.reasoning and ask.extra["thoughts"]:
        made.append({"text": answer.reasoning, "thought": True})
    if answer.text or not answer.calls:
        made.append({"text": answer.text})
    stamp = Stamp("sim", 0)
    made += [_call_part(call, at, stamp, signed=False) for at, call in enumerate(answer.calls)]
    signed = len(made) - len(answer.calls) if answer.calls else len(made) - 1
    if answer.reasoning:
        made[signed]["thoughtSignature"] = _signature(answer.text)
    return made


def _candidate(parts: list[Json], at: int, ended: Answer | None = None) -> Json:
    made: Json = {"content": {"parts": parts, "role": "model"} if parts else {}}
    if ended is not None:
        made["finishReason"] = _FINISH[ended.finish]
    made["index"] = at
    if ended is not None and ended.calls:
        made["finishMessage"] = "Model generated function call(s)."
    if ended is not None and ended.refusal:
        made["safetyRatings"] = [
            {"category": f"HARM_CATEGORY_{harm}", "probability": "HIGH" if not number else "NEGLIGIBLE"}
            | ({"blocked": True} if not number else {})
            for number, harm in enumerate(_HARMS)
        ]
    return made


def _response(ask: Ask, candidates: list[Json], usage: Usage, stamp: Stamp) -> Json:
    spent: Json = {"promptTokenCount": usage.input}
    visible = usage.output - usage.reasoning
    if visible:
        spent["candidatesTokenCount"] = visible
    spent["totalTokenCount"] = usage.total
    if usage.cache_read:
        spent["cachedContentTokenCount"] = usage.cache_read
    spent["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.input}]
    if usage.cache_read:
        spent["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cache_read}]
    if usage.reasoning:
        spent["thoughtsTokenCount"] = usage.reasoning
    spent["serviceTier"] = "standard"
    return {
        "candidates": candidates,
        "usageMetadata": spent,
        "modelVersion": ask.model.id,
        "responseId": stamp.core,
    }


def _dump(value: Any) -> bytes:
    """JSON with Gemini's own spacing: after a colon, not after a comma."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ": ")).encode("utf-8", "surrogatepass")


def _as_array(made: list[tuple[bytes, int, bool, bool]]) -> tuple[Frame, ...]:
    """The stream without `alt=sse`: one JSON list, an element at a time."""
    frames = []
    for at, (data, count, end, hidden) in enumerate(made):
        frames.append(Frame((b"[" if at == 0 else b",\r\n") + data, count, end, hidden))
    return (*frames, Frame(b"\r\n]", 0, True))
