"""A breaker's rules, one by one."""

import math

import pytest

from shared.models.breaker import ASIDE, RULES, WELL, Breaker, Mark, mark_of, scatter
from shared.models.figures import ENOUGH, KEPT, MINUTE, Minutes, bucket, counted, middle, tell
from shared.models.picture import NO_TURNS, Picture, Turns
from shared.ports.health import Report

NOW = 1_763_726_400_000


def mark(
    fault: str, retry_after: float | None = None, *, provider: str = "openai", unreachable: bool = False
) -> Mark:
    return mark_of(Report("m", provider, fault, retry_after, unreachable=unreachable))


DOWN, SILENT, DENIED = mark("provider_overloaded"), mark("provider_timeout"), mark("provider_unauthorised")


def hear(*marks: Mark, at: int = NOW) -> Breaker:
    breaker = Breaker()
    for number, one in enumerate(marks):
        breaker.hear(one, at + number)
    return breaker


def opened_for(breaker: Breaker, at: int) -> float:
    return (breaker.until - at) / scatter(at)


def test_three_faults_in_a_row_open_it() -> None:
    """Two do not, nor do three with a success between."""
    assert not hear(DOWN, DOWN).until
    assert not hear(DOWN, DOWN, WELL, DOWN).until
    breaker = hear(DOWN, DOWN, DOWN)
    assert opened_for(breaker, NOW + 2) == pytest.approx(RULES.first, abs=2)
    assert breaker.why


def test_a_timeout_counts_double() -> None:
    """One alone does not open it; the second does, and so does one beside another fault."""
    assert not hear(SILENT).until
    assert hear(SILENT, SILENT).until
    assert hear(SILENT, DOWN).until


def test_half_of_the_recent_calls_open_it() -> None:
    """At least six calls, within half a minute, however successes lie between."""
    assert not hear(DOWN, WELL, DOWN, WELL, DOWN).until
    assert hear(DOWN, WELL, DOWN, WELL, WELL, DOWN).until
    assert not hear(DOWN, WELL, DOWN, WELL, WELL, WELL, WELL, WELL, DOWN).until
    late = hear(DOWN, WELL, DOWN, WELL, WELL)
    late.hear(DOWN, NOW + RULES.window + RULES.slot)
    assert not late.until


@pytest.mark.parametrize(
    "code", ["content_refused", "provider_rejected", "caller_left", "outrun", "anything"]
)
def test_what_is_no_fault_of_the_model_does_not_count(code: str) -> None:
    """However often it comes, and it does not end a row of faults either."""
    assert mark(code) == ASIDE
    assert not hear(*[mark(code)] * 20).until
    assert hear(DOWN, mark(code), DOWN, mark(code), DOWN).until


@pytest.mark.parametrize(
    ("asked", "seconds"), [(7.5, 7.5), (0.0, 1), (0.2, 1), (86_400.0, 600), (math.inf, 600)]
)
def test_a_providers_wish_to_wait_is_kept_to(asked: float, seconds: float) -> None:
    """To the millisecond, from a second to ten minutes, after one fault."""
    assert hear(mark("provider_throttled", asked)).until == NOW + seconds * 1000


@pytest.mark.parametrize("asked", [None, -1.0, math.nan])
def test_without_a_sane_wish_it_is_two_seconds(asked: float | None) -> None:
    """Scattered as all of our own waits."""
    breaker = hear(mark("provider_throttled", asked))
    assert opened_for(breaker, NOW) == pytest.approx(RULES.throttled, abs=2)


def test_a_longer_wish_counts_while_it_is_open() -> None:
    """Of calls that were under way; a shorter one, or another fault, changes nothing."""
    breaker = hear(mark("provider_throttled", 10.0))
    breaker.hear(mark("provider_throttled", 20.0), NOW + 5)
    assert breaker.until == NOW + 5 + 20_000
    for one in (mark("provider_throttled", 3.0), DOWN, SILENT):
        breaker.hear(one, NOW + 6)
        assert breaker.until == NOW + 5 + 20_000


def test_a_cold_pool_is_left_alone_for_ten_seconds_at_once() -> None:
    """And again after each look, no longer: it is starting, not failing."""
    cold = mark("provider_overloaded", provider="llama")
    breaker = hear(cold)
    assert breaker.until == NOW + RULES.cold
    for number in range(1, 4):
        at = NOW + number * 20_000
        breaker.hear(cold, at, breaker.take(at))
        assert breaker.until == at + RULES.cold


def test_open_times_double_to_a_minute() -> None:
    """With each probe that fails; the first success starts them anew."""
    breaker, at, lengths = hear(DOWN, DOWN, DOWN), NOW + 2, []
    for _ in range(6):
        lengths.append(round(opened_for(breaker, at) / 1000))
        at = breaker.until
        breaker.hear(DOWN, at, breaker.take(at))
    assert lengths == [5, 10, 20, 40, 60, 60]
    breaker.hear(WELL, breaker.until, breaker.take(breaker.until))
    assert not breaker.until
    for _ in range(3):
        breaker.hear(DOWN, at)
    assert opened_for(breaker, at) == pytest.approx(RULES.first, abs=2)


