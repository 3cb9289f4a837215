"""What scripts that share a connection may rely on."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.line import Script
from shared.core.faults import Unavailable
from tests.stores import Addresses, Stores

ECHO = Script("return KEYS[1] .. ' ' .. ARGV[1]")
BROKEN = Script("return redis.call('INCR', KEYS[1], 'too', 'many')")
COUNT = Script("return tostring(redis.call('INCR', KEYS[1]))")
GET = Script("return redis.call('GET', KEYS[1]) or ''")


@pytest.fixture
async def redis(addresses: Addresses) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(addresses.redis)
    yield connection
    await connection.close()


async def test_everybody_gets_their_own_answer(redis: RedisConnection, tenant: str) -> None:
    """However many share a round trip, in whatever order, in any script and any alphabet."""

    async def ask(number: int) -> None:
        word = f"{number}-ünï-🙂\r\n$3" if number % 3 else str(number)
        assert await redis.line.run(ECHO, [tenant], [word]) == f"{tenant} {word}"

    async with asyncio.TaskGroup() as group:
        for number in range(500):
            group.create_task(ask(number))


async def test_a_script_that_fails_fails_alone(redis: RedisConnection, tenant: str) -> None:
    """Its neighbours of the same round trip are answered."""
    good = [asyncio.ensure_future(redis.line.run(ECHO, ["k"], [str(n)])) for n in range(3)]
    bad = asyncio.ensure_future(redis.line.run(BROKEN, [tenant], []))
    more = asyncio.ensure_future(redis.line.run(ECHO, ["k"], ["last"]))
    with pytest.raises(Unavailable, match="refused a script"):
        await bad
    assert [await one for one in (*good, more)] == ["k 0", "k 1", "k 2", "k last"]


async def test_a_caller_that_leaves_takes_nobody_along(redis: RedisConnection, tenant: str) -> None:
    """What it asked is done all the same, once."""
    await redis.line.run(COUNT, [tenant], [])
    leaving = asyncio.ensure_future(redis.line.run(COUNT, [tenant], []))
    staying = asyncio.ensure_future(redis.line.run(COUNT, [tenant], []))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "3"
    assert await redis.line.run(COUNT, [tenant], []) == "4"


async def test_what_is_asked_first_runs_first(redis: RedisConnection, stores: Stores, tenant: str) -> None:
    """Also where its caller has left and the server has never heard of the script: a hold lands before its release."""
    await redis.line.run(GET, [tenant], [])
    fresh = Script(f"-- {tenant}\nreturn tostring(redis.call('INCR', KEYS[1]))")
    before = asyncio.ensure_future(redis.line.run(GET, [tenant], []))
    leaving = asyncio.ensure_future(redis.line.run(fresh, [tenant], []))
    after = asyncio.ensure_future(redis.line.run(GET, [tenant], []))
    await asyncio.sleep(0)
    leaving.cancel()
    assert [await before, await after] == ["", "1"]


async def test_a_server_that_forgot_its_scripts_learns_them_again(
    redis: RedisConnection, stores: Stores, tenant: str
) -> None:
    """In the same call, and each is run once."""
    assert await redis.line.run(COUNT, [tenant], []) == "1"
    await stores.redis.commands.script_flush()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(redis.line.run(COUNT, [tenant], [])) for _ in range(5)]
    assert [one.result() for one in asked] == ["2", "3", "4", "5", "6"]


async def test_a_connection_that_was_cut_is_made_again(
    redis: RedisConnection, stores: Stores, tenant: str
) -> None:
    """Nobody notices."""
    await redis.line.run(ECHO, ["k"], ["v"])
    for _ in range(3):
        await stores.redis.commands.client_kill_filter(_type="normal", skipme=True)
        assert await redis.line.run(GET, [tenant], []) == ""


async def test_a_line_that_closes_answers_first(addresses: Addresses, tenant: str) -> None:
    """What is under way ends, and a closed line opens again for whoever asks."""
    redis = RedisConnection(addresses.redis)
    asked = [asyncio.ensure_future(redis.line.run(COUNT, [tenant], [])) for _ in range(300)]
    await asyncio.sleep(0)
    await redis.close()
    assert sorted(int(one.result()) for one in asked) == list(range(1, 301))
    assert await redis.line.run(COUNT, [tenant], []) == "301"
    await redis.close()


async def test_nobody_there_is_unavailable(tenant: str) -> None:
    """For all who asked, soon."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis = RedisConnection(f"redis://127.0.0.1:{port}/0")
    async with asyncio.timeout(15):
        for one in [asyncio.ensure_future(redis.line.run(ECHO, ["k"], ["v"])) for _ in range(3)]:
            with pytest.raises(Unavailable):
                await one
    await redis.close()
