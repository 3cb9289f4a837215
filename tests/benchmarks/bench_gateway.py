"""What the gateway adds to a provider's own answer, everything on but the cache: authentication, routing, redaction,
budget, rate limit, call log with its durable rows, usage, failover and splice.

    python -m tests.benchmarks.bench_gateway [part …]        parts: answer, burst, ten, hundred

A loopback provider (`upstream.py`) answers; the same requests go to it directly and through `/v1/chat/completions`, in
one run. The gateway process is held to one core; the provider, Postgres, Redis and the load generator to the others.
JSON lines: latencies in milliseconds, seconds of processor time of the gateway process per 1,000 answers. `limit` and
`at_least` are the figures asked for, taken from the peers' (LiteLLM 87 answers a second a core, Portkey 525).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import uvloop

from tests.benchmarks import upstream
from tests.benchmarks.load import Connection, Tally, Target, closed_loop, paced, percentile
from tests.flow.started import started

QUESTION = "Describe in about fifty words how a lighthouse lens gathers and throws its light over the sea."
MODEL = "gpt-6-luna"
GENEROUS: dict[str, Any] = {
    "CHATSMART_MONTH_CAP_MICROS": str(10**12),
    "CHATSMART_REQUESTS_PER_MINUTE": str(10**7),
    "CHATSMART_TOKENS_PER_MINUTE": str(10**12),
}
"""Limits that are looked at for every request and never reached."""
SECONDS = 4.0
WARM = 1.0
CLIENTS = 32
LENGTH = upstream.TOKENS * upstream.GAP
"""Seconds that a paced answer takes."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The gateway under test, and where else the same requests go."""

    url: str
    key: str
    provider: str
    gateway: psutil.Process
    home: Path

    @property
    def stores(self) -> list[psutil.Process]:
        """The processes of Postgres and Redis."""
        return stores_of(self.home)

    def targets(self, *, stream: bool, slowly: bool = False) -> tuple[Target, Target]:
        """The same question to the provider and to the gateway."""
        question = f"{QUESTION} {upstream.PACED.decode()}" if slowly else QUESTION
        body = json.dumps(
            {
                "model": MODEL,
                "messages": [{"role": "user", "content": question}],
                "stream": stream,
                "max_completion_tokens": upstream.TOKENS,
            }
        ).encode()
        # Past the cache: what is measured is a request that a provider answers. `bench_cache` measures the others.
        auth = (("authorization", f"Bearer {self.key}"), ("x-chatsmart-cache", "off"))
        return (
            Target(f"{self.provider}/chat/completions", (), body),
            Target(f"{self.url}/v1/chat/completions", auth, body),
        )

    async def both(self, how: Callable[[Target], Awaitable[Tally]], *targets: Target) -> "Both":
        """Load on the provider alone, then on the gateway; what the latter cost."""
        plain = await how(targets[0])
        before, stores = cpu(self.gateway), cpu(*self.stores)
        through = await how(targets[1])
        spent = cpu(self.gateway) - before
        return Both(plain, through, spent, cpu(*self.stores) - stores)


@dataclass(frozen=True, slots=True)
class Both:
    """What came of the same load on provider and gateway. Processor seconds are those of the second."""

    plain: Tally
    through: Tally
    spent: float
    stores: float

    def added(self, name: str, share: float, limit: float | None = None) -> None:
        """Tell how much later the first byte of a body came."""
        plain, through = (percentile(found.first, share) * 1000 for found in (self.plain, self.through))
        name = f"{name}, p{round(share * 100)} added to the first byte"
        tell(name, through - plain, "ms", limit=limit, direct=round(plain, 3), through=round(through, 3))

    def cost(self, name: str, limit: float | None = None) -> None:
        """Tell the processor time per 1,000 answers; that of Postgres and Redis beside it."""
        number = len(self.through.whole)
        stores = round(self.stores / number * 1000, 3)
        tell(
            f"{name}, CPU of the gateway",
            self.spent / number * 1000,
            "s per 1,000",
            limit=limit,
            stores=stores,
        )


def tell(name: str, value: float, unit: str, *, limit: float | None = None, **more: float) -> None:
    """One figure, with the limit that it must keep."""
    figure: dict[str, object] = {"bench": "gateway", "name": name, "value": round(value, 3), "unit": unit}
    if limit is not None:
        figure |= {"limit": limit, "ratio": round(value / limit, 3)}
    print(json.dumps({**figure, **more}), flush=True)


def tell_rate(name: str, value: float, at_least: float, **more: float) -> None:
    """One figure of answers a second, with the least that it must reach."""
    figure = {"bench": "gateway", "name": name, "value": round(value, 1), "unit": "1/s", "at_least": at_least}
    print(json.dumps({**figure, "ratio": round(value / at_least, 3), **more}), flush=True)


