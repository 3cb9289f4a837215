"""What every `ports.health.Health` promises: two containers on one store, in Redis and in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from shared.adapters.clock import RandomIds
from shared.adapters.postgres.quarantine import PostgresQuarantine
from shared.adapters.redis.health import RedisHealth
from shared.core.model_spec import ModelSpec
from shared.fakes.clock import FakeClock
from shared.fakes.health import MemoryHealth, MemoryHealthStore
from shared.models.breaker import RULES
from shared.ports.health import Health, Report, Standing
from tests.contract.llm.specs import FLASH, LUNA, SOL, SONNET
from tests.stores import Stores


@dataclass
class Containers:
    """Two processes. `seen` lets each have its next picture."""

    one: Health
    other: Health
    clock: FakeClock

    async def seen(self) -> None:
        for health in (self.one, self.other, self.one):
            if isinstance(health, RedisHealth):
                assert await health.exchange()

    def both(self, spec: ModelSpec) -> tuple[Standing, Standing]:
        return self.one.standing(spec), self.other.standing(spec)

    def states(self, spec: ModelSpec) -> tuple[str, str]:
        return self.one.standing(spec).state, self.other.standing(spec).state

    async def open_up(self, spec: ModelSpec) -> float:
        """Break a model; the seconds until it may be probed."""
        for _ in range(RULES.in_a_row):
            self.one.report(report(spec, "provider_overloaded"))
        await self.seen()
        until = self.other.standing(spec).until
        assert until is not None
        return (until - self.clock.now()).total_seconds()


@pytest.fixture
def backing(backed: Stores | None) -> Stores | None:
    return backed


@pytest.fixture
async def containers(backing: Stores | None) -> AsyncIterator[Containers]:
    clock = FakeClock()
    if backing is None:
        store = MemoryHealthStore()
        yield Containers(MemoryHealth(clock, store), MemoryHealth(clock, store), clock)
        return
    ids = RandomIds()
    scope = f"health-{ids.uuid()}"
    one, other = (
        RedisHealth(backing.redis, clock, ids, scope, PostgresQuarantine(backing.database, scope))
        for _ in range(2)
    )
    await one.start()
    await other.start()
    yield Containers(one, other, clock)
    await one.close()
    await other.close()
    await one.forget()


def report(spec: ModelSpec, fault: str = "", first_token_ms: int | None = None, **more: object) -> Report:
    return Report(spec.name, spec.provider, fault, first_token_ms=first_token_ms, **more)  # type: ignore[arg-type]


async def test_a_model_that_nothing_is_known_of_is_well(containers: Containers) -> None:
    """Closed, without figures, and whoever asks to probe it may go."""
    assert containers.both(LUNA) == (Standing(), Standing())
    assert await containers.one.probe(LUNA)
    assert await containers.one.table() == {}


async def test_a_fault_counts_at_once_where_it_was_met(containers: Containers) -> None:
    """This process's next request already sees the open breaker, before any picture comes."""
    for _ in range(RULES.in_a_row):
        assert containers.one.standing(LUNA).state == "closed"
        containers.one.report(report(LUNA, "provider_overloaded"))
    standing = containers.one.standing(LUNA)
    assert standing.state == "open"
    assert standing.until is not None
    assert standing.until > containers.clock.now()
    assert LUNA.name in standing.why


async def test_faults_of_all_containers_add_up(containers: Containers) -> None:
    """One met here and two met there open it for both, until the same moment."""
    containers.one.report(report(LUNA, "provider_cut"))
    await containers.seen()
    containers.other.report(report(LUNA, "provider_malformed"))
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    containers.other.report(report(LUNA, "provider_overloaded"))
    await containers.seen()
    one, other = containers.both(LUNA)
    assert one == other
    assert one.state == "open"
    assert containers.states(SOL) == ("closed", "closed")


async def test_a_success_anywhere_ends_a_row_of_faults(containers: Containers) -> None:
    """A row is a row over all containers."""
    for _ in range(2):
        containers.one.report(report(LUNA, "provider_overloaded"))
        containers.one.report(report(LUNA, "provider_overloaded"))
        await containers.seen()
        for _ in range(8):
            containers.other.report(report(LUNA))
        await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")


async def test_one_probe_goes_when_the_time_is_up(containers: Containers) -> None:
    """Not before; to one process; all others wait; its success closes the breaker for all."""
    seconds = await containers.open_up(LUNA)
    containers.clock.pass_(seconds - 0.01)
    assert not await containers.other.probe(LUNA)
    containers.clock.pass_(0.02)
    assert containers.states(LUNA) == ("open", "open")
    assert await containers.other.probe(LUNA)
    for health in (containers.one, containers.other):
        assert not await health.probe(LUNA)
    await containers.seen()
    assert containers.states(LUNA) == ("probing", "probing")
    containers.other.report(report(LUNA, first_token_ms=300))
    assert containers.other.standing(LUNA).state == "closed"
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")