def test_only_its_probe_closes_it() -> None:
    """A call that began before it opened proves nothing; nor does a probe of an opening before."""
    breaker = hear(DOWN, DOWN, DOWN)
    breaker.hear(WELL, NOW + 10)
    assert breaker.until
    assert not breaker.due(NOW + 10)
    first = breaker.take(breaker.until)
    breaker.hear(DOWN, breaker.until, first)
    breaker.hear(WELL, breaker.until, first)
    assert breaker.until
    breaker.hear(WELL, breaker.until, breaker.take(breaker.until))
    assert not breaker.until


def test_a_probe_that_nobody_reported_on_is_free_again() -> None:
    """Its process may be dead; and where it was only slow, its success closes the breaker all the same."""
    breaker = hear(DOWN, DOWN, DOWN)
    at = breaker.until
    slow = breaker.take(at)
    assert not breaker.due(at + RULES.probe - 1)
    assert breaker.due(at + RULES.probe)
    breaker.take(at + RULES.probe)
    breaker.hear(DOWN, at + RULES.probe + 1, slow)  # says nothing of the one that took its place
    assert breaker.until == at
    breaker.hear(WELL, at + RULES.probe + 2, slow)
    assert not breaker.until


def test_a_probe_that_was_set_aside_is_free_at_once() -> None:
    """A caller that left, or a hedge that was outrun, has found nothing out."""
    breaker = hear(DOWN, DOWN, DOWN)
    at = breaker.until
    breaker.hear(ASIDE, at + 1, breaker.take(at))
    assert breaker.due(at + 1)


def test_a_wrong_credential_opens_the_provider_at_the_first_fault() -> None:
    """For a minute: no other model of it is asked with that key."""
    picture = Picture()
    picture.hear("a", "p", DENIED, NOW)
    assert picture.standing("b", "p", lambda: NOW).state == "open"
    assert picture.standing("c", "q", lambda: NOW).state == "closed"
    assert opened_for(picture.providers["p"], NOW) == pytest.approx(RULES.unauthorised, abs=2)


def test_one_model_denied_is_not_the_provider_denied() -> None:
    """Where another model just answered the credential is known; the second model denied says otherwise."""
    picture = Picture()
    picture.hear("a", "p", WELL, NOW)
    picture.hear("b", "p", DENIED, NOW + 1)
    assert picture.standing("b", "p", lambda: NOW + 1).state == "open"
    assert picture.standing("a", "p", lambda: NOW + 1).state == "closed"
    picture.hear("a", "p", DENIED, NOW + 2)
    assert picture.standing("c", "p", lambda: NOW + 2).state == "open"


def test_two_models_out_of_reach_open_the_provider() -> None:
    """One model's trouble is its own; an answer of any model starts the count anew."""
    gone = mark("provider_overloaded", unreachable=True)
    picture = Picture()
    for model, one in (("a", gone), ("a", gone), ("c", WELL), ("b", gone)):
        picture.hear(model, "p", one, NOW)
    assert picture.standing("c", "p", lambda: NOW).state == "closed"
    picture.hear("a", "p", gone, NOW)
    assert picture.standing("c", "p", lambda: NOW).state == "open"
    assert "p can't be reached" in picture.standing("c", "p", lambda: NOW).why


def test_a_probe_takes_model_and_provider_together() -> None:
    """Or neither: while one of the two is not due nobody may ask, and its success closes both."""
    picture = Picture()
    picture.hear("a", "p", mark("provider_throttled", 100.0), NOW)
    picture.hear("b", "p", DENIED, NOW)
    soon = picture.providers["p"].until
    assert picture.take("a", "p", soon) is None
    turns = picture.take("a", "p", NOW + 100_000)
    assert turns is not None
    assert all(turns)
    assert picture.take("c", "p", NOW + 100_000) is None
    assert picture.standing("c", "p", lambda: NOW + 100_001).state == "probing"
    picture.hear("a", "p", WELL, NOW + 100_002, turns)
    for model in ("a", "c"):
        assert picture.standing(model, "p", lambda: NOW + 100_003).state == "closed"
    assert picture.take("a", "p", NOW) == NO_TURNS == Turns(0, 0)


def test_buckets_are_narrow_and_reach_from_10_ms_to_two_minutes() -> None:
    """The time that stands for a bucket is within 8 % of any in it."""
    for ms in range(10, 120_000, 37):
        assert abs(middle(bucket(ms)) - ms) <= max(0.08 * ms, 1)
    assert bucket(0) == bucket(3) == 0
    assert bucket(10**9) == bucket(119_000)


def test_percentiles_need_enough_samples() -> None:
    """Nineteen say nothing; of a hundred, the middle and the ninety-fifth."""
    minutes = Minutes()

    def see(ms: int, times: int) -> None:
        minutes.add(dict.fromkeys(counted("m", WELL, ms), times), NOW)

    see(100, ENOUGH - 1)
    assert tell(minutes.total(NOW))["m"].p50 is None
    see(100, 75)
    see(5_000, 6)
    found = tell(minutes.total(NOW))["m"]
    assert (found.p50, found.p95) == (middle(bucket(100)), middle(bucket(5_000)))
    assert (found.calls, found.failures) == (100, 0)


def test_old_minutes_are_forgotten() -> None:
    """Calls after five, first tokens after ten."""
    minutes = Minutes()
    minutes.add({"m c": 3, "m f": 2, "m 20": 30}, NOW)
    for passed, calls, known in ((4, 3, True), (5, 0, True), (KEPT - 1, 0, True), (KEPT, 0, False)):
        found = tell(minutes.total(NOW + passed * MINUTE)).get("m")
        assert (found.calls if found else 0, bool(found and found.p50)) == (calls, known), passed
