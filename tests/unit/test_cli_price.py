"""What `chatsmart price` says of calls: to the micro-dollar of their day, or that they have no price."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from infra.cli import price
from infra.cli.trouble import Trouble

NOW = "2026-11-21T12:00:00Z"


def cost(**row: Any) -> dict[str, Any]:
    """What one line is answered with."""
    target = io.BytesIO()
    price.main(io.BytesIO(json.dumps(row).encode() + b"\n"), target)
    found: dict[str, Any] = json.loads(target.getvalue())
    return found


@pytest.mark.parametrize(
    ("model", "at", "usage", "micros"),
    [
        ("gpt-6-luna", NOW, {"input": 1_000_000, "output": 0}, 200_000),  # over 272,000 tokens: twice
        ("gpt-6-luna", NOW, {"input": 272_000, "output": 1000}, 27_700),
        ("gpt-6-luna", NOW, {"input": 272_001, "output": 1000}, 55_150),
        ("claude-haiku-5-5", NOW, {"input": 100_000, "output": 1000}, 10_500),
        ("claude-haiku-5-5", NOW, {"input": 100_001, "output": 1000}, 52_501),
        ("gemini-4-argon", "2026-11-30T23:59:59Z", {"input": 1000, "output": 1000}, 12_000),
        ("gemini-4-argon", "2026-12-01T00:00:00Z", {"input": 1000, "output": 1000}, 24_000),
        ("gemini-3.8-flash", "2027-01-01T00:00:00+00:00", {"input": 1000, "output": 1000}, 9_000),
        ("claude-opus-5-5", NOW, {"input": 1000, "cache_read": 400, "cache_write": 600, "output": 0}, 3_080),
        (
            "claude-opus-5-5",
            NOW,
            {"input": 600, "cache_write": 600, "cache_write_1h": 600, "output": 0},
            4_800,
        ),
        ("claude-opus-5-5", NOW, {"input": 1000, "output": 1000, "reasoning": 900}, 24_000),
        ("claude-opus-5-5", NOW, {"input": 1000, "output": 1000, "tier": "fast+us"}, 52_800),
        ("sonar", NOW, {"input": 1000, "output": 1000}, 7_000),
        ("sonar-pro", NOW, {"input": 1000, "output": 1000, "requests": 3}, 36_000),
        ("sonar", NOW, {"input": 1, "output": 1, "cost_micros": 1234}, 1234),
        ("sonar", NOW, {"input": 1000, "output": 1000, "search_context_size": "low", "searches": 9}, 7_000),
        ("sonar", NOW, {"input": 1000, "output": 1000, "search_context_size": "medium"}, 10_000),
        ("sonar-pro", NOW, {"input": 0, "output": 0, "search_context": "high", "requests": 2}, 28_000),
        ("claude-opus-5-5", NOW, {"input": 1000, "speed": "fast", "inference_geo": "us"}, 8_800),
        ("gpt-6-luna", NOW, {"input": 1000, "service_tier": "default", "geo": "eu"}, 110),
        ("gemini-3.5-flash-lite", "2027-07-20T23:59:59Z", {"input": 1000, "output": 0}, 300),
        ("gpt-6-luna", "2026-11-21t12:00:00z", {"input": 10, "input_tokens": 10, "total_tokens": 10}, 1),
        ("gemini-3.8-flash", NOW, {"input": 0, "output": 0, "searches": 2}, 28_000),
        ("gpt-6.1-sol", NOW, {"input_tokens": 1000, "cache_read_tokens": 500, "output_tokens": 10}, 1_150),
    ],
)
def test_a_call_costs_what_its_day_says(model: str, at: str, usage: dict[str, int], micros: int) -> None:
    """Cliffs, dates, cache reads and writes, thinking, tiers, fees, and the provider's own figure."""
    assert cost(model=model, at=at, usage=usage)["cost_micros"] == micros


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"model": "gpt-99", "at": NOW, "usage": {"input": 1}}, "gpt-99"),
        ({"model": "gpt-6-luna", "at": "1999-01-01T00:00:00Z", "usage": {"input": 1}}, "no price at 1999"),
        ({"model": "gpt-6-luna", "at": NOW, "usage": {"input": 1, "tier": "priority"}}, "priority"),
        ({"model": "gpt-6-luna", "at": NOW, "usage": {"input": 1, "service_tier": "flex"}}, "flex"),
        (
            {"model": "gemini-3.5-flash-lite", "at": "2027-07-21T00:00:00Z", "usage": {"input": 1}},
            "no price at",
        ),
        ({"model": "claude-opus-5-5", "at": NOW, "usage": {"input": 1, "searches": 1}}, "a search"),
        (
            {"model": "gpt-6.1-sol", "at": NOW, "usage": {"input": 9, "cache_write": 9, "cache_write_1h": 9}},
            "an hour",
        ),
        ({"model": "gpt-6.1-sol", "at": NOW, "usage": {"input": 9, "cache_write_12h": 9}}, "cache_write_12h"),
        ({"model": "gpt-6.1-sol", "at": NOW, "usage": {"input": 9, "audio_tokens": 9}}, "audio_tokens"),
        ({"model": "sonar", "at": NOW, "usage": {"input": 9, "search_context": "huge"}}, "huge"),
        ({"model": "sonar", "at": NOW, "usage": None}, "No usage"),
    ],
)
def test_what_is_unknown_is_unpriced_and_never_nothing(row: dict[str, Any], why: str) -> None:
    """An unknown model, day or tier, and whatever else was used that has no price."""
    found = cost(**row)
    assert found["unpriced"] is True
    assert why in found["reason"]
    assert "cost_micros" not in found


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"model": "sonar", "at": "soon", "usage": {}}, "'at'"),
        ({"model": "sonar", "at": "2026-11-21", "usage": {}}, "'at'"),
        ({"model": "sonar", "at": "2026-11-21T12:00:00", "usage": {}}, "'at'"),
        ({"model": "sonar", "at": NOW, "usage": {"input": 1, "input_tokens": 2}}, "two things"),
        ({"model": "sonar", "at": NOW, "usage": {"input": 1, "tier": 5}}, "usage.tier"),
        ({"model": "sonar", "at": NOW, "usage": {"input": -1}}, "usage.input"),
        ({"model": "sonar", "at": NOW, "usage": {"input": 1.5}}, "usage.input"),
        ({"model": "sonar", "at": NOW, "usage": {"input": True}}, "usage.input"),
        ({"model": "sonar", "at": NOW, "usage": {"input": 1, "cache_read": 2}}, "more cache than"),
        ({"model": "sonar", "at": NOW, "usage": {"output": 1, "reasoning": 2}}, "larger than its whole"),
        ({"model": "sonar", "at": NOW, "usage": [1]}, "'usage'"),
        ({"model": 3, "at": NOW, "usage": {}}, "'model'"),
    ],
)
def test_nonsense_is_named(row: dict[str, Any], why: str) -> None:
    """The line is answered with what is wrong with it."""
    assert why in cost(**row)["error"]["message"]


def test_a_price_file_replaces_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by CHATSMART_PRICES; one that can't be used is refused by name, row and field."""
    path = tmp_path / "prices.json"
    path.write_text('{"sonar": [{"input": "7", "output": "9"}]}')
    monkeypatch.setenv("CHATSMART_PRICES", str(path))
    assert cost(model="sonar", at=NOW, usage={"input": 1000, "output": 1000})["cost_micros"] == 16_000
    price.listed("2026-11-21", as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(row for row in rows if row["model"] == "sonar")["input"] == "7"
    path.write_text('{"sonar": [{"input": "seven", "output": "9"}]}')
    with pytest.raises(Trouble, match="sonar, row 1"):
        price.listed(None, as_json=False)


def test_the_book_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """A line a model, with what to look out for."""
    price.listed("2026-11-21", as_json=False)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 15
    assert "llama-3.1-8b" in out
    assert "over 100000 tokens of input: 5x in, 5x out" in out
    assert "until 2026-12-01" in out
