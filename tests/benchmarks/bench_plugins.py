"""What a plugin's call costs, and how soon a hostile one is stopped: JSON lines on stdout.

`python -m tests.benchmarks.bench_plugins`. Wall times of one process with one call at a time, in some twenty seconds;
`limit` is what is asked for.
"""

import asyncio
import json
from collections.abc import Mapping
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from shared.adapters.sandbox.monty import MontySandbox
from shared.core.faults import Fault
from shared.ports.sandbox import Bounds, Program
from tests.hostile.programs import PROGRAMS, REDOS

ROWS = [{"name": f"row {at}", "price": at * 3, "tags": ["a", "b"]} for at in range(100)]
PLAIN = Program("def run():\n    return 1", "run", "")
FILTER = Program(
    "def run(rows):\n    return [{**row, 'price': row['price'] * 2} for row in rows if row['price'] % 2]",
    "run",
    "",
)
ASKING = Program("def run():\n    return [fetch('x') for _ in range(8)]", "run", "")
BOUNDS = Bounds()
SHORT = Bounds(seconds=0.3, memory=16 * 2**20, output=64 * 1024)
TIMES = 400
MILLI = 1e3


def report(name: str, value: float, unit: str, **bounds: float) -> None:
    """One figure."""
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, **bounds}))


async def fetch(_name: str, _given: Mapping[str, Any]) -> Any:
    """A door that answers at once."""
    return {"status": 200, "text": "x" * 1000}


async def timed(sandbox: MontySandbox, program: Program, given: Mapping[str, Any], bounds: Bounds) -> float:
    """Milliseconds of one call, whatever it comes to."""
    begun = perf_counter()
    try:
        await sandbox.run(program, given, {"fetch": fetch}, bounds)
    except Fault:
        return (perf_counter() - begun) * MILLI
    return (perf_counter() - begun) * MILLI


async def cold() -> float:
    """Milliseconds from nothing to the first answer; the package's import is in the first one only."""
    sandbox = MontySandbox()
    took = await timed(sandbox, PLAIN, {}, BOUNDS)
    await sandbox.close()
    return took


async def main() -> None:
    """All figures."""
    report("plugins.first_call_with_import", await cold(), "ms")
    report("plugins.cold_pool_first_call", median([await cold() for _ in range(10)]), "ms", limit=100)
    sandbox = MontySandbox()
    await timed(sandbox, PLAIN, {}, BOUNDS)
    for name, program, given in (
        ("call", PLAIN, {}),
        ("filter_100_rows", FILTER, {"rows": ROWS}),
        ("eight_door_calls", ASKING, {}),
    ):
        found = [await timed(sandbox, program, given, BOUNDS) for _ in range(TIMES)]
        bounds = {"limit": 2.0} if name == "call" else {}
        report(f"plugins.{name}_p50", median(found), "ms", **bounds)
        report(f"plugins.{name}_p95", quantiles(found, n=20)[-1], "ms")
    over = {}
    for name, source in {**PROGRAMS, **REDOS}.items():
        took = await timed(sandbox, Program(source, "run", ""), {}, SHORT)
        over[name] = took - SHORT.seconds * MILLI
    worst = max(over, key=lambda name: over[name])
    report("plugins.hostile_programs", len(over), "programs", at_least=60)
    report(f"plugins.hostile_past_limit_worst[{worst}]", over[worst], "ms", limit=100)
    await sandbox.close()


if __name__ == "__main__":
    asyncio.run(main())
