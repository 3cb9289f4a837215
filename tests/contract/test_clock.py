"""Both clocks and both makers of ids keep the port's promises."""

import pytest

from shared.adapters.clock import RandomIds, SystemClock
from shared.fakes.clock import CountingIds, FakeClock
from shared.ports.clock import Clock, Ids


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


@pytest.fixture(params=[RandomIds, CountingIds])
def ids(request: pytest.FixtureRequest) -> Ids:
    made: Ids = request.param()
    return made


def test_the_time_is_utc(clock: Clock) -> None:
    """A time without its zone would be read as local somewhere."""
    offset = clock.now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0


def test_time_does_not_run_back(clock: Clock) -> None:
    """A duration is never negative."""
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_a_fake_clock_moves_both_hands() -> None:
    """Wall time and durations pass together."""
    clock = FakeClock()
    wall, hand = clock.now(), clock.monotonic()
    clock.pass_(1.5)
    assert (clock.now() - wall).total_seconds() == clock.monotonic() - hand == 1.5


def test_later_ids_sort_later(ids: Ids) -> None:
    """Ids of version 7 sort by time, in hex as well."""
    made = [ids.uuid() for _ in range(2000)]
    assert all(one.version == 7 and one.variant == "specified in RFC 4122" for one in made)
    assert len(set(made)) == len(made)
    assert [one.hex for one in made] == sorted(one.hex for one in made)


def test_secrets_differ_and_are_long(ids: Ids) -> None:
    """32 bytes in URL-safe text."""
    made = {ids.secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {43}
