"""The cap holds across processes: Redis decides, nobody's memory does."""

import asyncio
import json
import os
import subprocess
import sys
from typing import TypeVar

from shared.core.ids import TenantId
from shared.core.limit import Cap
from shared.core.money import Micros
from tests.contract.samples import month
from tests.stores import Addresses, Stores
from tests.structure.tree import ROOT

T = TypeVar("T")
CAP = 10_000
ROUNDS = 20
SPENDER = """
import asyncio, json, random, sys
from shared.adapters.clock import SystemClock
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.ledger import RedisLedger
from shared.core.faults import OverBudget, TooFast
from shared.core.ids import RunId, TenantId
from shared.core.limit import Cap, Charge, Rate
from shared.core.money import Micros

async def nothing_spent(tenant, since, until, key):
    return Micros(0)

async def main(url, tenant, seed, cap):
    chance, redis = random.Random(seed), RedisConnection(url)
    ledger, spent, refused = RedisLedger(redis, SystemClock(), nothing_spent), 0, 0
    caps = [Cap("tenant", tenant, "month", Micros(cap)), Cap("key", "key_1", "day", Micros(cap))]
    rate = Rate("key", "key_1", "tokens", 60, 3000)
    async def work(number):
        nonlocal spent, refused
        run, amount = RunId(f"doc_{seed}_{number}"), chance.randint(1, 400)
        try:
            await ledger.hold(TenantId(tenant), run, Micros(amount), caps, [Charge(rate, 1)])
        except (OverBudget, TooFast):
            refused += 1
            return
        await asyncio.sleep(chance.random() / 100)
        cost = chance.randint(0, amount)
        assert await ledger.settle(TenantId(tenant), run, Micros(cost))
        spent += cost
    print("ready", flush=True)
    for first in range(0, 200, 10):
        await asyncio.to_thread(sys.stdin.readline)
        async with asyncio.TaskGroup() as group:
            for number in range(first, first + 10):
                group.create_task(work(number))
    await redis.close()
    print(json.dumps({"spent": spent, "refused": refused}))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def piped(stream: T | None) -> T:
    """The stream of a process that was started with a pipe."""
    assert stream is not None
    return stream


async def test_processes_together_never_pass_the_cap(
    stores: Stores, addresses: Addresses, tenant: TenantId
) -> None:
    """At every instant that anybody looks, and the sum of what they booked is what is booked."""
    spenders = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SPENDER,
            addresses.redis,
            tenant,
            str(seed),
            str(CAP),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )
        for seed in range(3)
    ]

    caps = (*month(tenant, CAP), Cap("key", "key_1", "day", Micros(CAP)))

    async def watch() -> None:
        """Each look lets every process go on by one round, and does not wait for it: looks fall into the rounds."""
        looks = 0
        while any(spender.returncode is None for spender in spenders):
            for now in await stores.ledger.balance(tenant, caps):
                assert now.spent + now.held <= CAP
            looks += 1
            for spender in spenders if looks <= ROUNDS else ():
                piped(spender.stdin).write(b"\n")
            await asyncio.sleep(0.001)

    async def output(spender: asyncio.subprocess.Process) -> bytes:
        said = await piped(spender.stdout).read()
        await spender.wait()
        return said

    async with asyncio.timeout(60):
        for spender in spenders:
            assert await piped(spender.stdout).readline() == b"ready\n"
        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            outputs = [group.create_task(output(spender)) for spender in spenders]
    results = [json.loads(output.result()) for output in outputs]
    last, of_key = await stores.ledger.balance(tenant, caps)
    assert (last.spent, last.held) == (sum(result["spent"] for result in results), 0)
    assert (of_key.spent, of_key.held) == (last.spent, 0)
    assert last.spent > CAP * 0.9
    assert sum(result["refused"] for result in results) > 0
