"""Who is asked, in which order, and why the others are not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model_spec import ModelSpec
from shared.core.need import Need
from shared.core.usage import Usage
from shared.fakes.clock import FakeClock
from shared.fakes.health import MemoryHealth
from shared.models.catalogue import (
    ARGON,
    FLASH,
    FLASH_LITE,
    GPT_LUNA,
    GPT_SOL,
    GPT_TERRA,
    HAIKU,
    LLAMA,
    MODELS,
    OPUS,
    SONAR,
    SONAR_PRO,
    SONNET,
    Catalogue,
)
from shared.models.quality import PRIOR, Quality, Score
from shared.models.router import Route, Router, Size
from shared.ports.health import Standing

SMALL = Size(2_000, 500)
CATALOGUE = Catalogue()
ALL = CATALOGUE.models()


class House:
    """A router over a health that the test sets."""

    def __init__(self, quality: Quality = PRIOR) -> None:
        self.clock = FakeClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.health = MemoryHealth(self.clock)
        self.router = Router(quality, self.health, self.clock)

    def stands(
        self, spec: ModelSpec, state: str = "closed", seconds: float | None = None, p95: int = 0
    ) -> None:
        until = None if seconds is None else self.clock.now() + timedelta(seconds=seconds)
        standing = Standing(until=until, why="for the test", first_token_p95_ms=p95 or None)
        self.health.put(spec.name, replace(standing, state=state))  # type: ignore[arg-type]

    def names(self, need: Need | None, size: Size = SMALL, of: Sequence[ModelSpec] = ALL) -> list[str]:
        return [spec.name for spec in self.router.route(of, need, size).rungs]


def chosen(name: str, size: Size = SMALL) -> Route:
    return House().router.route(CATALOGUE.candidates(name), CATALOGUE.choice(name), size)


def test_the_cheapest_that_is_good_enough_is_first() -> None:
    """`auto` begins with the cheapest of its quality, `auto:cheap` with the cheapest, `auto:best` with the best."""
    assert chosen("auto").rungs[0] == FLASH
    assert chosen("auto:cheap").rungs[0] == HAIKU
    assert chosen("auto:best").rungs == (OPUS, GPT_SOL, ARGON)


@pytest.mark.parametrize("name", ["auto", "auto:cheap", "auto:best"])
def test_the_first_three_rungs_are_of_three_providers(name: str) -> None:
    """One provider's trouble takes one of the first three rungs."""
    assert len({spec.provider for spec in chosen(name).rungs[:3]}) == 3


def test_cliffs_and_dates_turn_the_order() -> None:
    """Past its cliff haiku is five times as dear, and from its day on flash is no longer the cheapest of its class."""
    assert chosen("auto:cheap", Size(120_000, 500)).rungs[0] == GPT_LUNA
    house = House()
    assert house.names(Need(quality=0.75))[0] == FLASH.name
    house.clock.pass_(60 * 24 * 3600)
    assert house.names(Need(quality=0.75))[0] == GPT_TERRA.name


@given(st.sampled_from(MODELS), st.integers(0, 400_000), st.integers(0, 60_000), st.integers(0, 60))
def test_the_expected_cost_is_the_catalogues(spec: ModelSpec, read: int, wrote: int, days: int) -> None:
    """What routing goes by is what a call of that size would be booked at, to the micro-dollar."""
    house = House()
    house.clock.pass_(days * 86_400)
    route = house.router.route((spec,), None, Size(read, wrote))
    if route.rungs:
        now = house.clock.now()
        assert route.why["order"][0][1] == spec.cost(Usage(input=read, output=wrote), now)
    else:
        assert read + wrote > spec.window


def test_quality_settles_between_equal_costs() -> None:
    """Of two that cost the same the better one stands first."""
    twin = replace(GPT_TERRA, name="twin")
    scores = [
        Score(spec.name, "chat", q, "eval", 9, date(2026, 11, 21))
        for spec, q in ((GPT_TERRA, 0.8), (twin, 0.9))
    ]
    assert House(Quality(scores)).names(Need(), of=(GPT_TERRA, twin)) == ["twin", GPT_TERRA.name]


