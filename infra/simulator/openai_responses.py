"""OpenAI Responses: output items, numbered events, a terminal event that carries the whole response."""

import random
from dataclasses import replace

import orjson

from infra.simulator import chat_request, fields, openai_chat, openai_errors, tokens, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Tool, ToolCall, Turn, Usage
from infra.simulator.failure import BadField, WireError

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class OpenAIResponses(openai_chat.OpenAIWire):
    """`POST /responses`."""

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; `extra` keeps what the response object repeats."""
        model = self.model(fields.text(body, "model"))
        turns = _turns(body)
        openai_errors.sampling(
            {name: value for name, value in body.items() if name in {"temperature", "top_p"}}
        )
        for name in ("max_tokens", "max_completion_tokens"):
            if body.get(name) is not None:
                raise WireError(
                    400,
                    f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to"
                    " 'max_output_tokens'.",
                    param=name,
                    code="unsupported_parameter",
                )
        offered = _tools(body)
        for at, tool in enumerate(offered):
            self.check_schema(tool.schema, f"tools[{at}].parameters")
        shape = fields.child(fields.child(body, "text"), "format", "text.")
        schema, any_json = self._structure(shape)
        if any_json and "json" not in "\n".join(turn.text for turn in turns).lower():
            raise WireError(
                400,
                "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
                " 'json_object'.",
                param="input",
            )
        most = fields.integer(body, "max_output_tokens", least=16)
        reasoning = fields.child(body, "reasoning")
        ask = Ask(
            model,
            turns,
            stream=fields.flag(body, "stream"),
            tools=offered,
            choice=chat_request.choice(body, offered),
            parallel=fields.flag(body, "parallel_tool_calls", default=True),
            schema=schema,
            any_json=any_json,
            max_tokens=most,
            thinking=reasoning.get("effort", "medium") not in {"none", "minimal"},
            extra={
                "obfuscate": fields.flag(
                    fields.child(body, "stream_options"), "include_obfuscation", default=True
                ),
                "encrypted": "reasoning.encrypted_content" in fields.items(body, "include"),
                "summary": reasoning.get("summary"),
                "background": self._background(body),
                "store": fields.flag(body, "store", default=True),
                "previous": body.get("previous_response_id"),
                "echo": _echo(body, most, reasoning, shape),
            },
        )
        read = tokens.read(ask.prompt())
        if read > model.context:
            raise openai_errors.too_long(model.context, read, "input")
        return ask

    @staticmethod
    def _background(body: Json) -> bool:
        background = fields.flag(body, "background")
        if background and not fields.flag(body, "store", default=True):
            raise WireError(400, "background mode requires 'store' to be true.", param="background")
        return background

    def _structure(self, shape: Json) -> tuple[Json | None, bool]:
        kind = shape.get("type", "text")
        if kind == "json_schema":
            schema = self.check_schema(
                fields.record(shape.get("schema"), "text.format.schema"), "text.format.schema"
            )
            if shape.get("strict") is True:
                openai_chat.strict(schema, "response_format", "text.format.schema")
            return schema, False
        if kind not in {"text", "json_object"}:
            raise BadField("text.format.type", "value", expected="text, json_object, json_schema", got=kind)
        return None, kind == "json_object"

    def unknown_model(self, model_id: str) -> WireError:
        """400 `model_not_found`, as recorded."""
        return WireError(
            400, f"The requested model '{model_id}' does not exist.", param="model", code="model_not_found"
        )

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A finished `response`."""
        return orjson.dumps(
            _response(ask, answers[0], stamp, _ended(answers[0]), usage, _items(ask, answers[0], stamp))
        )

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """created, in_progress, each item with its parts and deltas, then completed or incomplete."""
        answer = answers[0]
        writer = _Events(ask, stamp)
        begun = _response(ask, answer, stamp, "in_progress", None, [])
        writer.add("response.created", {"response": begun})
        writer.add("response.in_progress", {"response": begun})
        items = _items(ask, answer, stamp)
        for at, item in enumerate(items):
            if item["type"] == "reasoning":
                writer.reasoning(at, item)
            elif item["type"] == "message":
                writer.message(at, item, answer, self.chunk_tokens)
            else:
                writer.call(at, item, self.chunk_tokens)
        status = _ended(answer)
        final = _response(ask, answer, stamp, status, usage, items)
        writer.add(f"response.{status}", {"response": final}, end=True)
        return tuple(writer.frames)

    def error_frame(self, error: WireError, stamp: Stamp) -> bytes:
        """`event: error` with code, message and param at the top level."""
        shaped = openai_errors.parts(error)
        data = {
            "type": "error",
            "code": shaped["code"] or shaped["type"],
            "message": shaped["message"],
            "param": shaped["param"],
            "sequence_number": 0,
        }
        return b"event: error\ndata: " + orjson.dumps(data) + b"\n\n"

    def broken_frame(self) -> bytes:
        """An event cut in the middle of its JSON."""
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"bro\n\n'
        )


