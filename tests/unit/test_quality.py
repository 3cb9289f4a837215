"""The quality table: a number for every model and kind of work, marked by where it comes from."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from shared.core.need import Work
from shared.core.usage import Usage
from shared.models.catalogue import MODELS
from shared.models.quality import PRIOR, Score, load, save
from shared.runtime.answer import usage_of, usage_row


def test_every_model_has_a_number_for_every_kind_of_work() -> None:
    """And until they are measured all of them say that they are a guess."""
    for spec in MODELS:
        for work in get_args(Work):
            cell = PRIOR.cell(spec.name, work)
            assert cell is not None, (spec.name, work)
            assert 0 < cell.score < 1
            assert cell.provenance == "prior"


def test_a_measured_number_replaces_the_guess_and_outlives_its_process(tmp_path: Path) -> None:
    """What the evaluation writes is what the next process reads; the rest of the table stands."""
    found = PRIOR.with_scores([Score("gpt-6-luna", "draft", 0.71, "eval", 120, date(2026, 11, 21))])
    path = tmp_path / "quality.json"
    save(found, path)
    again = load(path)
    assert again.of("gpt-6-luna", "draft") == 0.71
    assert again.cell("gpt-6-luna", "draft") == found.cell("gpt-6-luna", "draft")
    assert again.of("gpt-6-luna", "chat") == PRIOR.of("gpt-6-luna", "chat")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no JSON"),
        ('{"rows": 3}', "rows"),
        ('{"note": "", "rows": [{"model": "x"}]}', "row 1"),
        (
            '{"note": "", "rows": [{"model": "x", "work": "chat", "score": 2, "provenance": "eval", "n": 1,'
            ' "date": "2026-11-21"}]}',
            "score",
        ),
    ],
)
def test_a_bad_table_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    """The message names the file and what is wrong in it."""
    path = tmp_path / "quality.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="quality") as refused:
        load(path)
    assert why in str(refused.value)


def test_a_usage_comes_back_out_of_the_log_as_it_was() -> None:
    """Tiers and hour-long writes too: a borrowed answer keeps what it was billed as."""
    usage = Usage(input=10, cache_write=5, output=3, cache_write_1h=5, tier="fast+us")
    for found in (usage, replace(usage, tier=""), replace(usage, cache_write_1h=0), Usage(1, output=2)):
        assert usage_of(usage_row(found)) == found