async def test_a_probe_that_fails_opens_it_for_longer(containers: Containers) -> None:
    """About twice as long: the next is not let through at the old pace."""
    seconds = await containers.open_up(LUNA)
    containers.clock.pass_(seconds)
    assert await containers.other.probe(LUNA)
    containers.other.report(report(LUNA, "provider_timeout"))
    await containers.seen()
    assert containers.states(LUNA) == ("open", "open")
    containers.clock.pass_(RULES.first * 1.5 / 1000)
    assert not await containers.one.probe(LUNA)
    containers.clock.pass_(RULES.first / 1000)
    assert await containers.one.probe(LUNA)


async def test_a_success_that_was_no_probe_closes_nothing(containers: Containers) -> None:
    """It may have begun before the trouble did."""
    await containers.open_up(LUNA)
    containers.one.report(report(LUNA))
    containers.other.report(report(LUNA))
    await containers.seen()
    assert containers.states(LUNA) == ("open", "open")


@pytest.mark.parametrize("code", ["caller_left", "outrun", "content_refused", "provider_rejected"])
async def test_a_probe_that_found_nothing_out_is_given_back(containers: Containers, code: str) -> None:
    """The next one may go at once."""
    containers.clock.pass_(await containers.open_up(LUNA))
    assert await containers.one.probe(LUNA)
    containers.one.report(report(LUNA, code))
    await containers.seen()
    assert await containers.other.probe(LUNA)


async def test_the_probe_of_a_dead_process_frees_itself(containers: Containers) -> None:
    """After the longest wait for a first token, and not before."""
    containers.clock.pass_(await containers.open_up(LUNA))
    assert await containers.one.probe(LUNA)
    containers.clock.pass_(RULES.probe / 1000 - 1)
    assert not await containers.other.probe(LUNA)
    containers.clock.pass_(1)
    assert await containers.other.probe(LUNA)


async def test_a_slow_probe_counts_when_it_succeeds(containers: Containers) -> None:
    """Also where it lapsed and another took its place: else answers that are long could never close a breaker."""
    containers.clock.pass_(await containers.open_up(LUNA))
    assert await containers.one.probe(LUNA)
    containers.clock.pass_(RULES.probe / 1000)
    assert await containers.other.probe(LUNA)
    containers.one.report(report(LUNA))
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    containers.other.report(report(LUNA, "provider_timeout"))  # one fault of a closed breaker
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")


async def test_a_slow_probe_says_nothing_when_it_fails(containers: Containers) -> None:
    """The one that took its place is still under way."""
    containers.clock.pass_(await containers.open_up(LUNA))
    assert await containers.one.probe(LUNA)
    containers.clock.pass_(RULES.probe / 1000)
    assert await containers.other.probe(LUNA)
    containers.one.report(report(LUNA, "provider_timeout"))
    await containers.seen()
    assert containers.states(LUNA) == ("probing", "probing")


async def test_a_closed_breaker_starts_afresh(containers: Containers) -> None:
    """Neither its faults nor its long open times are held against it."""
    containers.clock.pass_(await containers.open_up(LUNA))
    for fault, wait in (("provider_cut", 2.5 * RULES.first / 1000), ("", 0.0)):
        assert await containers.one.probe(LUNA)
        containers.one.report(report(LUNA, fault))
        await containers.seen()
        containers.clock.pass_(wait)
    for _ in range(2):
        containers.other.report(report(LUNA))
        containers.one.report(report(LUNA, "provider_cut"))
        await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    assert await containers.open_up(LUNA) <= 1.2 * RULES.first / 1000


async def test_half_of_the_calls_of_half_a_minute_open_it(containers: Containers) -> None:
    """Of all containers together, whatever lies between; what is older does not count."""
    gap = (RULES.window + RULES.slot) / 1000
    for passed, state in ((gap, "closed"), (0.0, "open")):
        for number in range(5):
            containers.one.report(report(LUNA, "" if number % 2 else "provider_cut"))
            await containers.seen()
        containers.clock.pass_(passed)
        containers.other.report(report(LUNA))
        containers.other.report(report(LUNA, "provider_cut"))
        await containers.seen()
        assert containers.states(LUNA) == (state, state)
        containers.clock.pass_(passed)


@pytest.mark.parametrize(("slots", "state"), [(5, "open"), (6, "closed")])
async def test_a_window_moves_on_by_slots(containers: Containers, slots: int, state: str) -> None:
    """A fault counts for 25 to 30 seconds."""
    for wait, fault in (
        (slots * RULES.slot / 1000, "provider_cut"),
        (0, ""),
        (0, "provider_cut"),
        (0, ""),
        (0, ""),
        (0, ""),
    ):
        containers.one.report(report(LUNA, fault))
        await containers.seen()
        containers.clock.pass_(wait)
    containers.one.report(report(LUNA, "provider_cut"))  # three of seven
    containers.one.report(report(LUNA))
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    containers.one.report(report(LUNA, "provider_cut"))  # four of nine …
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    containers.one.report(report(LUNA, "provider_cut"))  # five of ten, or four of nine
    await containers.seen()
    assert containers.states(LUNA) == (state, state)