class _Events:
    """Numbers and frames the events of one response."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        self.frames: list[Frame] = []
        self._rng = random.Random(ask.seed())
        self._obfuscate = ask.extra["obfuscate"]

    def add(self, kind: str, data: Json, count: int = 0, *, end: bool = False, hidden: bool = False) -> None:
        """One event; `obfuscation` goes with every delta."""
        if kind.endswith(".delta") and self._obfuscate:
            data = {**data, "obfuscation": "".join(self._rng.choices(_LETTERS, k=self._rng.randrange(17)))}
        whole = {"type": kind, **data, "sequence_number": len(self.frames)}
        framed = b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(whole) + b"\n\n"
        self.frames.append(Frame(framed, count, end, hidden))

    def reasoning(self, at: int, item: Json) -> None:
        """A reasoning item, with its summary where one was asked for."""
        place = {"item_id": item["id"], "output_index": at}
        self.add("response.output_item.added", {"item": {**item, "summary": []}, "output_index": at})
        for number, part in enumerate(item["summary"]):
            where = {**place, "summary_index": number}
            empty = {"type": "summary_text", "text": ""}
            self.add("response.reasoning_summary_part.added", {**where, "part": empty})
            for text, count in tokens.grouped(tokens.pieces(part["text"]), 1):
                self.add(
                    "response.reasoning_summary_text.delta", {**where, "delta": text}, count, hidden=True
                )
            self.add("response.reasoning_summary_text.done", {**where, "text": part["text"]})
            self.add("response.reasoning_summary_part.done", {**where, "part": part})
        self.add("response.output_item.done", {"item": item, "output_index": at})

    def message(self, at: int, item: Json, answer: Answer, size: int) -> None:
        """A message item with its one part, text or refusal."""
        part = item["content"][0]
        name = "refusal" if answer.refusal else "output_text"
        field = "refusal" if answer.refusal else "text"
        place = {"content_index": 0, "item_id": item["id"], "output_index": at}
        opened = {**item, "status": "in_progress", "content": []}
        self.add("response.output_item.added", {"item": opened, "output_index": at})
        self.add("response.content_part.added", {**place, "part": {**part, field: ""}})
        extra: Json = {} if answer.refusal else {"logprobs": []}
        for text, count in wire.parts(answer, size):
            self.add(f"response.{name}.delta", {**place, "delta": text, **extra}, count)
        self.add(f"response.{name}.done", {**place, field: part[field], **extra})
        self.add("response.content_part.done", {**place, "part": part})
        self.add("response.output_item.done", {"item": item, "output_index": at})

    def call(self, at: int, item: Json, size: int) -> None:
        """A function call with its arguments."""
        place = {"item_id": item["id"], "output_index": at}
        opened = {**item, "status": "in_progress", "arguments": ""}
        self.add("response.output_item.added", {"item": opened, "output_index": at})
        for text, count in wire.argument_parts(item["arguments"], size):
            self.add("response.function_call_arguments.delta", {**place, "delta": text}, count)
        self.add("response.function_call_arguments.done", {**place, "arguments": item["arguments"]})
        self.add("response.output_item.done", {"item": item, "output_index": at})


def _ended(answer: Answer) -> str:
    return "incomplete" if answer.finish in {"length", "filtered"} else "completed"


def _items(ask: Ask, answer: Answer, stamp: Stamp) -> list[Json]:
    """The output items of a finished answer."""
    items: list[Json] = []
    if answer.reasoning_tokens:
        shown = ask.extra["summary"] is not None
        item: Json = {
            "id": f"rs_{stamp.core}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": answer.reasoning}] if shown else [],
        }
        if ask.extra["encrypted"]:
            item["encrypted_content"] = f"gAAAAA{wire.SIMULATED}{stamp.core}"
        items.append(item)
    if answer.text or answer.refusal or not answer.calls:
        part: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
        if answer.refusal:
            part = {"type": "refusal", "refusal": answer.refusal}
        items.append(
            {
                "id": f"msg_{stamp.core}",
                "type": "message",
                "status": _ended(answer),
                "content": [part],
                "role": "assistant",
            }
        )
    for at, call in enumerate(answer.calls):
        items.append(
            {
                "id": f"fc_{stamp.core}{at:02d}",
                "type": "function_call",
                "status": "completed",
                "arguments": call.arguments,
                "call_id": openai_chat.call_id(stamp, 0, at),
                "name": call.name,
            }
        )
    return items


def _response(
    ask: Ask, answer: Answer, stamp: Stamp, status: str, usage: Usage | None, items: list[Json]
) -> Json:
    reason = "content_filter" if answer.finish == "filtered" else "max_output_tokens"
    cut = {"reason": reason} if status == "incomplete" else None
    spent = None
    if usage is not None:
        spent = {
            "input_tokens": usage.input,
            "input_tokens_details": {
                "cached_tokens": usage.cache_read,
                "cache_write_tokens": usage.cache_write,
            },
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.total,
        }
    return {
        "id": f"resp_{stamp.core}",
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "background": ask.extra["background"],
        "billing": {"payer": "developer"},
        "completed_at": stamp.created if status == "completed" else None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": cut,
        "model": ask.model.id,
        "moderation": None,
        "output": items,
        "presence_penalty": 0.0,
        "previous_response_id": ask.extra["previous"],
        "store": ask.extra["store"],
        "system_fingerprint": f"fp_{wire.SIMULATED}",
        "usage": spent,
        **ask.extra["echo"],
    }


def _echo(body: Json, most: int | None, reasoning: Json, shape: Json) -> Json:
    """What the response object repeats from the request."""
    settings = fields.child(body, "text")
    return {
        "instructions": body.get("instructions"),
        "max_output_tokens": most,
        "max_tool_calls": body.get("max_tool_calls"),
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention"),
        "reasoning": {"effort": reasoning.get("effort", "medium"), "summary": reasoning.get("summary")},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default",
        "temperature": 1.0,
        "text": {"format": shape or {"type": "text"}, "verbosity": settings.get("verbosity", "medium")},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_logprobs": 0,
        "top_p": 0.98,
        "truncation": body.get("truncation", "disabled"),
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _turns(body: Json) -> tuple[Turn, ...]:
    made: list[Turn] = []
    told = fields.text(body, "instructions", default="")
    if told:
        made.append(Turn("system", told))
    given = body.get("input")
    if given is None:
        raise BadField("input", "missing")
    if isinstance(given, str):
        return (*made, Turn("user", given))
    names: dict[str, str] = {}
    for at, item in enumerate(fields.items(body, "input", needed=True)):
        one = fields.record(item, f"input[{at}]")
        if body.get("previous_response_id") and one.get("type") == "function_call_output":
            names.setdefault(str(one.get("call_id")), "")
        turn = _turn(one, f"input[{at}]", names)
        if turn is not None:
            made.append(turn)
    return tuple(made)


def _turn(item: Json, path: str, names: dict[str, str]) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "message":
        role = fields.text(item, "role", f"{path}.")
        known = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
        if role not in known:
            raise BadField(f"{path}.role", "value", expected=", ".join(known), got=role)
        return Turn(known[role], chat_request.text_of(item.get("content"), f"{path}.content"))
    if kind == "function_call":
        name = fields.text(item, "name", f"{path}.")
        names[fields.text(item, "call_id", f"{path}.")] = name
        return Turn("assistant", "", (ToolCall(name, fields.text(item, "arguments", f"{path}.")),))
    if kind == "function_call_output":
        called = fields.text(item, "call_id", f"{path}.")
        if called not in names:
            raise WireError(
                400, f"No tool call found for function call output with call_id {called}.", param="input"
            )
        return Turn("tool", chat_request.text_of(item.get("output"), f"{path}.output"), (), names[called])
    return None


def _tools(body: Json) -> tuple[Tool, ...]:
    made = []
    for at, item in enumerate(fields.items(body, "tools")):
        tool = fields.record(item, f"tools[{at}]")
        if tool.get("type") == "function":
            made.append(chat_request.function(tool, f"tools[{at}]."))
            if tool.get("strict") is True:
                openai_chat.strict(made[-1].schema, f"function '{made[-1].name}'", f"tools[{at}].parameters")
    return tuple(made)


def after(frames: tuple[Frame, ...], sequence: int) -> tuple[Frame, ...]:
    """The events later than a sequence number, for a stream that is taken up again."""
    return frames[max(0, sequence + 1) :]


def joined(ask: Ask, turns: tuple[Turn, ...]) -> Ask:
    """The request with the turns of the response that it follows put first."""
    return replace(ask, turns=(*turns, *ask.turns))
