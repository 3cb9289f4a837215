"""What the cache does at the API: hits, near hits, answers that many share, and what looking costs in vain.

    python -m tests.benchmarks.bench_cache [part …]        parts: hit, near, miss, shared, killed

As `bench_gateway`: a loopback provider, the gateway in a process of its own on one core. JSON lines; latencies in
milliseconds from the request to the end of its answer, 20 requests a second.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
import uvloop

from tests.benchmarks import upstream
from tests.benchmarks.bench_gateway import GENEROUS, cpu, provider, stores_of
from tests.benchmarks.load import Connection, Tally, Target, percentile
from tests.flow.started import started

RATE, SECONDS, SHARED = 20.0, 6.0, 1_000
THINGS = ("harbour", "valley", "glacier", "orchard", "canyon", "meadow", "volcano", "delta", "reef", "tundra")
PLACES = ("Norway", "Chile", "Japan", "Kenya", "Peru", "Iceland", "Nepal", "Canada", "Oman", "Fiji")
_numbers = count()


@dataclass(frozen=True, slots=True)
class Bench:
    """The gateway under test, and the provider behind it."""

    url: str
    key: str
    provider: str
    gateway: psutil.Process

    def target(self, text: str, *, stream: bool = False) -> Target:
        """A question."""
        body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": text}], "stream": stream}
        return Target(
            f"{self.url}/v1/chat/completions",
            (("authorization", f"Bearer {self.key}"),),
            json.dumps(body | {"max_completion_tokens": upstream.TOKENS}).encode(),
        )

    def calls(self) -> int:
        """How often the provider was asked."""
        with urllib.request.urlopen(f"{self.provider.removesuffix('/v1')}/calls", timeout=5) as answer:
            return int(json.load(answer)["calls"])


def tell(name: str, value: float, unit: str, limit: float | None = None, **more: float) -> None:
    """One figure, with the limit that it must keep."""
    figure: dict[str, object] = {"bench": "cache", "name": name, "value": round(value, 3), "unit": unit}
    if limit is not None:
        figure |= {"limit": limit, "ratio": round(value / limit, 3)}
    print(json.dumps({**figure, **more}), flush=True)


async def asked(targets: Iterator[Target], number: int, rate: float = RATE) -> Tally:
    """So many requests, at this rate, each on a connection that is free."""
    tally, free, busy = Tally(), list[Connection](), list[asyncio.Task[None]]()

    async def one(target: Target) -> None:
        connection = free.pop() if free else Connection(target)
        connection.turn(target)
        await connection.ask(tally)
        free.append(connection)

    begun = time.perf_counter()
    for n in range(number):
        await asyncio.sleep(max(begun + n / rate - time.perf_counter(), 0))
        busy.append(asyncio.create_task(one(next(targets))))
    await asyncio.gather(*busy)
    for connection in free:
        connection.close()
    return tally


def questions() -> list[str]:
    """A hundred that are not near one another."""
    return [
        f"Describe in about fifty words what a traveller sees in a {thing} in {place}."
        for thing in THINGS
        for place in PLACES
    ]


async def stored(bench: Bench, texts: list[str]) -> None:
    """Ask each once, and wait until all is stored."""
    await asked((bench.target(text) for text in texts), len(texts), 100)
    await asyncio.sleep(3)


async def measured(bench: Bench, name: str, targets: Iterator[Target], limit: float, *, new: int = 0) -> None:
    """The figures of one kind of request; `new` is how many of them may reach the provider."""
    number = int(RATE * SECONDS)
    before, spent = bench.calls(), cpu(bench.gateway)
    tally = await asked(targets, number)
    spent, calls = cpu(bench.gateway) - spent, bench.calls() - before
    for share in (0.5, 0.95):
        bound = limit if share == 0.95 else None
        tell(f"{name}, p{round(share * 100)}", percentile(tally.whole, share) * 1000, "ms", bound)
    tell(f"{name}, asked of the provider", calls, f"of {number}", float(max(new, 1)) if new else None)
    tell(f"{name}, CPU of the gateway", spent / number * 1000, "s per 1,000")


async def hit(bench: Bench) -> None:
    """The same again: by one client after the other, and by one that waits for each answer."""
    texts = questions()[:20]
    await stored(bench, texts)
    await measured(bench, "exact hit", (bench.target(texts[n % 20]) for n in count()), 3.0)
    tally, connection = Tally(), Connection(bench.target(texts[0]))
    before, number = cpu(bench.gateway), 500
    for n in range(number):
        connection.turn(bench.target(texts[n % 20]))
        await connection.ask(tally)
    connection.close()
    spent = cpu(bench.gateway) - before
    for share in (0.5, 0.95):
        bound = 3.0 if share == 0.95 else None
        tell(
            f"exact hit, back to back, p{round(share * 100)}",
            percentile(tally.whole, share) * 1000,
            "ms",
            bound,
        )
    tell("exact hit, back to back, CPU of the gateway", spent / number * 1000, "s per 1,000")


async def near(bench: Bench) -> None:
    """The same in other words: those that the content key finds, and those that need a vector."""
    texts = questions()[20:40]
    await stored(bench, texts)
    polite = [f"Please {text[0].lower()}{text[1:]} Thank you!" for text in texts]
    await measured(bench, "near hit, politer", (bench.target(polite[n % 20]) for n in count()), 25.0)
    typos = [text.replace("traveller sees", "traveler seees") for text in texts]
    await measured(bench, "near hit, a typo", (bench.target(typos[n % 20]) for n in count()), 25.0)


async def miss(bench: Bench) -> None:
    """What was never asked, among what is stored: the provider's own 64 tokens come at once."""
    await stored(bench, questions()[40:60])
    fresh = (bench.target(f"Count the letters of the word number {next(_numbers)}.") for _ in count())
    await measured(bench, "miss", fresh, 60.0, new=int(RATE * SECONDS))


