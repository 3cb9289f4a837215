"""How long `modal deploy` takes against the control plane on loopback: client, upload of every file, all functions.

    python -m tests.benchmarks.bench_deploy

JSON lines; seconds of wall clock. The first deploy uploads everything, the second finds the files there.
"""

import asyncio
import json
import time

from tests.deploy.command import deploy, furnished

LIMIT = 5.0
GPU = "L40S"


async def measured() -> list[tuple[str, float]]:
    """Both deploys. Raises AssertionError where one fails."""
    found = []
    with furnished() as plane:
        for name in ("first deploy", "second deploy"):
            began = time.perf_counter()
            ran = await deploy(plane, CHATSMART_LLAMA_GPU=GPU)
            found.append((name, time.perf_counter() - began))
            assert ran.code == 0, ran.said
    return found


def main() -> None:
    """Measure and print."""
    for name, value in asyncio.run(measured()):
        figure = {"bench": "deploy", "name": name, "value": round(value, 3), "unit": "s", "limit": LIMIT}
        print(json.dumps({**figure, "ratio": round(value / LIMIT, 3)}), flush=True)


if __name__ == "__main__":
    main()
