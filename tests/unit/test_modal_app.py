"""What the Modal App says of itself, without a cloud: the jobs of the table, and what is rebuilt after a snapshot."""

from typing import Any

import modal
import pytest

from functions import modal_app
from functions.cloud.fresh import Fresh
from functions.jobs.schedule import JOBS, Job, job
from functions.web.documents import WAIT_SECONDS
from shared.config import Settings
from shared.runtime.asking import DEADLINE


def function(name: str) -> "modal.Function[..., Any, Any]":
    found = getattr(modal_app, name)
    assert isinstance(found, modal.Function)
    return found


def test_every_job_has_its_function_and_no_other_function_a_schedule() -> None:
    """A job that is in the table alone would run on laptops only."""
    functions = {name: one for name, one in vars(modal_app).items() if isinstance(one, modal.Function)}
    scheduled = {name for name, one in functions.items() if one.info().schedule is not None}
    assert scheduled == {one.name for one in JOBS}


@pytest.mark.parametrize("one", JOBS, ids=lambda one: one.name)
def test_a_job_runs_as_the_table_says(one: Job) -> None:
    """Its schedule, and longer than its own limit, so that it ends by itself and can say so."""
    info = function(one.name).info()
    assert f"'{one.cron}'" in repr(info.schedule)
    assert info.timeout > one.limit
    assert info.max_retries == 2


def test_a_turn_is_over_before_the_next_but_one() -> None:
    """A minute's job that took an hour would hold all later turns back."""
    assert job("orphans").limit < 60
    assert all(one.limit < 900 for one in JOBS)


def test_the_worker_outlives_a_web_request_and_is_tried_again() -> None:
    """After the pause in which a document's last beat has gone stale."""
    info = function("write").info()
    assert (info.timeout, info.max_retries) == (900, 3)


def test_a_caller_that_waits_is_answered_before_modal_redirects() -> None:
    """After 150 seconds without a byte its edge answers 303, which browsers do not follow across origins."""
    assert WAIT_SECONDS < 150
    assert DEADLINE < 150


def test_nothing_is_pinned_to_a_region_nor_kept_from_preemption() -> None:
    """Each multiplies its price."""
    for name in ("write", *(one.name for one in JOBS)):
        info = function(name).info()
        assert not info.regions
        assert not info.nonpreemptible


def test_what_a_snapshot_holds_is_built_anew_only_where_settings_changed() -> None:
    """A secret that was rotated since must not live on in a snapshot; one that was not costs no time."""
    now = [Settings(redis_url="redis://one")]
    built: list[str] = []

    def make(settings: Settings) -> str:
        built.append(settings.redis_url)
        return settings.redis_url

    fresh = Fresh(make, lambda: now[0])
    fresh.freshen()
    assert (fresh.made, built) == ("redis://one", ["redis://one"])
    now[0] = Settings(redis_url="redis://two")
    fresh.freshen()
    fresh.freshen()
    assert (fresh.made, built) == ("redis://two", ["redis://one", "redis://two"])
