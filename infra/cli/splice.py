"""`chatsmart splice`: what readers had and what the next model wrote, joined as the live path joins them."""

from collections.abc import Mapping
from typing import IO, Any

from infra.cli import filter as lines
from shared.models.splice import joined


def spliced(row: Mapping[str, Any]) -> lines.Json:
    """`joined` and `how` for `sent` and `continuation`."""
    found = joined(lines.text(row, "sent"), lines.text(row, "continuation"))
    return {"joined": found.text, "how": found.how}


def main(stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Join every line; 1 where some line could not be read."""
    return lines.run(spliced, {"joined": None, "how": None}, stdin, stdout)
