"""`chatsmart redact`: texts and streams without what must not leave the house, as the live path hides it."""

from collections.abc import Mapping
from typing import IO, Any

from infra.cli import filter as lines
from shared.guard.redact.engine import ALL, redact
from shared.guard.redact.names import Names
from shared.guard.redact.stream import StreamRedactor


def whole(row: Mapping[str, Any]) -> lines.Json:
    """`redacted` and `spans` of `text`."""
    found = redact(lines.text(row, "text"), ALL, Names())
    spans = [{"start": span.start, "end": span.end, "type": span.type} for span in found.spans]
    return {"redacted": found.text, "spans": spans}


def stream(row: Mapping[str, Any]) -> lines.Json:
    """`emitted` for `chunks`: what left after each, and behind them what left at the end."""
    chunks = row.get("chunks")
    if not isinstance(chunks, list) or not all(isinstance(chunk, str) for chunk in chunks):
        raise lines.UnreadableLine("'chunks' must be a list of texts.")
    redactor = StreamRedactor(ALL, Names())
    return {"emitted": [*(redactor.feed(chunk) for chunk in chunks), redactor.flush()]}


def main(streamed: bool, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Redact every line; 1 where some line could not be read."""
    if streamed:
        return lines.run(stream, {"emitted": None}, stdin, stdout)
    return lines.run(whole, {"redacted": None, "spans": None}, stdin, stdout)
