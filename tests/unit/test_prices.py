"""Where prices come from, and how what the wires report of a call finds its price."""

import json
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.llm.wires import WIRES
from shared.core.answer import Answer
from shared.core.model_spec import ModelSpec
from shared.core.usage import Usage
from shared.models.catalogue import FLASH, GPT_SOL, LLAMA, MODELS, OPUS, SONAR_PRO
from shared.models.prices import BadPrices, GpuRate, overridden
from shared.runtime.answer import usage_of, usage_row
from tests.unit.web_engine import Engine

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def filed(path: Path, rows: Any) -> dict[str, ModelSpec]:
    """The models by name, as a price file with these rows has them."""
    file = path / "prices.json"
    file.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return {spec.name: spec for spec in overridden(MODELS, file)}


def test_a_file_replaces_the_rows_of_the_models_it_names(tmp_path: Path) -> None:
    """Theirs alone; what a file has no word for, tiers and searches, is as the catalogue says."""
    rows = [
        {"input": 1, "output": "2.5", "cache_write_1h": 3, "until": "2026-12-01T00:00:00Z"},
        {"input": 2, "output": 5, "search": "0.5", "since": "2026-12-01"},
    ]
    found = filed(tmp_path, {"gemini-3.8-flash": rows, "claude-opus-5-5": rows[:1]})
    before, after = found["gemini-3.8-flash"].prices
    assert (before.output, before.search, after.search) == (D("2.5"), D("0.014"), D("0.5"))
    assert found["gemini-3.8-flash"].cost(Usage(input=10), datetime(2026, 12, 1, tzinfo=UTC)) == 20
    assert found["claude-opus-5-5"].cost(Usage(input=10, tier="fast"), NOW) == 20
    with pytest.raises(LookupError):
        found["claude-opus-5-5"].cost(Usage(input=10), datetime(2026, 12, 1, tzinfo=UTC))
    assert found["gpt-6.1-sol"] == GPT_SOL


@pytest.mark.parametrize(("request_fee", "known"), [("0.006", True), ("0.007", False)])
def test_a_files_own_request_fee_says_nothing_of_larger_contexts(
    tmp_path: Path, request_fee: str, known: bool
) -> None:
    """Those of the catalogue hold only beside the catalogue's fee; else they are unknown."""
    spec = filed(tmp_path, {"sonar-pro": [{"input": 3, "output": 15, "request": request_fee}]})["sonar-pro"]
    usage = Usage(search_context="high")
    if known:
        assert spec.cost(usage, NOW) == 14_000
    else:
        with pytest.raises(LookupError, match="high"):
            spec.cost(usage, NOW)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("{", "no JSON"),
        ([], "one JSON object"),
        ({"gpt-99": [{"input": 1, "output": 1}]}, "gpt-99"),
        ({"sonar": []}, "'sonar' must have a list"),
        ({"sonar": [{"input": 1}]}, "sonar, row 1: 'output' is missing"),
        ({"sonar": [{"input": -1, "output": 1}]}, "row 1: 'input' must be"),
        ({"sonar": [{"input": "NaN", "output": 1}]}, "row 1: 'input' must be"),
        ({"sonar": [{"input": True, "output": 1}]}, "row 1: 'input' must be"),
        ({"sonar": [{"input": 1, "output": 1, "outptu": 2}]}, "no field 'outptu'"),
        ({"sonar": [{"input": 1, "output": 1, "since": "soon"}]}, "'since' must be a date"),
        ({"sonar": [{"input": 1, "output": 1, "cliff": {"above": 5}}]}, "'cliff' must have"),
        ({"sonar": [{"input": 1, "output": 1}] * 2}, "row 2: 'since' lies within row 1"),
        (
            {"sonar": [{"input": 1, "output": 1, "since": "2026-12-01", "until": "2026-12-01"}]},
            "row 1: 'until' must be later",
        ),
    ],
)
def test_a_bad_file_is_refused_by_row_and_field(tmp_path: Path, rows: Any, told: str) -> None:
    """Whoever wrote it finds the place."""
    with pytest.raises(BadPrices, match=told) as found:
        filed(tmp_path, rows)
    assert "prices.json" in str(found.value)


def test_gpu_seconds_become_a_price() -> None:
    """Dollars an hour over tokens an hour, dearer where the GPU waits, and never rounded down."""
    whole = GpuRate(D(36), D(10_000), D(1_000)).price()
    assert (whole.input, whole.output, whole.cache_read) == (D(1), D(10), D(0))
    assert GpuRate(D(36), D(10_000), D(1_000), busy=D("0.5")).price().output == D(20)
    assert GpuRate(D(1), D(7_000), D(7_000)).price().input >= D(1_000_000) / D(3600 * 7_000)
    assert "estimated" in LLAMA.prices[0].source


@pytest.mark.parametrize(
    ("spec", "usage", "what"),
    [
        (OPUS, Usage(searches=1), "search"),
        (GPT_SOL, Usage(input=5, cache_write=5, cache_write_1h=5), "hour"),
        (GPT_SOL, Usage(input=5, tier="priority"), "priority"),
        (SONAR_PRO, Usage(search_context="boundless"), "boundless"),
    ],
)
def test_what_has_no_price_is_never_free(spec: ModelSpec, usage: Usage, what: str) -> None:
    """One thing without a price makes the whole call unpriced."""
    with pytest.raises(LookupError, match=what):
        spec.cost(usage, NOW)


def heard(wire: str, body: Any) -> Usage:
    """The usage that a whole answer reports."""
    reader, answer = WIRES[wire].reader(200, {"content-type": "application/json"}), Answer()
    for chunk in [*reader.feed(json.dumps(body).encode()), *reader.end()]:
        answer.add(chunk)
    usage = answer.completion().usage
    assert usage is not None
    return usage


CHOICE = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("wire", "body", "tier", "context"),
    [
        (
            "openai-responses",
            {"status": "completed", "output": [], "service_tier": "priority"},
            "priority",
            "",
        ),
        ("openai-responses", {"status": "completed", "output": [], "service_tier": "default"}, "", ""),
        ("openai-chat", {"choices": [CHOICE], "service_tier": "flex"}, "flex", ""),
        ("perplexity", {"choices": [CHOICE], "usage": {"search_context_size": "high"}}, "", "high"),
        ("perplexity", {"choices": [CHOICE], "usage": {"search_context_size": "low"}}, "", ""),
    ],
)
def test_wires_report_what_a_price_depends_on(wire: str, body: Any, tier: str, context: str) -> None:
    """Service tier and search context where they are not the usual; they outlive the log."""
    counts = {"input_tokens": 1, "output_tokens": 1} if wire == "openai-responses" else {"prompt_tokens": 1}
    usage = heard(wire, {"id": "r", **body, "usage": counts | body.get("usage", {})})
    assert (usage.tier, usage.search_context) == (tier, context)
    assert usage_of(usage_row(usage)) == usage


async def test_models_tell_what_they_can_do_and_cost() -> None:
    """In the list: abilities by name, today's price as decimals, null for a fee that nobody knows."""
    engine = Engine()
    async with engine.client() as client:
        rows = {row["id"]: row for row in (await client.get("/v1/models")).json()["data"]}
    assert "prefill" in rows[LLAMA.name]["abilities"]
    assert "prefill" not in rows[OPUS.name]["abilities"]
    assert D(rows[FLASH.name]["pricing"]["input"]) == FLASH.price(engine.clock.now()).input
    assert rows[OPUS.name]["pricing"]["search"] is None
    assert "pricing" not in rows["auto"]
