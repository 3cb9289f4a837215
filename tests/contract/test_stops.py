"""What every `ports.stops.Stops` promises to two processes: in memory, in Postgres, with Redis before it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.postgres.stops import PostgresStops
from shared.adapters.stops import KeptStops
from shared.fakes.stops import MemoryStops
from shared.ports.stops import SCOPES, Change, Stop, Stops
from tests.stores import Stores

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALL = Stop("all", "the bill runs away", "key_1", AT, None)
LLAMA = Stop("llama", "GPUs are short", "key_2", AT + timedelta(minutes=1), 4)


@dataclass
class Processes:
    """Two of them. `key` is what Redis calls the copy."""

    one: Stops
    other: Stops
    key: str = ""


@pytest.fixture(params=["memory", "postgres", "kept"])
def both(request: pytest.FixtureRequest) -> Processes:
    """Nothing is stopped before or after."""
    found: Processes = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def memory() -> Processes:
    """In one process' memory."""
    one = MemoryStops()
    return Processes(one, one)


@pytest.fixture
async def postgres(stores: Stores) -> AsyncIterator[Processes]:
    """In Postgres alone."""
    found = Processes(PostgresStops(stores.database), PostgresStops(stores.database))
    yield found
    await _cleared(found)


@pytest.fixture
async def kept(stores: Stores) -> AsyncIterator[Processes]:
    """With Redis before Postgres."""
    found = _kept(stores)
    yield found
    await _cleared(found)


async def _cleared(found: Processes) -> None:
    for scope in SCOPES:
        await found.one.resume(scope, "test", AT)


def _kept(stores: Stores) -> Processes:
    name = uuid4().hex
    one, other = (
        KeptStops(stores.redis, PostgresStops(stores.database), SystemClock(), name) for _ in range(2)
    )
    return Processes(one, other, f"cs:{{{name}:stops}}")


async def test_a_stop_is_known_everywhere_when_it_returns(both: Processes) -> None:
    """With all that was said; also to a process that asked a moment before."""
    assert await both.other.standing() == {}
    await both.one.stop(LLAMA)
    assert await both.other.standing() == {"llama": LLAMA}
    await both.other.stop(ALL)
    assert await both.one.standing() == {"all": ALL, "llama": LLAMA}


async def test_it_goes_on_everywhere_when_that_returns(both: Processes) -> None:
    """One scope leaves the other."""
    await both.one.stop(ALL)
    await both.one.stop(LLAMA)
    assert set(await both.other.standing()) == {"all", "llama"}
    await both.other.resume("all", "key_3", AT)
    assert await both.one.standing() == {"llama": LLAMA}
    assert await both.other.standing() == {"llama": LLAMA}


async def test_the_last_reason_holds(both: Processes) -> None:
    """Stopping again changes why."""
    await both.one.stop(ALL)
    again = Stop("all", "still", "key_4", AT + timedelta(hours=1))
    await both.one.stop(again)
    assert (await both.other.standing())["all"] == again


async def test_who_did_what_is_kept(both: Processes) -> None:
    """Newest first; letting go on what was not stopped is not told."""
    await both.one.resume("llama", "key_0", AT)
    await both.one.stop(ALL)
    await both.one.resume("all", "key_3", AT + timedelta(hours=2))
    assert list(await both.other.history(2)) == [
        Change("all", "", "key_3", AT + timedelta(hours=2)),
        Change("all", "the bill runs away", "key_1", AT),
    ]


async def test_a_redis_that_forgets_starts_nothing(kept: Processes, stores: Stores) -> None:
    """What was stopped is so before and after its copy is gone, in a new process too."""
    await kept.one.stop(ALL)
    await stores.redis.commands.delete(kept.key)
    assert await kept.other.standing() == {"all": ALL}
    assert await stores.redis.commands.exists(kept.key)


async def test_a_redis_that_was_not_told_is_wrong_for_seconds_only(kept: Processes, stores: Stores) -> None:
    """Its copy lapses: what was changed in Postgres alone is heard then."""
    assert await kept.one.standing() == {}
    assert 0 < await stores.redis.commands.pttl(kept.key) <= 10_000
