"""Health behind its callers' backs: pictures that come by themselves, and a Redis that goes away in the middle."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.embedded.home import Servers
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.health import BEAT, RedisHealth
from shared.core.faults import Unavailable
from shared.fakes.clock import FakeClock
from shared.models.breaker import RULES
from shared.ports.clock import Clock
from shared.ports.health import Report
from tests.contract.llm.specs import LUNA, SOL

pytestmark = pytest.mark.xdist_group("health-outage")  # one Redis for all of them
DOWN = Report(LUNA.name, LUNA.provider, "provider_overloaded")
WELL = Report(LUNA.name, LUNA.provider, first_token_ms=100)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A Redis of this module's own: these tests end it."""
    with (
        tempfile.TemporaryDirectory(prefix="csh-") as folder,
        Servers(Path(folder) / "h", names=("redis",), durable=False) as servers,
    ):
        yield servers


@pytest.fixture
def url(servers: Servers) -> str:
    """Its address; it is up."""
    servers.up("redis")
    return servers.redis_dsn()


@pytest.fixture
def scope() -> str:
    """A table that nobody else uses."""
    return f"health-{RandomIds().uuid()}"


@asynccontextmanager
async def container(url: str, scope: str, clock: Clock | None = None) -> AsyncIterator[RedisHealth]:
    connection = RedisConnection(url)
    health = RedisHealth(connection, clock or SystemClock(), RandomIds(), scope)
    await health.start()
    try:
        yield health
    finally:
        await health.close()
        await connection.close()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait for it; how long it took."""
    clock = SystemClock()
    began = clock.monotonic()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # nobody is told of a picture
            await asyncio.sleep(0.005)
    return clock.monotonic() - began


def running() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "health"]


async def test_a_fault_is_told_at_once_and_seen_with_the_next_picture(url: str, scope: str) -> None:
    """Within about a second where there is traffic, without anybody's waiting."""
    async with container(url, scope) as one, container(url, scope) as other:
        assert other.standing(LUNA).state == "closed"
        for _ in range(RULES.in_a_row):
            one.report(DOWN)
        assert one.standing(LUNA).state == "open"
        assert await until(lambda: other.standing(LUNA).state == "open") < BEAT + 0.5


async def test_whoever_comes_after_a_pause_has_a_picture_in_a_moment(url: str, scope: str) -> None:
    """The first look after a time without traffic asks for one; the task that brings it ends when nobody looks."""
    async with container(url, scope) as one, container(url, scope) as other:
        other.standing(LUNA)
        assert running()
        await until(lambda: not running(), 3 * BEAT)
        for _ in range(RULES.in_a_row):
            one.report(DOWN)
        await until(lambda: not running(), 3 * BEAT)
        assert other.standing(LUNA).state == "closed"
        assert await until(lambda: other.standing(LUNA).state == "open") < BEAT / 2


async def test_nothing_is_left_running_and_nothing_untold(url: str, scope: str) -> None:
    """Closing ends the task at once and tells what was still to be told; after that nothing starts again."""
    async with container(url, scope) as other:
        async with container(url, scope) as one:
            one.standing(LUNA)
            one.report(WELL)
        assert not running()
        one.report(WELL)
        one.standing(LUNA)
        assert not running()
        assert (await other.table())[LUNA.name].calls == 1


async def test_what_was_told_twice_counts_once(url: str, scope: str) -> None:
    """A batch whose answer was lost is sent again."""
    async with container(url, scope) as one:
        one.report(DOWN)
        batch = one._batch()
        assert batch is not None
        for _ in range(4):  # taken each time, and nobody heard the answer
            one._sending = batch
            assert await one.exchange()
        assert (await one.table())[LUNA.name].failures == 1
        assert one.standing(LUNA).state == "closed"


