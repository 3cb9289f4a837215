"""What a call pays whose first rung is our own pool while that answers 503, against the hosted model asked by name.

    python -m tests.benchmarks.bench_tier

A real `chatsmart up` over simulated providers (first token after 5 ms); requests take turns in one run, so that what
else the machine does meets all of them alike. JSON lines; milliseconds to the first piece of text.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections import defaultdict
from itertools import count
from pathlib import Path

import httpx
import uvloop

from shared.models.breaker import RULES
from tests.benchmarks.running import callers
from tests.flow.started import Started, started

HOSTED, HOSTED_MODEL, POOL = "gemini", "gemini-3.5-flash-lite", "llama"
LIMIT = 50.0
"""Milliseconds that the switch may add."""
ROUNDS, EACH = 16, 6
_NUMBERS = count()


def tell(name: str, ill: list[float], well: list[float]) -> None:
    """What `ill` adds to `well`, each at the same share of its calls."""
    for share in (50, 90):
        usual, found = (statistics.quantiles(calls, n=100)[share - 1] for calls in (well, ill))
        figure = {
            "bench": "tier",
            "name": f"{name}, p{share} added to the hosted model's first token",
            "value": round(found - usual, 2),
            "unit": "ms",
            "limit": LIMIT,
            "ratio": round((found - usual) / LIMIT, 3),
            "hosted": round(usual, 2),
            "calls": len(ill),
        }
        print(json.dumps(figure), flush=True)


class Desk:
    """A caller of the gateway, and whoever makes its pool fail."""

    def __init__(self, gateway: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        self._gateway, self._control = gateway, control

    async def only(self, *providers: str) -> None:
        """The tenant's answers come from these alone."""
        policy = {"models": {"providers": list(providers)}}
        (await self._gateway.put("/v1/policy", json=policy)).raise_for_status()

    async def plan(self, kind: str) -> None:
        """Every call of the pool meets this from now on."""
        rule = {"provider": POOL, "times": None, "fault": kind}
        (await self._control.post("/_control/plan", json=rule)).raise_for_status()

    async def heal(self) -> None:
        """The pool is well, and what it saw is forgotten."""
        (await self._control.delete("/_control")).raise_for_status()

    async def first_token(self, model: str, asked: list[str]) -> float:
        """Milliseconds to the first piece of text. Raises RuntimeError where the calls did not go to `asked`."""
        await self._control.delete("/_control/calls")
        text = f"Describe lighthouse number {next(_NUMBERS)} in fifty words."
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}
        first, begun = 0.0, time.perf_counter()
        async with self._gateway.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if not first and line.startswith("data: {"):
                    choices = json.loads(line[6:]).get("choices")
                    if choices and choices[0]["delta"].get("content"):
                        first = (time.perf_counter() - begun) * 1000
        calls = (await self._control.get("/_control/calls")).json()["calls"]
        found = [call["provider"] for call in calls]
        if not first or found != asked:
            raise RuntimeError(f"status {answer.status_code}; asked were {found}, not {asked}")
        return first


async def measure(desk: Desk) -> None:
    """All figures. A replica that makes way is spared for a second only: the breaker can be closed for each round."""
    await desk.only(POOL, HOSTED)
    for _ in range(5):
        await desk.first_token(HOSTED_MODEL, [HOSTED])
        await desk.first_token("auto:cheap", [POOL])
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS):
        kind = "cold" if number == ROUNDS - 1 else "draining"
        await desk.heal()
        await desk.first_token("auto:cheap", [POOL])
        await desk.plan(kind)
        taken["unknown"].append(await desk.first_token("auto:cheap", [POOL, HOSTED]))
        closed = time.perf_counter()
        for _ in range(EACH):
            taken["open"].append(await desk.first_token("auto:cheap", [HOSTED]))
            taken["well"].append(await desk.first_token(HOSTED_MODEL, [HOSTED]))
        await asyncio.sleep(max(closed + RULES.draining / 1000 + 0.1 - time.perf_counter(), 0))
    tell("a pool that answers 503, nobody knows yet", taken["unknown"], taken["well"])
    tell("a pool that answers 503, breaker open", taken["open"], taken["well"])


async def run(running: Started) -> None:
    """Measure over two clients."""
    async with callers(running) as clients:
        await measure(Desk(*clients))


def main() -> None:
    """Start everything, measure, stop."""
    with (
        tempfile.TemporaryDirectory(prefix="cs-bench-") as folder,
        started(Path(folder) / "home", CHATSMART_MONTH_CAP_MICROS=str(10**12)) as running,
    ):
        uvloop.run(run(running))


if __name__ == "__main__":
    main()
