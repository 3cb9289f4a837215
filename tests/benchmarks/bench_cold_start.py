"""Cold start of the deployed web class in Modal's own container entry point, over the mounted files.

    python -m tests.benchmarks.bench_cold_start

JSON lines; seconds of wall clock, the best of a few: another process on the machine only ever adds. From the start of
the process to the first byte of `/readyz`, which has asked the database and Redis, and from where a snapshot of the
memory is woken. The files are those that the image holds. Then the import of the web module, and the packages that take
most of it.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import asyncpg

from infra.local import prepare
from infra.simulator.modal import Plane
from infra.simulator.modal.container import Place, started
from shared.adapters.embedded.home import Servers
from shared.config import PROVIDERS
from tests.deploy.command import ENVIRONMENT, SECRETS, deploy, furnished

FIRST_BYTE, IMPORT = 1.0, 0.5
RUNS = 5
_LINE = re.compile(r"import time:\s+(?P<own>\d+) \|\s+\d+ \|\s*(?P<name>[\w.]+)")
_IMPORT = "import time; t = time.perf_counter(); import functions.web.app; print(time.perf_counter() - t)"


async def first_byte(plane: Plane, place: Place, *, snapshot: bool = False) -> float:
    """Seconds until the container's first byte: from its start, or from when it is woken."""
    async with started(
        plane, "chatsmart", "Web.*", place=place, environment=ENVIRONMENT, snapshot=snapshot
    ) as web:
        asked, began = web.request("GET", "/readyz"), web.started
        if snapshot:
            await web.frozen()
            began = time.perf_counter()
            web.wake()
        status, _ = await asked.start()
        took = time.perf_counter() - began
        assert status == 200, web.log
        await web.stop()
        return took


async def measured(folder: Path) -> list[dict[str, object]]:
    """Every figure."""
    async with Servers(folder / "h", names=("postgres", "redis"), durable=False) as servers:
        connection = await asyncpg.connect(servers.postgres_dsn("postgres"))
        await connection.execute("create database bench")
        await connection.close()
        await prepare(servers.postgres_dsn("postgres", "bench"))
        with furnished() as plane:
            ran = await deploy(plane)
            assert ran.code == 0, ran.said
            values = dict(SECRETS) | {
                "DATABASE_URL": servers.postgres_dsn("chatsmart_app", "bench"),
                "REDIS_URL": servers.redis_dsn(),
                "CHATSMART_SECRET_KEY": "A" * 43,
                **{f"{name.upper()}_API_KEY": "x" for name in PROVIDERS},
                "LLAMA_BASE_URL": "http://127.0.0.1:9/v1",
            }
            plane.secret("chatsmart", values, ENVIRONMENT)
            tree = folder / "tree"
            started_whole = [await first_byte(plane, Place(folder / f"c{n}", tree)) for n in range(RUNS)]
            woken = [await first_byte(plane, Place(folder / f"s{n}", tree), snapshot=True) for n in range(3)]
    return [
        figure("first byte", min(started_whole), FIRST_BYTE),
        figure("first byte after a restore", min(woken), FIRST_BYTE),
        figure("import of the web module", min(imported() for _ in range(RUNS)), IMPORT),
        *[figure(f"import: {name}", value) for name, value in heaviest()],
    ]


def imported() -> float:
    """Seconds to import the web module in a process of its own."""
    run = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    return float(run.stdout)


def heaviest(count: int = 8) -> list[tuple[str, float]]:
    """The packages whose own modules take longest to import, in seconds as `-X importtime` counts them."""
    command = [sys.executable, "-X", "importtime", "-c", "import functions.web.app"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = defaultdict(float)
    for match in _LINE.finditer(run.stderr):
        found[match["name"].partition(".")[0]] += int(match["own"]) / 1_000_000
    return sorted(found.items(), key=lambda one: -one[1])[:count]


def figure(name: str, value: float, limit: float = 0.0) -> dict[str, object]:
    """One line."""
    told: dict[str, object] = {"bench": "cold_start", "name": name, "value": round(value, 3), "unit": "s"}
    return told | ({"limit": limit, "ratio": round(value / limit, 3)} if limit else {})


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="csb-") as folder:
        for line in asyncio.run(measured(Path(folder))):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
