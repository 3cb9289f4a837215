"""Shared answers while processes are killed and Redis goes away: one leads, all hear everything, nobody hangs."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.embedded.home import Servers
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.flights import LEASE, RedisFlights
from shared.core.ids import TenantId
from shared.ports.flights import Following
from tests.stores import Addresses
from tests.structure.tree import ROOT

KEY = b"\x01" * 32
SOON = 25.0


@dataclass
class Flyer:
    """A process that flies, and what it told."""

    process: asyncio.subprocess.Process
    told: list[dict[str, Any]] = field(default_factory=list)

    async def next(self, what: str) -> dict[str, Any]:
        """The next line of that kind."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.told.append(json.loads(line))
            if self.told[-1]["what"] == what:
                return self.told[-1]
        raise AssertionError(f"it ended without '{what}': {self.told}")

    async def rest(self) -> int:
        """All that it still tells; its exit status."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.told.append(json.loads(line))
        return await self.process.wait()

    @property
    def heard(self) -> list[str]:
        """The messages it heard."""
        return [one["message"] for one in self.told if one["what"] == "heard"]

    @property
    def leads(self) -> bool:
        """Whether it ever led."""
        return any(one["what"] == "leads" for one in self.told)


@asynccontextmanager
async def flyer(redis: str, tenant: TenantId, label: str, says: int, pause: float) -> AsyncIterator[Flyer]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.flyer", redis, tenant, KEY.hex(), label, str(says), str(pause)),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    try:
        yield Flyer(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_lead_that_is_killed_is_succeeded_by_one(addresses: Addresses, tenant: TenantId) -> None:
    """Of two other processes exactly one goes on, within the lease; both hear each message once and in order, and the
    one that follows hears the end."""
    redis = addresses.redis
    async with (
        asyncio.timeout(SOON),
        flyer(redis, tenant, "first", 1000, 0.01) as lead,
    ):
        await lead.next("leads")
        async with (
            flyer(redis, tenant, "b", 400, 0.005) as one,
            flyer(redis, tenant, "c", 400, 0.005) as other,
        ):
            for follower in (one, other):
                await follower.next("follows")
                await follower.next("heard")
            lead.process.kill()
            began = asyncio.get_running_loop().time()
            turns = [asyncio.create_task(follower.next("leads")) for follower in (one, other)]
            done, waiting = await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)
            assert asyncio.get_running_loop().time() - began < LEASE + 1
            assert len(done) == 1
            assert not next(iter(done)).exception()
            for turn in waiting:
                turn.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await turn
            assert [await one.rest(), await other.rest()] == [0, 0]
    assert one.leads != other.leads
    winner, follower = (one, other) if one.leads else (other, one)
    label = "b" if one.leads else "c"
    said = len(winner.heard)
    assert winner.heard == [f"first {n}" for n in range(said)]
    assert follower.heard == [*winner.heard, *(f"{label} {n}" for n in range(said, 401))]
    assert follower.told[-1]["what"] == "over"


async def test_a_lead_that_slept_too_long_is_heard_no_more(addresses: Addresses, tenant: TenantId) -> None:
    """A process that stood still while another took over says nothing into the new lead's story."""
    redis = addresses.redis
    async with asyncio.timeout(SOON), flyer(redis, tenant, "a", 2000, 0.005) as lead:
        await lead.next("leads")
        async with flyer(redis, tenant, "b", 300, 0.005) as follower:
            await follower.next("heard")
            os.kill(lead.process.pid, 19)  # SIGSTOP
            await follower.next("leads")
            os.kill(lead.process.pid, 18)  # SIGCONT
            await lead.next("out")
            assert await follower.rest() == 0
    assert [message.split()[0] for message in follower.heard] == ["a"] * len(follower.heard)


@pytest.fixture
def servers() -> Iterator[Servers]:
    """A Redis of one test's own: it ends it."""
    with (
        tempfile.TemporaryDirectory(prefix="csf-") as folder,
        Servers(Path(folder) / "h", names=("redis",), durable=False) as servers,
    ):
        yield servers


async def test_a_restart_of_redis_in_the_middle_hangs_nobody(servers: Servers, tenant: TenantId) -> None:
    """What it knew is lost: who hears the lead elsewhere leads alone, who hears it here hears it to the end, and
    the next who ask share an answer again."""
    connections = [RedisConnection(servers.redis_dsn()) for _ in range(2)]
    here, there = (RedisFlights(connection) for connection in connections)
    async with asyncio.timeout(SOON * 2):
        lead = await here.join(tenant, KEY)
        assert not isinstance(lead, Following)
        followers = [await flights.join(tenant, KEY) for flights in (here, there)]
        near, far = (one for one in followers if isinstance(one, Following))
        hearing = [asyncio.create_task(_all(one)) for one in (near, far)]
        await lead.say(b"1")
        await asyncio.sleep(0.1)
        await asyncio.to_thread(servers.down, "redis")
        assert await lead.say(b"2")
        assert await hearing[1] == [b"1"]
        alone = await far.take_over()
        assert alone is not None
        assert await alone.say(b"nobody hears it")
        assert not isinstance(await there.join(tenant, b"\x02" * 32), Following)
        await asyncio.to_thread(servers.up, "redis")
        await lead.end(b"3")
        assert await hearing[0] == [b"1", b"2", b"3"]
        await asyncio.sleep(1.1)  # for so long nobody asks a Redis that failed
        again = await here.join(tenant, b"\x03" * 32)
        assert not isinstance(again, Following)
        follower = await there.join(tenant, b"\x03" * 32)
        assert isinstance(follower, Following)
        await again.end(b"x")
        assert await _all(follower) == [b"x"]
        for flights, connection in zip((here, there), connections, strict=True):
            await flights.close()
            await connection.close()


async def _all(flight: Following) -> list[bytes]:
    async with aclosing(flight.messages()) as messages:
        return [message async for message in messages]