async def test_blame_lapses(containers: Containers) -> None:
    """Two models out of reach half a minute apart are two troubles."""
    containers.one.report(report(LUNA, "provider_overloaded", unreachable=True))
    await containers.seen()
    containers.clock.pass_(RULES.window / 1000)
    containers.one.report(report(SOL, "provider_overloaded", unreachable=True))
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")


async def test_a_refused_credential_takes_the_provider_out(containers: Containers) -> None:
    """All its models, in all containers, after one fault; other providers stay."""
    containers.one.report(report(LUNA, "provider_unauthorised"))
    await containers.seen()
    assert containers.states(SOL) == ("open", "open")
    assert LUNA.provider in containers.other.standing(SOL).why
    assert containers.states(SONNET) == ("closed", "closed")
    assert not await containers.other.probe(SOL)
    containers.clock.pass_(RULES.unauthorised * 1.21 / 1000)
    assert await containers.other.probe(SOL)
    assert not await containers.one.probe(LUNA)
    containers.other.report(report(SOL))
    await containers.seen()
    assert containers.states(SOL) == ("closed", "closed")
    assert await containers.one.probe(LUNA)


async def test_two_models_out_of_reach_take_the_provider_out(containers: Containers) -> None:
    """Whichever containers met them."""
    containers.one.report(report(LUNA, "provider_overloaded", unreachable=True))
    await containers.seen()
    assert containers.states(SOL) == ("closed", "closed")
    containers.other.report(report(SOL, "provider_overloaded", unreachable=True))
    await containers.seen()
    assert containers.states(SOL) == ("open", "open")
    assert containers.states(LUNA) == ("open", "open")


async def test_a_wish_to_wait_is_shared(containers: Containers) -> None:
    """Retry-After, to the millisecond."""
    containers.one.report(report(LUNA, "provider_throttled", retry_after=42.0))
    await containers.seen()
    expected = containers.clock.now() + timedelta(seconds=42)
    assert [standing.until for standing in containers.both(LUNA)] == [expected, expected]


async def test_quarantine_stays_until_it_is_ended(containers: Containers) -> None:
    """Whatever goes well meanwhile, however long; nobody may probe."""
    await containers.one.quarantine([LUNA.name, SOL.name], "drifts")
    assert containers.one.standing(LUNA).state == "quarantined"
    for _ in range(3):
        containers.other.report(report(LUNA))
        containers.clock.pass_(86_400)
    await containers.seen()
    for standing in containers.both(LUNA):
        assert (standing.state, standing.why, standing.until) == ("quarantined", "drifts", None)
    assert not await containers.other.probe(LUNA)
    assert (await containers.other.table())[SOL.name].state == "quarantined"
    await containers.other.quarantine([LUNA.name, "never heard of"], None)
    assert containers.other.standing(LUNA).state == "closed"
    await containers.seen()
    assert containers.states(LUNA) == ("closed", "closed")
    assert containers.states(SOL) == ("quarantined", "quarantined")
    assert await containers.one.probe(LUNA)


async def test_figures_are_of_all_containers(containers: Containers) -> None:
    """Percentiles come with the twentieth first token, wherever it was seen; calls lapse after five minutes."""
    for number in range(12):
        containers.one.report(report(LUNA, first_token_ms=200))
        containers.other.report(report(LUNA, "provider_cut" if number == 5 else "", first_token_ms=2_000))
    containers.one.report(report(LUNA, "outrun"))
    await containers.seen()
    found = (await containers.one.table())[LUNA.name]
    assert found.first_token_p50_ms == pytest.approx(200, rel=0.08)
    assert found.first_token_p95_ms == pytest.approx(2_000, rel=0.08)
    assert (found.calls, found.failures) == (24, 1)
    assert containers.one.standing(LUNA) == found
    containers.clock.pass_(360)
    later = (await containers.other.table())[LUNA.name]
    assert (later.calls, later.failures, later.first_token_p50_ms) == (0, 0, found.first_token_p50_ms)


async def test_too_few_first_tokens_say_nothing(containers: Containers) -> None:
    """Nineteen of them, and calls are counted all the same."""
    for _ in range(19):
        containers.one.report(report(LUNA, first_token_ms=200))
    await containers.seen()
    found = (await containers.one.table())[LUNA.name]
    assert (found.first_token_p50_ms, found.first_token_p95_ms, found.calls) == (None, None, 19)


async def test_the_table_names_all_that_is_known(containers: Containers) -> None:
    """Used, broken and quarantined models; each as it stands."""
    containers.one.report(report(LUNA))
    await containers.open_up(SONNET)
    await containers.other.quarantine([FLASH.name], "by hand")
    table = await containers.other.table()
    assert {name: standing.state for name, standing in table.items()} == {
        LUNA.name: "closed",
        SONNET.name: "open",
        FLASH.name: "quarantined",
    }