def cpu(*processes: psutil.Process) -> float:
    """Seconds of processor time so far. Postgres' servers come and go: those of today, whoever began them."""
    found = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            found += times.user + times.system
    return found


async def checked(target: Target) -> None:
    """Raises AssertionError where the gateway's answer is not the provider's, to the letter."""
    connection = Connection(target)
    await connection.ask(Tally())
    connection.close()
    if b'"chat.completion"' in connection.body:
        found = json.loads(connection.body)["choices"][0]["message"]["content"]
    else:
        lines = [line for line in connection.body.decode().splitlines() if line.startswith("data: {")]
        deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in lines if '"delta"' in line]
        found = "".join(delta.get("content") or "" for delta in deltas)
    assert found == upstream.TEXT, f"another answer: {found!r}"


async def answer(bench: Bench) -> None:
    """Whole answers: one after the other, and as many as it can give."""
    direct, own = bench.targets(stream=False)
    await checked(own)
    await closed_loop(own, 8, WARM)
    calm = await bench.both(lambda target: paced(target, 50, SECONDS), direct, own)
    calm.added("answer, 50 a second", 0.5, 2.6)
    calm.added("answer, 50 a second", 0.99)
    calm.cost("answer, 50 a second")
    busy = await bench.both(lambda target: closed_loop(target, CLIENTS, SECONDS), direct, own)
    number = len(busy.through.whole)
    busy.cost("answer, busy", 1.0)
    tell_rate("answer, busy, per second of the gateway's processor time", number / busy.spent, 900)
    tell_rate("answer, busy, a second", number / SECONDS, 900, direct=round(len(busy.plain.whole) / SECONDS))


async def burst(bench: Bench) -> None:
    """Streams whose tokens come at once."""
    direct, own = bench.targets(stream=True)
    await checked(own)
    await closed_loop(own, 8, WARM)
    busy = await bench.both(lambda target: closed_loop(target, 16, SECONDS), direct, own)
    busy.cost("stream, burst", 1.7)
    number, plain = len(busy.through.whole) / SECONDS, len(busy.plain.whole) / SECONDS
    tell("stream, burst, a second", number, "1/s", direct=round(plain))


async def _slowly(
    bench: Bench, streams: int, seconds: float, p50: float, p99: float, limit: float | None
) -> None:
    direct, own = bench.targets(stream=True, slowly=True)
    await checked(own)
    found = await bench.both(lambda target: closed_loop(target, streams, seconds, over=LENGTH), direct, own)
    name = f"stream, 20 ms apart, {streams} at once"
    found.added(name, 0.5, p50)
    found.added(name, 0.99, p99)
    found.cost(name, limit)


async def ten(bench: Bench) -> None:
    """Ten paced streams at once."""
    await _slowly(bench, 10, 4 * LENGTH, 4.0, 12.0, None)


async def hundred(bench: Bench) -> None:
    """A hundred of them."""
    await _slowly(bench, 100, 4 * LENGTH, 5.0, 20.0, 6.0)


PARTS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "answer": answer,
    "burst": burst,
    "ten": ten,
    "hundred": hundred,
}


async def measure(bench: Bench, parts: list[str]) -> None:
    """The figures of some parts, or of all."""
    for name, part in PARTS.items():
        if name in parts or not parts:
            await part(bench)
    tell("resident after load", bench.gateway.memory_info().rss / 1e6, "MB", limit=155.0)


@contextmanager
def provider() -> Iterator[tuple[str, psutil.Process]]:
    """The upstream's base URL and process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.upstream"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}/v1", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def stores_of(home: Path) -> list[psutil.Process]:
    """The processes that keep the embedded stores: whose command line or directory names the home, and theirs."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            mine = str(home) in words or process.cwd().startswith(str(home))
        except psutil.Error:
            continue
        if mine and "infra.cli" not in words:
            found |= {one.pid: one for one in (process, *process.children(recursive=True))}
    return list(found.values())


def main() -> None:
    """Start everything, hold it to its cores, measure, stop."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder, provider() as (url, upstream_process):
        home = Path(folder) / "home"
        with started(home, OPENAI_BASE_URL=url, OPENAI_API_KEY="bench", **GENEROUS) as running:
            gateway = psutil.Process(running.process.pid)
            gateway.cpu_affinity(cores[:1])
            for other in (upstream_process, psutil.Process(), *stores_of(home)):
                other.cpu_affinity(cores[1:] or cores)
            bench = Bench(running.url, running.key, url, gateway, home)
            uvloop.run(measure(bench, sys.argv[1:]))
            psutil.Process().cpu_affinity(cores)


if __name__ == "__main__":
    main()
