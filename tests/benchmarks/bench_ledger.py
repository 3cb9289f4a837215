"""Reserving and settling against one cap from several processes at once, on a real Redis.

`python -m tests.benchmarks.bench_ledger [--operations N] [--processes N]` prints JSON lines. An operation is a hold or
a settlement; a hold that is refused is one too. Every process runs 64 of them side by side on one key of one tenant,
under four caps and two rates, as a chat's are; one more process looks at the balance all the while. `passed the cap`
counts the looks at which spent + held was above the cap, `left held` what is held at the end, in micro-dollars, `lost`
by how much the figure differs from what the processes booked: each has the limit 0.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shared.adapters.clock import SystemClock
from shared.adapters.embedded.home import Servers
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget
from shared.core.ids import KeyId, RunId, TenantId
from shared.core.limit import Cap
from shared.core.money import Micros
from shared.core.tenant import Limits, Principal
from shared.guard.limits import caps_of, charges_of, rest_of

TENANT = TenantId("00000000-0000-7000-8000-000000000001")
KEY = KeyId("key_" + "0" * 31 + "1")
OPERATIONS, PROCESSES, BESIDE = 100_000, 8, 64
MOST = 400
"""Micro-dollars that a run sets aside at most. It costs anything from 0 to that."""


async def nothing_spent(_tenant: TenantId, _since: object, _until: object, _key: str | None) -> Micros:
    """A database that knows of no spending."""
    return Micros(0)


def bounds(cap: int) -> tuple[Principal, Limits]:
    """A caller with a key's limits and a tenant's, of which the tenant's month binds."""
    wide = Limits(day_micros=Micros(cap * 2), month_micros=Micros(cap * 2))
    house = Limits(None, Micros(cap * 2), Micros(cap), 10**9, 10**9)
    return Principal(TENANT, KEY, KEY, key_limits=wide), house


async def spend(url: str, seed: int, operations: int, cap: int) -> dict[str, Any]:
    """One process's share of the work."""
    chance, redis = random.Random(seed), RedisConnection(url)
    ledger = RedisLedger(redis, SystemClock(), nothing_spent)
    caller, house = bounds(cap)
    caps = caps_of(caller, house)
    numbers = iter(range(operations))
    booked = refused = done = 0

    async def work() -> None:
        nonlocal booked, refused, done
        for number in numbers:
            if done >= operations:
                return
            run, amount = RunId(f"chat_{seed:016x}{number:016x}"), chance.randint(1, MOST)
            done += 1
            try:
                await ledger.hold(TENANT, run, Micros(amount), caps, charges_of(caller, house, 100))
            except OverBudget:
                refused += 1
                continue
            cost = chance.randint(0, amount)
            done += 1
            if not await ledger.settle(TENANT, run, Micros(cost), rest_of(caller, house, 100, 250)):
                raise AssertionError("a hold was ended by somebody else")
            booked += cost

    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(BESIDE):
            group.create_task(work())
    found = {
        "booked": booked,
        "refused": refused,
        "done": done,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
    }
    await redis.close()
    return found


async def watch(ledger: RedisLedger, caps: tuple[Cap, ...], over: asyncio.Event) -> tuple[int, int]:
    """Look until all is over. How often, and how often a cap was passed."""
    looks = passed = 0
    while not over.is_set():
        for balance in await ledger.balance(TENANT, caps):
            passed += balance.spent + balance.held > (balance.cap.micros or 0)
        looks += 1
        await asyncio.sleep(0.001)
    return looks, passed


async def bench(operations: int, processes: int) -> list[dict[str, Any]]:
    """All of it, on a Redis of its own."""
    share = operations // processes
    cap = share * processes * MOST // 10  # four fifths of what would be spent: the cap binds in the end
    with tempfile.TemporaryDirectory(prefix="csb-") as folder:
        async with Servers(Path(folder) / "h", names=("redis",), durable=False) as servers:
            redis = RedisConnection(servers.redis_dsn())
            ledger, over = RedisLedger(redis, SystemClock(), nothing_spent), asyncio.Event()
            caps = caps_of(*bounds(cap))
            watching = asyncio.create_task(watch(ledger, caps, over))
            began = time.perf_counter()
            spenders = [await _start(servers.redis_dsn(), seed, share, cap) for seed in range(processes)]
            results = [json.loads((await spender.communicate())[0]) for spender in spenders]
            seconds = time.perf_counter() - began
            over.set()
            looks, passed = await watching
            last = (await ledger.balance(TENANT, caps))[0]
            await redis.close()
    done = sum(result["done"] for result in results)
    booked = sum(result["booked"] for result in results)
    return [
        figure("operations", done, "") | {"processes": processes, "seconds": round(seconds, 1)},
        figure("passed the cap", passed, "looks") | {"limit": 0, "looks": looks},
        figure("left held", last.held, "micros") | {"limit": 0},
        figure("lost", abs(last.spent - booked), "micros") | {"limit": 0, "booked": booked, "cap": cap},
        figure("refused", sum(result["refused"] for result in results), "holds"),
        figure("operations a second", sum(result["done"] / result["seconds"] for result in results), "1/s"),
        figure("CPU of an operation", sum(result["cpu"] for result in results) / done * 1e6, "us"),
    ]


async def _start(url: str, seed: int, share: int, cap: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.bench_ledger",
        *("--spend", url, "--seed", str(seed), "--operations", str(share), "--cap", str(cap)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": os.environ["PATH"]},
    )


def figure(name: str, value: float, unit: str) -> dict[str, Any]:
    """One line of the result."""
    return {"bench": "ledger", "name": name, "value": round(value, 1), "unit": unit}


def main() -> None:
    """Print the figures; exit 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--spend", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--cap", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.spend:
        import uvloop

        found = uvloop.run(spend(given.spend, given.seed, given.operations, given.cap))
        sys.stdout.write(json.dumps(found) + "\n")
        return
    figures = asyncio.run(bench(given.operations, given.processes))
    for one in figures:
        sys.stdout.write(json.dumps(one) + "\n")
    sys.exit(any(one["value"] > one["limit"] for one in figures if "limit" in one))


if __name__ == "__main__":
    main()
