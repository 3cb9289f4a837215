"""The recorded provider exchanges, which live beside the repository and are not part of it."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[4] / "shared" / "recordings"
FILES = ("anthropic", "gemini", "openai-chat", "openai-responses", "openrouter")
WIRE_OF = {name: "openai-chat" if name == "openrouter" else name for name in FILES}
LEAST = {"anthropic": 128, "gemini": 100, "openai-chat": 82, "openai-responses": 109, "openrouter": 22}
"""Rows with an expected result, by file: fewer would mean that a comparison silently compares nothing."""

needed = pytest.mark.skipif(
    not HOME.is_dir(), reason=f"THE RECORDINGS ARE ABSENT: nothing at ../shared/{HOME.name} was compared"
)


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines.read().split(b"\n") if line]


@cache
def exchanges(name: str) -> tuple[dict[str, Any], ...]:
    """Every recorded exchange of a file."""
    return tuple(_rows(HOME / f"{name}.jsonl.gz"))


@cache
def expected(name: str) -> dict[str, dict[str, Any]]:
    """By id, what the provider's own client library makes of the reply."""
    return {row["id"]: row["expected"] for row in _rows(HOME / "expected" / f"{name}.jsonl.gz")}


def streams() -> list[tuple[str, dict[str, Any]]]:
    """Every recorded stream with its wire's name."""
    if not HOME.is_dir():
        return []
    return [
        (WIRE_OF[name], row)
        for name in FILES
        for row in exchanges(name)
        if "event-stream" in row["response"]["headers"].get("content-type", "")
    ]
