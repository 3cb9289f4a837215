"""`chatsmart doctor --cost`: the bill of a month."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from functions.jobs.schedule import JOBS
from functions.sizes import JOB, WEB
from gpu import kinds
from gpu.cost import ANCHORS
from infra.cli.main import app
from infra.cost.book import BOOK
from infra.cost.deployed import Schedule, pools, schedules, turns
from infra.cost.month import SCENARIOS, month, per_document
from infra.cost.work import ARTICLE
from shared.models.catalogue import MODELS

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MONTH = 30 * 24 * 3600


def test_an_idle_month_costs_under_forty_dollars() -> None:
    """The figure that this design is held to, with what is deployed today; all of it has a price."""
    idle = month(0, MODELS, NOW)
    assert idle.total is not None
    assert 25 < idle.total < 40


@pytest.mark.parametrize("documents", SCENARIOS)
def test_the_lines_add_up(documents: int) -> None:
    """The total is the sum of the lines, exactly."""
    one = month(documents, MODELS, NOW)
    assert one.total == one.known == sum(line.dollars or 0 for line in one.lines)
    assert all(line.why for line in one.lines)


def test_the_command_prints_what_was_computed() -> None:
    """As JSON the figures are exact text; each scenario's lines add up to its total there too."""
    done = CliRunner().invoke(app, ["doctor", "--cost", "--json"])
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    months = [row for row in rows if "documents" in row]
    assert [row["documents"] for row in months] == list(SCENARIOS)
    for row in months:
        assert sum(Decimal(line["dollars"]) for line in row["lines"]) == Decimal(row["total"])
    assert {row["rate"] for row in rows if "rate" in row} == {rate.name for rate in BOOK.rates()}
    assert all(row["source"] and row["on"] for row in rows if "rate" in row)
    assert not any(row["verified"] for row in rows if "rate" in row)


def test_the_page_says_why() -> None:
    """A person reads the turns and their seconds, what was assumed, and which price nobody verified."""
    text = CliRunner().invoke(app, ["doctor", "--cost"]).stdout
    assert "43,200 turns (* * * * *) of 7.6 s: 2 to boot, 3.6 to run, 2 idle" in text
    assert "simulated lengths" in text
    assert "UNVERIFIED" in text
    assert "An idle month" in text


def test_every_job_and_its_size_are_read_from_where_they_are_deployed() -> None:
    """A job more is a line more; a size changed changes its line."""
    assert [schedule.name for schedule in schedules()] == [job.name for job in JOBS]
    names = [line.name for line in month(0, MODELS, NOW).lines]
    assert [name for name in names if name.startswith("Modal, job")] == [
        f"Modal, job {job.name}" for job in JOBS
    ]
    web = next(line for line in month(10**6, MODELS, NOW).lines if line.name == "Modal, web")
    core, gib = BOOK.core_second.dollars, BOOK.gib_second.dollars
    assert core is not None
    assert gib is not None
    assert web.dollars == MONTH * (Decimal(str(WEB.cpu)) * core + Decimal(WEB.memory) / 1024 * gib)


def test_a_turns_price_is_its_seconds() -> None:
    """By hand: 7.6 seconds of half a GiB, and two seconds of a core, which are more than an eighth of 7.6."""
    (line,) = (
        line
        for line in month(0, MODELS, NOW, jobs=(Schedule("one", "0 0 * * *", 1),)).lines
        if line.name == "Modal, job one"
    )
    assert JOB.idle == 2
    assert line.dollars == 2 * Decimal("0.0000131") + Decimal("7.6") * Decimal("0.5") * Decimal("0.00000222")


@pytest.mark.parametrize("name", ["core_second", "supabase_pro", "redis_commands", "redis_fixed"])
def test_a_price_that_nobody_knows_is_no_zero(name: str) -> None:
    """The line is unpriced, so is the total, and what is known is still added up."""
    book = replace(BOOK, **{name: replace(getattr(BOOK, name), dollars=None)})
    one = month(1_000, MODELS, NOW, book=book)
    assert one.total is None
    assert one.unpriced
    assert 0 < one.known < (month(1_000, MODELS, NOW).total or 0)


def test_a_model_without_a_price_is_unpriced() -> None:
    """One that the catalogue lost, or that has no price on the day."""
    fewer = [spec for spec in MODELS if spec.name != ARTICLE[1].model]
    assert month(1, fewer, NOW).unpriced == (f"{ARTICLE[1].step}, {ARTICLE[1].model}",)
    assert per_document(fewer, NOW) is None
    assert month(0, fewer, NOW).total is not None
    ancient = datetime(1990, 1, 1, tzinfo=UTC)
    assert month(1, MODELS, ancient).total is None


def test_a_warm_container_is_paid_for_all_month() -> None:
    """It takes the idle month over forty dollars: that is why none is kept."""
    idle, warm = month(0, MODELS, NOW).known, month(0, MODELS, NOW, warm=1).known
    assert Decimal(20) < warm - idle < Decimal(25)
    assert warm > 40


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_documents_never_cost_less(one: int, other: int) -> None:
    """Whatever plan and container take them on."""
    few, many = sorted((one, other))
    assert month(few, MODELS, NOW).known <= month(many, MODELS, NOW).known


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        ("* * * * *", 43_200),
        ("*/5 * * * *", 8_640),
        ("15 2 * * *", 30),
        ("0,30 8-17 * * *", 600),
        ("10-20/5 * * * *", 2_160),
        ("5/20 0 * * *", 90),
        ("*/7 * * * *", 9 * 24 * 30),
    ],
)
def test_turns_are_counted(cron: str, found: int) -> None:
    """As cron fires, in 30 days."""
    assert turns(cron) == found


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "0 0 1 * *", "0 0 * * 1", "60 * * * *", "5-1 * * * *", "x * * * *"]
)
def test_a_schedule_that_can_not_be_counted_is_no_guess(cron: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"counted|range|invalid literal"):
        turns(cron)


def test_the_pool_is_priced_from_the_same_data() -> None:
    """Every kind that holds a model; asleep it costs nothing; both books say the same of a core and of memory."""
    assert [pool.kind for pool in pools()] == list(kinds.KINDS)
    assert all(pool.asleep == 0 < pool.burst < pool.awake and pool.models for pool in pools())
    assert {pool.kind for pool in pools() if pool.per_million is not None} == {
        anchor.kind for anchor in ANCHORS
    }
    assert BOOK.core_second.dollars == kinds.CORE_SECOND
    assert BOOK.gib_second.dollars == kinds.GIB_SECOND
