"""How much of the corpus is found, and how little of the rest is touched."""

from collections import defaultdict

import pytest

from shared.guard.redact.engine import find
from shared.guard.redact.national import RULES
from tests.redact_lines.clean import clean
from tests.redact_lines.lines import Line, lines
from tests.redact_lines.values import NATIONAL

LEAST = {"PHONE": 0.97, "NATIONAL_ID": 0.97, "PASSPORT": 0.97}
FIXED = 0.995
SLACK = 2
"""Code points that a find may have beyond the identifier: a mark of the sentence."""


def covered(line: Line) -> bool:
    """Whether the identifier is found, whole, by its type, and little else."""
    return any(
        span.type == line.type
        and span.start <= line.start
        and line.end <= span.end <= line.end + SLACK
        and line.start - span.start <= SLACK
        for span in find(line.text)
    )


def test_the_corpus_is_as_large_as_it_must_be() -> None:
    """At least 600 lines to redact over 40 countries, and 400 to leave alone."""
    assert len(lines()) >= 600
    assert len(clean()) >= 400
    assert len(NATIONAL) >= 39


@pytest.mark.parametrize("type_", sorted({line.type for line in lines()}))
def test_what_is_written_plainly_is_found(type_: str) -> None:
    """99.5 of 100 where a form or a check is fixed, 97 of 100 telephone, passport and national numbers."""
    mine = [line for line in lines() if line.type == type_ and line.way == "plain"]
    missed = [line.text for line in mine if not covered(line)]
    assert 1 - len(missed) / len(mine) >= LEAST.get(type_, FIXED), missed


def test_every_disguise_is_seen_through() -> None:
    """All that is disguised is found."""
    missed = [(line.way, line.text) for line in lines() if line.way != "plain" and not covered(line)]
    assert not missed


def test_clean_lines_are_left_alone() -> None:
    """At most one of 100 lines without an identifier is touched."""
    touched = [text for text in clean() if find(text)]
    assert len(touched) / len(clean()) <= 0.01, touched


def test_each_country_has_an_example_that_holds() -> None:
    """Every country with a rule has public examples in the corpus, and each of them is found."""
    by_country: dict[str, list[str]] = defaultdict(list)
    for country, (codes, words) in NATIONAL.items():
        by_country[country] += [code for code in codes if not find(f"{words[0]} {code}")]
    assert not {country: codes for country, codes in by_country.items() if codes}
    assert {rule.country for rules in RULES.values() for rule in rules} - set(NATIONAL) <= {"RU"}