async def test_without_redis_each_process_goes_by_what_it_saw(servers: Servers, url: str, scope: str) -> None:
    """Neither waits nor fails; figures, breakers and probes are its own; one line of log; then all is shared again."""
    clock = FakeClock()
    with capture_logs() as lines:
        async with container(url, scope, clock) as one, container(url, scope, clock) as other:
            await one.quarantine([SOL.name], "drifts")
            await asyncio.to_thread(servers.down, "redis")
            for health in (one, other):
                assert not await health.exchange()
            for _ in range(RULES.in_a_row):
                one.report(DOWN)
            for _ in range(30):
                one.report(Report(SOL.name, SOL.provider, first_token_ms=400))
            assert one.standing(LUNA).state == "open"
            assert one.standing(SOL).state == "quarantined"
            assert other.standing(LUNA).state == "closed"
            for _ in range(3):
                assert not await one.exchange()
            assert one.standing(SOL).first_token_p50_ms == pytest.approx(400, rel=0.08)
            assert not await one.probe(LUNA)
            clock.pass_(RULES.first * 1.21 / 1000)
            async with asyncio.timeout(5.0):
                assert await one.probe(LUNA)
                assert not await one.probe(LUNA)
                assert await other.probe(LUNA)
            one.report(WELL)
            assert one.standing(LUNA).state == "closed"
            for attempt in (one.table(), one.quarantine([LUNA.name], "x")):
                with pytest.raises(Unavailable):
                    await attempt
            await asyncio.to_thread(servers.up, "redis")
            for _ in range(RULES.in_a_row):
                other.report(DOWN)
            assert await other.exchange()
            assert await one.exchange()
            assert one.standing(LUNA).state == "open"
    said = [line["event"] for line in lines]
    assert said.count("health_not_shared") == said.count("health_shared_again") == 2


async def test_a_redis_that_goes_under_traffic_comes_back_by_itself(
    servers: Servers, url: str, scope: str
) -> None:
    """Nobody calls for it: with the next request after it is up the pictures come again."""
    async with container(url, scope) as one, container(url, scope) as other:
        one.standing(LUNA)
        await asyncio.to_thread(servers.down, "redis")
        one.report(DOWN)
        await until(lambda: one._away)
        await asyncio.to_thread(servers.up, "redis")
        one.standing(LUNA)
        await until(lambda: not one._away, 10)
        for _ in range(RULES.in_a_row):
            one.report(DOWN)
        await until(lambda: other.standing(LUNA).state == "open")


async def test_a_process_may_start_while_redis_is_away(servers: Servers, url: str, scope: str) -> None:
    """Its first picture is an empty one."""
    await asyncio.to_thread(servers.down, "redis")
    async with container(url, scope) as one:
        assert one.standing(LUNA).state == "closed"
        one.report(DOWN)


async def test_reports_that_are_long_untold_are_dropped(servers: Servers, url: str, scope: str) -> None:
    """Told late they would open what has recovered."""
    clock = FakeClock()
    async with container(url, scope, clock) as one:
        await asyncio.to_thread(servers.down, "redis")
        for _ in range(RULES.in_a_row):
            one.report(DOWN)
        assert not await one.exchange()
        clock.pass_(30)
        assert not await one.exchange()
        await asyncio.to_thread(servers.up, "redis")
        assert (await one.table()) == {}
        assert one.standing(LUNA).state == "closed"


async def test_all_keys_lie_together_and_lapse(url: str, scope: str) -> None:
    """One hash slot, and a time to live on all but the quarantine."""
    async with container(url, scope) as one:
        await one.quarantine([SOL.name], "drifts")
        one.report(DOWN)
        assert await one.exchange()
        assert await one.probe(LUNA)
    connection = RedisConnection(url)
    try:
        keys = [key async for key in connection.commands.scan_iter(match=f"cs:{{{scope}}}:*")]
        lives = {key.decode().split(":")[2]: await connection.commands.ttl(key) for key in keys}
    finally:
        await connection.close()
    assert set(lives) == {"breakers", "quarantine", "heard", "figures", "minute"}
    assert lives.pop("quarantine") == -1
    assert all(0 < seconds <= 3600 for seconds in lives.values()), lives
