"""The Llama tier's pool as readers meet it: who answers while it starts, makes way, is ill or has a queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx
import pytest

from shared.models.breaker import RULES
from shared.models.catalogue import LLAMA
from shared.ports.health import Standing
from tests.flow.house import House, opened
from tests.stores import Addresses

HOSTED = "gemini"
SLACK = 0.15
"""Seconds that a picture may be late."""
_NUMBERS = count()


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """A product whose tenant is answered by the pool, and by one hosted provider where that does not."""
    async with opened(addresses, cache=False) as found, found.client() as client:
        put = await client.put("/v1/policy", json={"models": {"providers": ["llama", HOSTED]}})
        assert put.status_code == 200
        yield found


async def ask(client: httpx.AsyncClient, model: str = "auto:cheap") -> httpx.Response:
    """One streamed answer."""
    text = f"Write one sentence on the number {next(_NUMBERS)}."
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}
    return await client.post("/v1/chat/completions", json=body)


def asked(house: House) -> list[str]:
    """Which providers were called, in order, since the last look."""
    found = [call.provider for call in house.simulator.calls()]
    house.simulator._server.calls.clear()
    return found


def standing(house: House) -> Standing:
    """How the pool's model is doing."""
    return house.services.health.standing(LLAMA)


def closed_for(house: House) -> float:
    """Seconds until the pool is asked again."""
    until = standing(house).until
    assert until is not None
    return (until - house.services.clock.now()).total_seconds()


@asynccontextmanager
async def failing(house: House, kind: str) -> AsyncIterator[httpx.AsyncClient]:
    """A caller while every call of the pool meets this; the pool was well before."""
    async with house.client() as client:
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama"]
        house.simulator.plan(kind, "llama", times=None)
        yield client


@pytest.mark.parametrize(("kind", "milliseconds"), [("cold", RULES.cold), ("draining", RULES.draining)])
async def test_a_pool_that_has_no_replica_is_spared_as_long_as_that_takes(
    house: House, kind: str, milliseconds: int
) -> None:
    """The hosted rung answers the same call at once and all later ones without a detour; then the pool is asked anew:
    after ten seconds where it starts, after one where another replica takes over."""
    async with failing(house, kind) as client:
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama", HOSTED]
        seconds = milliseconds / 1000
        assert seconds - 1 < closed_for(house) <= seconds
        assert (await ask(client)).status_code == 200
        assert asked(house) == [HOSTED]
        await asyncio.sleep(closed_for(house) - 2 * SLACK)
        assert (await ask(client)).status_code == 200
        assert asked(house) == [HOSTED]
        house.simulator.clear()
        await asyncio.sleep(max(closed_for(house), 0) + SLACK)
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama"]
        assert standing(house).state == "closed"


async def test_a_pool_that_still_has_nobody_is_spared_for_as_long_again(house: House) -> None:
    """Each time that it is asked in vain the same wait follows, and no longer one."""
    async with failing(house, "draining") as client:
        for _ in range(3):
            assert (await ask(client)).status_code == 200
            assert asked(house)[-2:] == ["llama", HOSTED]
            assert 0 < closed_for(house) <= RULES.draining / 1000
            await asyncio.sleep(closed_for(house) + SLACK)


async def test_a_sick_pool_counts_as_a_fault(house: House) -> None:
    """Its breaker opens at once, and for longer each time."""
    async with failing(house, "sick") as client:
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama", HOSTED]
        found = (await house.services.health.table())[LLAMA.name]
        assert (found.state, found.failures) == ("open", 1)
        assert RULES.first * 0.79 / 1000 - 1 < closed_for(house) <= RULES.first * 1.21 / 1000
        assert found.why.endswith("is not well")


async def test_a_queue_is_spared_for_a_moment_and_is_no_fault(house: House) -> None:
    """The answer that told of it is given; others go elsewhere for two seconds; nothing is held against the pool."""
    async with failing(house, "busy") as client:
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama"]
        assert 1 < closed_for(house) <= RULES.busy / 1000
        assert (await house.services.health.table())[LLAMA.name].failures == 0
        assert (await ask(client)).status_code == 200
        assert asked(house) == [HOSTED]
        house.simulator.clear()
        await asyncio.sleep(closed_for(house) + SLACK)
        assert (await ask(client)).status_code == 200
        assert asked(house) == ["llama"]


async def test_whoever_has_only_a_busy_pool_waits_in_its_queue(house: House) -> None:
    """A queue is better than no answer."""
    async with failing(house, "busy") as client:
        for _ in range(3):
            assert (await ask(client, LLAMA.name)).status_code == 200
            assert asked(house) == ["llama"]
            assert standing(house).state != "closed"


async def test_whoever_has_only_a_cold_pool_is_told_when_to_come_again(house: House) -> None:
    """A named model stands alone: 503 at once, with the seconds after which the pool is asked again."""
    async with failing(house, "cold") as client:
        await ask(client, LLAMA.name)
        asked(house)
        refused = await ask(client, LLAMA.name)
        assert refused.status_code == 503
        assert 8 < float(refused.headers["retry-after"]) <= 10
        assert asked(house) == []
