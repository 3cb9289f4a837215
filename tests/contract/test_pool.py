"""The pool of connections, against a real Postgres."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from shared.adapters.postgres.pool import Connection, Pool
from tests.stores import Addresses


class Door:
    """Opens connections, and counts them. `shut` is a server that is not there."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.opened = 0
        self.shut = False

    async def __call__(self) -> Connection:
        """One more."""
        if self.shut:
            raise ConnectionRefusedError
        self.opened += 1
        connection: Connection = await asyncpg.connect(self.dsn)
        return connection


@pytest.fixture
def door(addresses: Addresses) -> Door:
    return Door(addresses.app)


@pytest.fixture
async def pool(door: Door) -> AsyncGenerator[Pool, None]:
    made = Pool(door, size=2, patience=0.3)
    yield made
    await made.close(1.0)


async def test_a_connection_is_used_again(pool: Pool, door: Door) -> None:
    """One after the other needs one."""
    for _ in range(5):
        connection = await pool.acquire()
        assert await connection.fetchval("select 1") == 1
        pool.release(connection)
    assert door.opened == 1


async def test_no_more_are_open_than_there_may_be(pool: Pool, door: Door) -> None:
    """Whoever comes then has the next that is given back, in turn."""
    first, second = await pool.acquire(), await pool.acquire()
    order: list[int] = []

    async def wait(number: int) -> None:
        connection = await pool.acquire()
        order.append(number)
        pool.release(connection)

    tasks = [asyncio.ensure_future(wait(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    assert order == []
    pool.release(first)
    await asyncio.gather(*tasks)
    pool.release(second)
    assert (order, door.opened) == ([0, 1, 2], 2)


async def test_who_waits_too_long_is_told(pool: Pool) -> None:
    """And takes nothing from those who come later."""
    held = [await pool.acquire(), await pool.acquire()]
    with pytest.raises(TimeoutError):
        await pool.acquire()
    for connection in held:
        pool.release(connection)
    again = await pool.acquire()
    pool.release(again)


async def test_who_leaves_while_waiting_loses_no_connection(pool: Pool) -> None:
    """A connection that was given to somebody who has just left goes to the next."""
    held = [await pool.acquire(), await pool.acquire()]
    leaving = asyncio.ensure_future(pool.acquire())
    staying = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0.01)
    pool.release(held[0])
    leaving.cancel()
    got = await staying
    assert leaving.cancelled()
    for connection in (held[1], got):
        pool.release(connection)
    both = [await pool.acquire(), await pool.acquire()]
    for connection in both:
        pool.release(connection)


@pytest.mark.parametrize("state", ["closed", "in a transaction"])
async def test_what_is_not_as_it_was_is_not_handed_out_again(pool: Pool, door: Door, state: str) -> None:
    """Nothing of one user's is left to the next, and its place is free."""
    connection = await pool.acquire()
    if state == "closed":
        connection.terminate()
    else:
        await connection.execute("begin")
    pool.release(connection)
    other = [await pool.acquire(), await pool.acquire()]
    assert connection not in other
    assert door.opened == 3
    for one in other:
        pool.release(one)


async def test_a_server_that_is_away_costs_no_place(pool: Pool, door: Door) -> None:
    """Each who asks hears of it, and once it is back there are as many as before."""
    door.shut = True
    for _ in range(5):
        with pytest.raises(ConnectionRefusedError):
            await pool.acquire()
    door.shut = False
    held = [await pool.acquire(), await pool.acquire()]
    for connection in held:
        pool.release(connection)


async def test_closing_waits_a_moment_and_then_cuts(pool: Pool) -> None:
    """Who gives back in time is not cut; nobody gets one any more."""
    quick, slow = await pool.acquire(), await pool.acquire()
    closing = asyncio.ensure_future(pool.close(0.2))
    await asyncio.sleep(0.01)
    assert await quick.fetchval("select 1") == 1
    pool.release(quick)
    await closing
    assert slow.is_closed()
    pool.release(slow)
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire()
