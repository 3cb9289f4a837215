"""`chatsmart fingerprint`: a prompt's canonical form and its name; equal prompts have equal names, on any machine."""

from collections.abc import Mapping
from typing import IO, Any

from infra.cli import filter as lines
from shared.recall.fingerprint import digest
from shared.recall.normalise import normalise


def named(row: Mapping[str, Any]) -> lines.Json:
    """`fingerprint`, 64 hex digits, and `normalised` for `text`."""
    found = normalise(lines.text(row, "text"))
    return {"fingerprint": digest(found), "normalised": found}


def main(stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Name every line; 1 where some line could not be read."""
    return lines.run(named, {"fingerprint": None, "normalised": None}, stdin, stdout)