@pytest.mark.parametrize(
    ("size", "gone"),
    [
        (replace(SMALL, images=True), LLAMA),
        (replace(SMALL, tools=True), SONAR),
        (Size(120_000, 10_000), LLAMA),
    ],
)
def test_who_cannot_do_it_is_no_rung(size: Size, gone: ModelSpec) -> None:
    """Images, tools and windows are demands that never give way."""
    route = House().router.route((gone,), Need("research"), size)
    assert (route.rungs, route.until) == ((), None)
    assert list(route.why["dropped"]) == [gone.name]


def test_a_model_without_a_schema_is_asked_for_none() -> None:
    """A structured answer goes to models that keep to a schema."""
    loose = replace(FLASH, name="loose", schema=False)
    assert House().names(None, replace(SMALL, schema=True), (loose, FLASH)) == [FLASH.name]


def test_an_unpriced_model_drops_out_on_its_day() -> None:
    """What has no price now is not called, and is called again where it has one."""
    ends = datetime(2026, 11, 22, tzinfo=UTC)
    short = replace(FLASH, name="short", prices=(replace(FLASH.prices[0], until=ends),))
    house, both = House(), (short, GPT_TERRA)
    assert "short" in house.names(None, of=both)
    house.clock.pass_(86_400)
    route = house.router.route(both, None, SMALL)
    assert route.rungs == (GPT_TERRA,)
    assert route.why["dropped"] == {"short": "has no price today"}


@pytest.mark.parametrize(
    ("state", "seconds"),
    [("open", 5), ("probing", 5), ("probing", -5), ("quarantined", None), ("open", None)],
)
def test_who_is_down_is_no_rung(state: str, seconds: float | None) -> None:
    """An open breaker, one that somebody probes and a quarantine take a model out, named or not."""
    house = House()
    house.stands(FLASH, state, seconds)
    assert FLASH.name not in house.names(Need(quality=0.75))
    assert house.names(None, of=(FLASH, SONNET)) == [SONNET.name]


def test_a_breaker_whose_time_is_up_has_its_place_back() -> None:
    """One call tries it, and failover asks the next one soon: else a provider that is well again would wait for all
    others to fail."""
    house = House()
    house.stands(FLASH, "open", -1)
    assert house.names(Need(quality=0.75))[0] == FLASH.name
    assert house.names(None, of=(FLASH, SONNET)) == [FLASH.name, SONNET.name]


def test_with_all_of_them_down_the_first_return_is_told() -> None:
    """No rung, and the earliest moment at which a breaker lets a call try; a quarantine has no such moment."""
    house = House()
    for seconds, spec in enumerate((FLASH, SONNET, GPT_TERRA), 7):
        house.stands(spec, "open", seconds)
    house.stands(OPUS, "quarantined", 1)
    route = house.router.route((SONNET, FLASH, GPT_TERRA, OPUS), Need(quality=0.9), SMALL)
    assert route.rungs == ()
    assert route.until == house.clock.now() + timedelta(seconds=7)


def test_a_slow_model_gives_way_and_an_unknown_pace_does_not() -> None:
    """A 95th percentile over the need takes a model out; where there is none, it stays."""
    house, need = House(), Need(quality=0.75, first_token_ms=1_000)
    house.stands(FLASH, p95=1_001)
    house.stands(GPT_TERRA, p95=1_000)
    assert FLASH.name not in house.names(need)
    assert house.names(need)[0] == GPT_TERRA.name
    assert SONNET.name in house.names(need)


def test_demands_give_way_one_after_the_other() -> None:
    """First the pace, then quality, and that as little as can be; the route says so."""
    house, need = House(), Need(quality=0.9, first_token_ms=1_000)
    pair = (OPUS, FLASH, GPT_LUNA)
    house.stands(OPUS, p95=5_000)
    route = house.router.route(pair, need, SMALL)
    assert (route.rungs, route.why["relaxed"]) == ((OPUS,), ["first_token_ms"])
    house.stands(OPUS, "open", 60)
    route = house.router.route(pair, need, SMALL)
    assert (route.rungs, route.why["relaxed"]) == ((FLASH, GPT_LUNA), ["quality"])


