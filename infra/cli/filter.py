"""Filters for scripts: JSON lines on stdin to JSON lines on stdout, order kept, every field echoed."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

Json = dict[str, Any]


class UnreadableLine(ValueError):
    """A line of the input that can't be read; the message says why."""


def run(
    added: Callable[[Mapping[str, Any]], Json],
    blank: Json,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> int:
    """Put every line through: its own fields, then those that `added` gives. A line that can't be read gets `blank` and
    an `error`; the exit code is 1 then. Lines end with LF alone: text can hold other separators."""
    source = sys.stdin.buffer if stdin is None else stdin
    target = sys.stdout.buffer if stdout is None else stdout
    code = 0
    for line in source:
        if not line.strip():
            continue
        row: Json = {}
        try:
            row = _row(line)
            answer = {**row, **added(row)}
        except UnreadableLine as error:
            answer, code = {**row, **blank, "error": {"code": "unreadable_line", "message": str(error)}}, 1
        # Escaped to ASCII: a lone surrogate in what is echoed has no UTF-8.
        target.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
    target.flush()
    return code


def text(row: Mapping[str, Any], name: str) -> str:
    """A field that is a text. Raises UnreadableLine."""
    value = row.get(name)
    if not isinstance(value, str):
        raise UnreadableLine(f"'{name}' must be a text, not {type(value).__name__}.")
    return value


def _row(line: bytes) -> Json:
    try:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise UnreadableLine("The line is nested too deeply.") from None
    except ValueError as error:
        raise UnreadableLine(f"The line is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise UnreadableLine("The line is no JSON object.")
    return row