async def shared(bench: Bench) -> None:
    """A thousand at once, streamed as the provider writes."""
    target = bench.target(f"What is new in number {next(_numbers)}? {upstream.PACED.decode()}", stream=True)
    before, tally = bench.calls(), Tally()
    connections = [Connection(target) for _ in range(SHARED)]
    await asyncio.gather(*(one.ask(tally) for one in connections))
    tell(f"{SHARED:,} equal requests at once, provider calls", bench.calls() - before, "calls", 1.0)
    tell("… first token, p99", percentile(tally.first, 0.99) * 1000, "ms")
    tell(
        "… whole answer, slowest",
        max(tally.whole) * 1000,
        "ms",
        provider=upstream.TOKENS * upstream.GAP * 1000,
    )
    for one in connections:
        one.close()


async def killed(bench: Bench) -> None:
    """The same, and whoever leads goes away in the middle."""
    target = bench.target(f"What is new in number {next(_numbers)}? {upstream.PACED.decode()}", stream=True)
    before, tally = bench.calls(), Tally()
    leader = Connection(target)
    leading = asyncio.create_task(leader.ask(Tally()))
    await asyncio.sleep(0.3)
    connections = [Connection(target) for _ in range(SHARED - 1)]
    rest = asyncio.gather(*(one.ask(tally) for one in connections))
    await asyncio.sleep(0.5)
    leader.close()
    await asyncio.gather(leading, return_exceptions=True)
    await rest
    tell(
        f"… and the leader leaves: provider calls for {SHARED - 1:,} others",
        bench.calls() - before,
        "calls",
        2.0,
    )
    for one in connections:
        one.close()


PARTS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "hit": hit,
    "near": near,
    "miss": miss,
    "shared": shared,
    "killed": killed,
}


async def measure(bench: Bench, parts: list[str]) -> None:
    """The figures of some parts, or of all."""
    for name, part in PARTS.items():
        if name in parts or not parts:
            await part(bench)


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
            uvloop.run(measure(Bench(running.url, running.key, url, gateway), sys.argv[1:]))
            psutil.Process().cpu_affinity(cores)


if __name__ == "__main__":
    main()