def test_a_probe_alone_does_not_keep_demands_up() -> None:
    """Where all that would meet the need has an open breaker that is due, others stand beside it."""
    house = House()
    house.stands(OPUS, "open", -1)
    assert house.names(Need(quality=0.95), of=(OPUS, FLASH)) == [OPUS.name, FLASH.name]


def test_search_models_are_for_research() -> None:
    """They answer where the work is research and there first, else only where they were asked for by name."""
    house = House()
    assert house.names(Need("research", quality=0.8)) == [SONAR.name, SONAR_PRO.name]
    assert SONAR.name not in house.names(Need("chat"))
    assert house.names(None, of=(SONAR,)) == [SONAR.name]


def test_without_a_need_the_order_stays() -> None:
    """The caller's ladder is the caller's."""
    ladder = (OPUS, HAIKU, SONNET, GPT_SOL, FLASH_LITE)
    assert House().router.route(ladder, None, SMALL).rungs == ladder


def test_the_reasons_are_json() -> None:
    """Each candidate is a rung or dropped for a reason, and all of it goes into the log."""
    house = House()
    house.stands(OPUS, "quarantined")
    house.stands(FLASH, p95=700)
    why = house.router.route(ALL, Need(quality=0.75), SMALL).why
    assert json.loads(json.dumps(why)) == why
    assert {row[0] for row in why["order"]} | set(why["dropped"]) == {spec.name for spec in ALL}
    assert why["order"][0] == [FLASH.name, 3375, 0.78, 700, "closed"]
    assert why["dropped"][OPUS.name] == "quarantined: for the test"
    assert why["dropped"][HAIKU.name] == "quality 0.64 is under 0.75"


def test_a_list_may_change_between_two_routes() -> None:
    """What is kept of a line-up never outlives it: a list is read anew."""
    house, ladder = House(), [OPUS]
    assert house.names(None, of=ladder) == [OPUS.name]
    ladder[0] = HAIKU
    assert house.names(None, of=ladder) == [HAIKU.name]


def test_line_ups_are_not_kept_for_ever() -> None:
    """Any number of ladders may come by, each gets its own route."""
    house = House()
    for number in range(200):
        spec = replace(FLASH, name=f"m{number}", prices=(replace(FLASH.prices[0], input=Decimal(number)),))
        assert house.names(None, of=(spec,)) == [spec.name]
    assert len(house.router._lines) <= 64


@given(
    st.lists(st.sampled_from(["closed", "open", "probing", "quarantined"]), min_size=12, max_size=12),
    st.data(),
)
def test_a_route_never_has_who_may_not_be_asked(states: list[str], data: st.DataObject) -> None:
    """For all standings and needs: rungs are up or due, and none is left out without a word."""
    house = House()
    seconds = [data.draw(st.sampled_from([-5, 5])) for _ in ALL]
    for spec, state, until in zip(ALL, states, seconds, strict=True):
        house.stands(spec, state, until, p95=data.draw(st.sampled_from([0, 500, 5_000])))
    need = data.draw(
        st.builds(
            Need,
            work=st.sampled_from(["chat", "research", "code"]),
            quality=st.sampled_from([0.0, 0.6, 0.9, 1.0]),
            order=st.sampled_from(["cheapest", "best"]),
            first_token_ms=st.sampled_from([None, 1_000]),
        )
        | st.none()
    )
    route = house.router.route(ALL, need, SMALL)
    told = [row[4] for row in route.why["order"]]
    assert set(told) <= {"closed", "open"}
    assert len({spec.name for spec in route.rungs} | set(route.why["dropped"])) == len(ALL)
    up = [spec for spec, state in zip(ALL, states, strict=True) if state == "closed"]
    may = [spec for spec in up if not spec.searches or need is None or need.work == "research"]
    assert bool(may) <= bool(route.rungs)
