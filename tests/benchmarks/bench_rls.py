"""What row-level security costs on a call log of a million rows over a thousand tenants.

`python -m tests.benchmarks.bench_rls [--rows N]` prints JSON lines. Both sides read the same rows in the same run,
in turns: as a role that no policy binds, with `where tenant_id = …`, and as the app, where the policy says it. The
ratio of their medians is the figure; a ratio of two absolutes from two runs would measure the machine. `both_ms` is
the app with the condition as well, as the adapters send it: a second lock on the same door, some microseconds more.
The limit is on all queries together: on one of a tenth of a millisecond, the policy's fixed microseconds are a tenth.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from infra.local import prepare
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.log import PostgresLog
from shared.core.ids import TenantId
from shared.core.money import Micros
from tests.contract.samples import entry, run

TENANTS = 1_000
ROUNDS = 500
LIMIT = 1.10
"""At most a tenth more than without."""

_FILL = """
insert into public.call_log (tenant_id, run_id, position, at, trace_id, kind, step, model, provider, request,
  response, body, input_tokens, output_tokens, provenance, cost_micros)
select ('00000000-0000-7000-8000-' || lpad(to_hex(n % {tenants}), 12, '0'))::uuid,
  'doc_' || lpad((n / 10)::text, 32, '0'), n % 10 + 1, date_trunc('month', now()) + n * interval '1 second',
  lpad(to_hex(n), 32, '0'), 'outcome', 'draft', 'gpt', 'openai', 'request', 'response', '{{"a": 1}}', n % 5000,
  n % 700, 'provider', n % 100000
from generate_series({first}, {last}) as n
"""

QUERIES = {
    "count": "select count(*) from public.call_log where true",
    "last 50": "select run_id, position, at, model, cost_micros, body from public.call_log "
    "where true order by at desc limit 50",
    "sum of a day": "select sum(cost_micros) from public.call_log where true "
    "and at >= date_trunc('month', now()) and at < date_trunc('month', now()) + interval '1 day'",
}


def tenant(number: int) -> str:
    """The n-th tenant's id."""
    return str(UUID(int=0x7000_8000_000000000000 | number))


async def fill(admin: str, rows: int) -> float:
    """Rows made inside the server, by two connections; seconds."""
    began = time.perf_counter()

    async def part(first: int, last: int) -> None:
        connection = await asyncpg.connect(admin)
        # the position check is per row and made for the app's writes; here it would only cost time
        await connection.execute("set session_replication_role = replica")
        await connection.execute(_FILL.format(tenants=TENANTS, first=first, last=last))
        await connection.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(part(1, rows // 2))
        group.create_task(part(rows // 2 + 1, rows))
    connection = await asyncpg.connect(admin)
    await connection.execute("vacuum analyze public.call_log")
    await connection.close()
    return time.perf_counter() - began


async def timed(connection: Any, query: str, *arguments: object) -> float:
    """Milliseconds of one statement, answer included."""
    began = time.perf_counter()
    await connection.fetch(query, *arguments)
    return (time.perf_counter() - began) * 1000


async def compare(admin: str) -> dict[str, dict[str, float]]:
    """Medians without the policy, with it, and with policy and condition both, in turns.

    One connection, so one server process: two of them differ by a third, by which core each happens to run on. Not as
    the superuser, who is asked for no rights at all: the difference is to be the policy and nothing else.
    """
    connection = await asyncpg.connect(admin)
    found: dict[str, dict[str, float]] = {}
    try:
        await connection.execute("begin")
        for name, policed in QUERIES.items():
            named = policed.replace("where true", "where tenant_id = $1")
            times: tuple[list[float], list[float], list[float]] = ([], [], [])
            for number in range(ROUNDS):
                owner = tenant(number * 37 % TENANTS)
                await connection.execute(
                    "select set_config('request.jwt.claims', $1, true)", json.dumps({"tenant_id": owner})
                )
                acts: tuple[tuple[str, str, tuple[UUID, ...]], ...] = (
                    ("service_role", named, (UUID(owner),)),
                    ("authenticated", policed, ()),
                    ("authenticated", named + " ", (UUID(owner),)),
                )
                for turn in range(3):
                    side = (turn + number) % 3
                    role, query, arguments = acts[side]
                    await connection.execute(f"set local role {role}")
                    times[side].append(await timed(connection, query, *arguments))
            without, with_, both = (statistics.median(side[ROUNDS // 10 :]) for side in times)
            found[name] = {
                "without_ms": round(without, 3),
                "with_ms": round(with_, 3),
                "both_ms": round(both, 3),
                "ratio": round(with_ / without, 3),
            }
        return found
    finally:
        await connection.close()


async def transactions(app: str, *, cached: bool, seconds: float = 2.0) -> dict[str, float]:
    """Whole transactions of the adapter a second, ten at a time: one entry appended, one tape read."""
    database = await Database.open(app, size=10, cached=cached)
    log = PostgresLog(database)
    rates: dict[str, float] = {}
    try:
        for act in ("append", "tape"):
            done = 0
            end = time.perf_counter() + seconds

            async def work(worker: int) -> None:
                nonlocal done
                position = 0
                owner = TenantId(tenant(TENANTS + worker + (100 if cached else 0)))
                while time.perf_counter() < end:  # noqa: B023 - the loop's own value, on purpose
                    position += 1
                    if act == "append":  # noqa: B023
                        await log.append([entry(owner, 1, of=run(position), cost=Micros(1))])
                    else:
                        await log.tape(owner, run(position % 50 + 1))
                    done += 1

            async with asyncio.TaskGroup() as group:
                for worker in range(10):
                    group.create_task(work(worker))
            rates[act] = round(done / seconds)
        return rates
    finally:
        await database.close()


async def bench(rows: int) -> list[dict[str, Any]]:
    """The whole comparison on a home of its own."""
    with tempfile.TemporaryDirectory(prefix="csb-") as folder:
        async with Servers(Path(folder) / "h", names=("postgres",), durable=False) as servers:
            connection = await asyncpg.connect(servers.postgres_dsn("postgres"))
            await connection.execute("create database bench")
            await connection.close()
            admin = servers.postgres_dsn("postgres", "bench")
            app = servers.postgres_dsn("chatsmart_app", "bench")
            await prepare(admin)
            filled = await fill(admin, rows)
            queries = await compare(admin)
            uncached, cached = await transactions(app, cached=False), await transactions(app, cached=True)
    ratio = sum(query["with_ms"] for query in queries.values()) / sum(
        query["without_ms"] for query in queries.values()
    )
    rates = [("uncached", uncached), ("cached", cached)]
    return [
        figure("all queries", ratio, "x") | {"limit": LIMIT, "ratio": round(ratio, 3), "rows": rows},
        *(figure(name, query["with_ms"], "ms") | query for name, query in queries.items()),
        *(
            figure(f"{act}, statements {kind}", rate, "1/s")
            for kind, found in rates
            for act, rate in found.items()
        ),
        figure("filling the log", filled, "s") | {"rows": rows, "tenants": TENANTS},
    ]


def figure(name: str, value: float, unit: str) -> dict[str, Any]:
    """One line of the result."""
    return {"bench": "rls", "name": name, "value": round(value, 3), "unit": unit}


def main() -> None:
    """Print the figures; exit 1 where the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    figures = asyncio.run(bench(parser.parse_args().rows))
    for one in figures:
        sys.stdout.write(json.dumps(one) + "\n")
    sys.exit(any(one["value"] > one["limit"] for one in figures if "limit" in one))


if __name__ == "__main__":
    main()
