"""What a reader sees of a provider that fails: pauses, stalls, dead routes, and how soon a left stream ends upstream.

    python -m tests.benchmarks.bench_failover

A real `chatsmart up` over simulated providers (first token after 50 ms, then one every 5 ms). JSON lines; milliseconds.
"""

import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import uvloop

from tests.benchmarks.running import callers
from tests.flow.started import Started, started

FIRST_MS, EACH_MS = 50.0, 5.0
BETWEEN_MS = 5000.0
"""The default limit between two tokens."""
BODY = {"messages": [{"role": "user", "content": "Write three paragraphs on how bees find their way home."}]}
REFUSED = {"kind": "status", "status": 503}


def tell(name: str, value: float, limit: float | None = None, **more: Any) -> None:
    """One figure in milliseconds."""
    figure: dict[str, Any] = {
        "bench": "failover",
        "name": name,
        "value": round(value, 2),
        "unit": "ms",
        **more,
    }
    if limit is not None:
        figure |= {"limit": limit, "ratio": round(value / limit, 3)}
    print(json.dumps(figure), flush=True)


class Desk:
    """A caller of the gateway, and whoever makes its providers fail."""

    def __init__(self, gateway: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        self._gateway, self._control = gateway, control

    async def plan(self, fault: dict[str, Any], times: int | None = 1, provider: str = "*") -> None:
        """From now on, so many calls fail so."""
        answer = await self._control.post(
            "/_control/plan", json={"provider": provider, "times": times, "fault": fault}
        )
        answer.raise_for_status()

    async def clear(self) -> None:
        """Nothing fails any more."""
        await self._control.delete("/_control")

    async def calls(self) -> list[dict[str, Any]]:
        """What the providers saw."""
        found: list[dict[str, Any]] = (await self._control.get("/_control/calls")).json()["calls"]
        return found

    async def moments(self, model: str = "auto") -> AsyncIterator[tuple[float, str]]:
        """When each piece of text came, and what it was. Raises RuntimeError for anything but an answer."""
        async with self._gateway.stream(
            "POST", "/v1/chat/completions", json={**BODY, "model": model, "stream": True}
        ) as answer:
            if answer.status_code != 200:
                raise RuntimeError((await answer.aread()).decode())
            async for line in answer.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    raise RuntimeError(line)
                if event["choices"] and event["choices"][0]["delta"].get("content"):
                    yield time.perf_counter(), event["choices"][0]["delta"]["content"]


async def pause(desk: Desk, fault: dict[str, Any]) -> float:
    """The longest wait between two pieces of an answer whose provider fails so, in ms."""
    await desk.plan({**fault, "after_chunks": 20})
    came = [moment async for moment, _ in desk.moments()]
    return max(b - a for a, b in itertools.pairwise(came)) * 1000


async def first_token(desk: Desk, model: str = "auto") -> float:
    """Milliseconds to the first piece of text."""
    begun = time.perf_counter()
    async with aclosing(desk.moments(model)) as moments:  # type: ignore[type-var]
        async for moment, _ in moments:
            return (moment - begun) * 1000
    raise RuntimeError("an answer without text")


async def leave(desk: Desk) -> float:
    """Milliseconds from a client's leaving to the end of the provider's call."""
    await desk.clear()
    left = 0.0
    async with aclosing(desk.moments()) as moments:  # type: ignore[type-var]
        n = 0
        async for _ in moments:
            n += 1
            if n == 5:
                left = time.time()
                break
    while True:
        call = (await desk.calls())[-1]
        if call["finished"] is not None:
            assert call["cancelled"], "the answer was over before the client left"
            return max(float(call["finished"]) - left, 0.0) * 1000
        await asyncio.sleep(0.005)


async def broken(desk: Desk) -> None:
    """Answers that end early, from either side."""
    for _ in range(3):
        await first_token(desk)
    cuts = []
    for kind in ("reset", "cut", "close", "error_event", "reset", "cut", "close", "error_event"):
        cuts.append(await pause(desk, {"kind": kind}) - FIRST_MS)
        await desk.clear()
        await asyncio.sleep(0.2)
    tell(
        "pause after a cut in the middle, less the fallback's own first token, median",
        statistics.median(cuts),
    )
    tell("pause after a cut in the middle, less the fallback's own first token, longest", max(cuts), 1500.0)
    stalled = await pause(desk, {"kind": "stall"})
    tell(
        "a stall noticed and taken over, less the fallback's own first token",
        stalled - FIRST_MS,
        BETWEEN_MS + 500,
    )
    gone = [await leave(desk) for _ in range(8)]
    tell("a client that left, until its provider's call ends, longest", max(gone), 200.0)


async def dead_route(desk: Desk) -> None:
    """A provider that answers nothing but errors. Its own start: no breaker has seen anything else."""
    for _ in range(4):
        await first_token(desk)
    dead = (await desk.calls())[-1]["provider"]
    await desk.plan(REFUSED, None, dead)
    for _ in range(8):
        await first_token(desk)
    await asyncio.sleep(0.3)
    ill = [await first_token(desk) for _ in range(30)]
    asked = {call["provider"] for call in (await desk.calls())[-30:]}
    assert dead not in asked, "the dead provider was asked again"
    serving = (await desk.calls())[-1]["model"]
    well = [await first_token(desk, serving) for _ in range(30)]
    added = statistics.median(ill) - statistics.median(well)
    tell(
        "a dead provider, breaker open: added to the first token of who answers instead, median",
        added,
        5.0,
        well=round(statistics.median(well), 2),
    )
    await desk.clear()


async def run(running: Started, measure: Callable[[Desk], Awaitable[None]]) -> None:
    """Measure over two clients."""
    async with callers(running) as clients:
        await measure(Desk(*clients))


def main() -> None:
    """Start everything, measure, stop; once for each kind of trouble."""
    settings: dict[str, Any] = {
        "SIM_TTFT_MS": str(FIRST_MS),
        "SIM_TPOT_MS": str(EACH_MS),
        "CHATSMART_MONTH_CAP_MICROS": str(10**12),
        "CHATSMART_DAY_CAP_MICROS": str(10**12),
    }
    for measure in (broken, dead_route):
        with (
            tempfile.TemporaryDirectory(prefix="cs-bench-") as folder,
            started(Path(folder) / "home", **settings) as running,
        ):
            uvloop.run(run(running, measure))


if __name__ == "__main__":
    main()
