"""The stores of the prompt cache and of shared answers, on a real Redis and a real Postgres.

`python -m tests.benchmarks.bench_recall` prints JSON lines. `found`, `missed` and `nearest` are one request at a time;
`found cold` is with an empty Redis. `said` is one message of a lead, 1 KiB, with nobody beside it. `1,000 hear` is from
the moment a lead says something until the last of 1,000 followers of one process has it: `here` in the lead's own
process, `there` in another one's place, over Redis. `joined` is 1,000 who join one flight at once, the whole of it.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from infra.local import DATABASE, prepare
from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.recall import PostgresAnswers
from shared.adapters.recall import KeptAnswers
from shared.adapters.redis.answers import RedisAnswers
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.flights import RedisFlights
from shared.core.ids import TenantId, run_id
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.ports.answers import Stored
from shared.ports.flights import Following, Lead

ROWS, ROUNDS, FOLLOWERS = 1_000, 1_000, 1_000
BODY = b"[" + b'[{"t":"some words of an answer"}],' * 120 + b"[]]"
"""Four KiB, as a short answer has them."""
HIT_MS, NEAR_MS = 3.0, 25.0
"""What a hit may take at the API: the store has to stay far below it."""


def figure(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """One line of the result."""
    return {"bench": "recall", "name": name, "value": round(value, 3), "unit": unit, **more}


async def timed(
    name: str, rounds: int, act: Callable[[int], Awaitable[object]], **more: Any
) -> dict[str, Any]:
    """The 95th percentile of one at a time, in milliseconds, with the median beside it."""
    taken = []
    cpu = time.process_time()
    for number in range(rounds):
        began = time.perf_counter()
        await act(number)
        taken.append((time.perf_counter() - began) * 1e3)
    cpu = (time.process_time() - cpu) / rounds * 1e3
    p95 = statistics.quantiles(taken, n=20)[-1] if rounds >= 20 else max(taken)
    return figure(f"{name} p95", p95, "ms", p50=round(statistics.median(taken), 3), cpu=round(cpu, 3), **more)


async def cache(database: Database, redis: RedisConnection) -> list[dict[str, Any]]:
    """Finding and storing."""
    clock, ids = SystemClock(), RandomIds()
    tenant, now = TenantId(str(ids.uuid())), clock.now()
    answers = KeptAnswers(RedisAnswers(redis), PostgresAnswers(database), clock)

    def row(number: int) -> Stored:
        name = number.to_bytes(32, "big")
        return Stored(
            name, b"f" * 32, b"c" + name[1:], "gpt", "openai", "", (), run_id("chat", ids.uuid()), now,
            now + timedelta(hours=1), Micros(100), Usage(10, output=20), simulated=False, reads=BODY, words="w",
        )  # fmt: skip

    def vector(number: int) -> list[float]:
        chance = random.Random(number)
        return [chance.gauss(0.5, 0.2) for _ in range(384)]

    stored = await timed("stored", ROWS, lambda n: answers.put(tenant, row(n), vector(n), "e"))
    await answers.find(tenant, b"x" * 32, b"f" * 32, None, now)
    await asyncio.sleep(1.0)
    found = await timed(
        "found",
        ROUNDS,
        lambda n: answers.find(tenant, row(n).key, b"f" * 32, row(n).content, now),
        limit=HIT_MS,
    )
    like = await timed(
        "found by its content words",
        ROUNDS,
        lambda n: answers.find(tenant, b"x" * 32, b"f" * 32, row(n).content, now),
        limit=HIT_MS,
    )
    missed = await timed(
        "missed",
        ROUNDS,
        lambda n: answers.find(tenant, row(n + 10**6).key, b"f" * 32, b"y" * 32, now),
        limit=HIT_MS,
    )
    nearest = await timed(
        f"nearest of {ROWS}",
        200,
        lambda n: answers.near(tenant, b"f" * 32, vector(n), "e", now),
        limit=NEAR_MS,
    )
    back = PostgresAnswers(database)
    cold = await timed(
        "found cold", 200, lambda n: back.find(tenant, row(n).key, b"f" * 32, row(n).content, now)
    )
    purged = await timed("purged", 1, lambda _: answers.purge(tenant))
    await answers.close()
    return [stored, found, like, missed, nearest, cold, purged]


async def flights(url: str) -> list[dict[str, Any]]:
    """Saying and hearing."""
    connections = [RedisConnection(url) for _ in range(2)]
    here, there = (RedisFlights(connection) for connection in connections)
    tenant = TenantId(str(RandomIds().uuid()))
    message = b"x" * 1024
    lead = await _lead(here, tenant, b"1" * 32)
    said = await timed("said", ROUNDS, lambda _: lead.say(message), limit=5.0)
    await lead.end(b"")
    found = [said]
    for name, flights in (("here", here), ("there", there)):
        key = name.encode().ljust(32)
        lead = await _lead(here, tenant, key)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            joins = [group.create_task(flights.join(tenant, key)) for _ in range(FOLLOWERS)]
        joined = (time.perf_counter() - began) * 1e3
        heard: list[list[float]] = [[] for _ in range(51)]
        async with asyncio.TaskGroup() as group:
            for join in joins:
                follower = join.result()
                assert isinstance(follower, Following)
                group.create_task(_hear(follower, heard))
            await asyncio.sleep(0.2)
            times = []
            for _ in range(50):
                times.append(time.perf_counter())
                await lead.say(message)
                await asyncio.sleep(0.05)
            times.append(time.perf_counter())
            await lead.end(message)
        assert all(len(one) == FOLLOWERS for one in heard)
        last = sorted((max(one) - sent) * 1e3 for one, sent in zip(heard, times, strict=True))
        found += [
            figure(f"{FOLLOWERS:,} joined {name}", joined, "ms"),
            figure(f"{FOLLOWERS:,} hear {name} p50", statistics.median(last), "ms", most=round(last[-1], 1)),
        ]
    for one, connection in zip((here, there), connections, strict=True):
        await one.close()
        await connection.close()
    return found


async def _lead(flights: RedisFlights, tenant: TenantId, key: bytes) -> Lead:
    lead = await flights.join(tenant, key)
    assert not isinstance(lead, Following)
    return lead


async def _hear(follower: Following, heard: list[list[float]]) -> None:
    number = 0
    async with aclosing(follower.messages()) as messages:
        async for _ in messages:
            heard[number].append(time.perf_counter())
            number += 1


async def bench() -> list[dict[str, Any]]:
    """All of it, on a home of its own."""
    with tempfile.TemporaryDirectory(prefix="csb-") as folder:
        async with Servers(Path(folder) / "h", names=("postgres", "redis"), durable=False) as servers:
            admin = await asyncpg.connect(servers.postgres_dsn("postgres"))
            await admin.execute(f"create database {DATABASE}")
            await admin.close()
            await prepare(servers.postgres_dsn("postgres", DATABASE))
            database = await Database.open(servers.postgres_dsn("chatsmart_app", DATABASE))
            redis = RedisConnection(servers.redis_dsn())
            found = await cache(database, redis)
            await redis.close()
            await database.close()
            return found + await flights(servers.redis_dsn())


def main() -> None:
    """Print the figures; exit 1 where a limit is passed."""
    import uvloop

    figures = uvloop.run(bench())
    for one in figures:
        sys.stdout.write(json.dumps(one) + "\n")
    sys.exit(any(one["value"] > one["limit"] for one in figures if "limit" in one))


if __name__ == "__main__":
    main()
