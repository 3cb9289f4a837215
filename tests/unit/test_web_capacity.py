"""/v1/operator/capacity and /v1/operator/stop: the pool, its bounds, and what stopping the tier does to them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.ports.capacity import Bounds, Room
from tests.unit.web_engine import AUTH
from tests.unit.web_operated import KEY, OPERATOR, Operated

CAPACITY, STOP = "/v1/operator/capacity", "/v1/operator/stop"
LLAMA = {"scope": "llama", "reason": "GPUs are short"}


@pytest.fixture
def engine() -> Operated:
    return Operated()


@pytest.fixture
async def client(engine: Operated) -> AsyncIterator[httpx.AsyncClient]:
    async with engine.client({"authorization": f"Bearer {OPERATOR}"}) as opened:
        yield opened


async def room(engine: Operated, name: str) -> Room:
    return next(room for room in await engine.capacity.rooms() if room.name == name)


async def test_every_part_is_listed(client: httpx.AsyncClient) -> None:
    """By name; what nobody knows is null."""
    answer = (await client.get(CAPACITY)).json()
    assert answer == {
        "data": [
            {"object": "capacity", "name": "Llama", "containers": None, "minimum": 1, "maximum": 4, "buffer": 1,
             "fixed": False},
            {"object": "capacity", "name": "Web", "containers": 2, "minimum": 0, "maximum": 20, "buffer": 0,
             "fixed": False},
        ],
        "next": None,
    }  # fmt: skip


async def test_a_part_is_bounded(engine: Operated, client: httpx.AsyncClient) -> None:
    """What is not named stays."""
    answer = await client.put(f"{CAPACITY}/Web", json={"maximum": 4})
    assert (answer.status_code, answer.json()["maximum"], answer.json()["minimum"]) == (200, 4, 0)
    assert (await room(engine, "Web")).maximum == 4


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("Web", {}, 400),
        ("Web", {"maximum": 0}, 400),
        ("Web", {"maximum": "4"}, 400),
        ("Web", {"maximum": True}, 400),
        ("Web", {"minimum": 21}, 400),
        ("Web", {"containers": 1}, 400),
        ("web", {"maximum": 4}, 404),
    ],
)
async def test_bounds_that_make_no_sense_are_refused(
    engine: Operated, client: httpx.AsyncClient, name: str, body: dict[str, Any], status: int
) -> None:
    """And change nothing."""
    assert (await client.put(f"{CAPACITY}/{name}", json=body)).status_code == status
    assert (await room(engine, "Web")).maximum == 20


async def test_others_are_turned_away(engine: Operated) -> None:
    """A member's key gets a 403, nobody a 401; nothing is changed."""
    async with engine.client(AUTH) as member, engine.client({}) as nobody:
        for method, path in (("GET", CAPACITY), ("PUT", f"{CAPACITY}/Web"), ("PUT", STOP), ("DELETE", STOP)):
            assert (await member.request(method, path, json={"maximum": 1})).status_code == 403
            assert (await nobody.request(method, path, json={"maximum": 1})).status_code == 401


async def test_stopping_the_tier_bounds_its_pool_and_puts_it_back(
    engine: Operated, client: httpx.AsyncClient
) -> None:
    """To the least that there is, also when it is stopped a second time; afterwards it may be as large as before."""
    for _ in range(2):
        assert (await client.put(STOP, json=LLAMA)).status_code == 200
        pool = await room(engine, "Llama")
        assert (pool.minimum, pool.maximum, pool.buffer) == (0, 1, 0)
    stop = (await engine.stops.standing())["llama"]
    assert (stop.ceiling, stop.by) == (4, KEY)
    assert {row.state for name, row in (await engine.health.table()).items() if "llama" in name} == {
        "quarantined"
    }
    assert (await client.delete(STOP, params={"scope": "llama"})).status_code == 204
    assert (await room(engine, "Llama")).maximum == 4
    assert await engine.stops.standing() == {}
    await client.delete(STOP, params={"scope": "llama"})
    assert (await room(engine, "Llama")).maximum == 4


async def test_a_platform_that_is_away_does_not_keep_the_tier_running(
    engine: Operated, client: httpx.AsyncClient
) -> None:
    """The switch is ours; the pool falls idle by itself."""
    engine.capacity.away = True
    assert (await client.put(STOP, json=LLAMA)).status_code == 200
    assert set(await engine.stops.standing()) == {"llama"}
    engine.capacity.away = False
    await engine.capacity.bound("Llama", Bounds(maximum=3))
    assert (await client.delete(STOP, params={"scope": "llama"})).status_code == 204
    assert (await room(engine, "Llama")).maximum == 3


async def test_a_model_that_was_out_before_stays_out(engine: Operated, client: httpx.AsyncClient) -> None:
    """Its reason is its own: a stop of the whole tier neither replaces nor ends it."""
    ours = [spec.name for spec in engine.catalogue.models() if spec.provider == "llama"]
    await engine.health.quarantine(ours[:1], "garbled answers")
    assert (await client.put(STOP, json=LLAMA)).status_code == 200
    assert (await engine.health.table())[ours[0]].why == "garbled answers"
    assert (await client.delete(STOP, params={"scope": "llama"})).status_code == 204
    table = await engine.health.table()
    assert [name for name in ours if name in table and table[name].state == "quarantined"] == ours[:1]


async def test_what_could_not_go_on_can_be_asked_for_again(
    engine: Operated, client: httpx.AsyncClient
) -> None:
    """While the pool can't be given its containers back the stop stands, and with it the number of them."""
    assert (await client.put(STOP, json=LLAMA)).status_code == 200
    engine.capacity.away = True
    assert (await client.delete(STOP, params={"scope": "llama"})).status_code == 503
    assert set(await engine.stops.standing()) == {"llama"}
    engine.capacity.away = False
    assert (await client.delete(STOP, params={"scope": "llama"})).status_code == 204
    assert (await room(engine, "Llama")).maximum == 4


async def test_a_scope_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    """Letting the wrong thing go on must not pass for done."""
    assert (await client.delete(STOP, params={"scope": "some"})).status_code == 400
