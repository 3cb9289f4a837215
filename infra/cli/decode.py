"""`chatsmart decode`: recorded provider replies as JSON lines in, what they mean as JSON lines out.

It reads with the very readers of the live path (`shared/adapters/llm`), so a reply that decodes here is understood
there. Rules of the output: text is the answer alone; `usage.input` and `usage.output` count everything read and
everything billed as output; a failed or broken-off exchange has `finish` "error", its `error`, the text that had come
and no tool call, because half a call must not be run.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import IO, Any

from shared.adapters.llm.wires import WIRES
from shared.core.answer import Answer
from shared.core.chunk import Completion
from shared.core.faults import ProviderFault
from shared.core.usage import Usage

Json = dict[str, Any]
_ALSO = {"openrouter": "openai-chat"}
"""Names under which recordings are filed, beside the wires'."""


class UnreadableLine(ValueError):
    """A line of the input that is no exchange; the message says why."""


def decode_line(row: Mapping[str, Any]) -> Json:
    """One exchange with what it means: `row`, then text, tool_calls, finish, usage and error.

    `row` has `wire`, `status`, `headers` and `body`, or the last three under `response`. Raises UnreadableLine.
    """
    inner = row.get("response")
    reply: Mapping[str, Any] = {**inner, **row} if isinstance(inner, Mapping) else row
    wire = WIRES.get(_ALSO.get(str(row.get("wire")), str(row.get("wire"))))
    if wire is None:
        raise UnreadableLine(f"'wire' must be one of {', '.join(WIRES)}, not {row.get('wire')!r}.")
    status = _status(reply.get("status"))
    reader = wire.reader(status, _headers(reply.get("headers")))
    answer = Answer()
    fault: ProviderFault | None = None
    try:
        for chunk in reader.feed(_body(reply.get("body"))):
            answer.add(chunk)
        for chunk in reader.end():
            answer.add(chunk)
        fault = reader.fault
    except ProviderFault as raised:
        fault = raised
    return {**row, **_meaning(answer.completion(), fault, status)}


def _status(value: Any) -> int:
    if value is None:
        return 200
    if isinstance(value, bool) or not str(value).isdigit():
        raise UnreadableLine(f"'status' must be an HTTP status, not {value!r}.")
    return int(value)


def _headers(value: Any) -> Mapping[str, str]:
    pairs: Iterable[Any] = value.items() if isinstance(value, Mapping) else value or ()
    try:
        return {
            str(key): ", ".join(map(str, held)) if isinstance(held, list) else str(held)
            for key, held in pairs
        }
    except (TypeError, ValueError):
        raise UnreadableLine("'headers' must be an object of strings.") from None


def _body(value: Any) -> bytes:
    if value is None:
        raise UnreadableLine("'body' is missing.")
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


def _meaning(answer: Completion, fault: ProviderFault | None, status: int) -> Json:
    calls = (
        []
        if fault
        else [{"name": call.name, "arguments": parsed(call.arguments)} for call in answer.tool_calls]
    )
    return {
        "text": answer.text,
        "tool_calls": calls,
        "finish": "error" if fault else answer.finish,
        "usage": None if answer.usage is None else _usage(answer.usage),
        "error": None if fault is None else _error(fault, status),
    }


def parsed(arguments: str) -> Any:
    """A call's arguments as JSON; nothing is `{}`, and text that is no JSON stays text."""
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return arguments
    return {} if value is None else value


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _usage(usage: Usage) -> Json:
    return {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
    }


def _error(fault: ProviderFault, status: int) -> Json:
    return {
        "status": fault.provider_status or status,
        "code": fault.provider_code or fault.code,
        "message": fault.message,
    }


def _unreadable(row: Mapping[str, Any], message: str) -> Json:
    error = {"status": None, "code": "unreadable_line", "message": message}
    return {**row, "text": "", "tool_calls": [], "finish": "error", "usage": None, "error": error}


def _answer(line: bytes) -> tuple[Json, bool]:
    """The output for one line, and whether the line could be read."""
    try:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
    except RecursionError:
        return _unreadable({}, "The line is nested too deeply."), False
    except ValueError as error:
        return _unreadable({}, f"The line is no JSON: {error}"), False
    if not isinstance(row, dict):
        return _unreadable({}, "The line is no JSON object."), False
    try:
        return decode_line(row), True
    except UnreadableLine as error:
        return _unreadable(row, str(error)), False


def main(stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Decode every line; 1 where some line was no exchange, else 0. Lines end with LF alone: text can hold others."""
    source = sys.stdin.buffer if stdin is None else stdin
    target = sys.stdout.buffer if stdout is None else stdout
    code = 0
    for line in source:
        if not line.strip():
            continue
        answer, readable = _answer(line)
        code = code if readable else 1
        # Escaped to ASCII: a lone surrogate in what is echoed has no UTF-8.
        target.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
    target.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
