"""`python -m infra.simulator`: serves until SIGTERM, SIGINT or the end of its parent; says its port on one
line."""

import argparse
import asyncio
import os
import signal
import sys
from typing import Any

import orjson
import uvloop

from infra.simulator import Pace, start

_PARENT_SECONDS = 0.5


def _arguments(given: list[str] | None) -> argparse.Namespace:
    environment = os.environ
    parser = argparse.ArgumentParser(
        prog="python -m infra.simulator", description="Simulated model providers."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    parser.add_argument(
        "--ttft-ms",
        type=float,
        default=float(environment.get("SIM_TTFT_MS", "0")),
        help="before the first token",
    )
    parser.add_argument(
        "--tpot-ms",
        type=float,
        default=float(environment.get("SIM_TPOT_MS", "0")),
        help="between chunks; 0 is a burst",
    )
    return parser.parse_args(given)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _orphaned(pid: int) -> None:
    """Returns when the parent is gone; a child of it is also handed to another parent then."""
    born_to = os.getppid() == pid
    while True:
        await asyncio.sleep(_PARENT_SECONDS)
        if not _alive(pid) or (born_to and os.getppid() != pid):
            return


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    pace = Pace(options.ttft_ms / 1_000, options.tpot_ms / 1_000)
    async with start(options.port, host=options.host, pace=pace) as simulator:
        sys.stdout.buffer.write(orjson.dumps({"port": simulator.port}) + b"\n")
        sys.stdout.buffer.flush()
        waiting: list[asyncio.Task[Any]] = [asyncio.create_task(ended.wait())]
        if options.parent_pid:
            waiting.append(asyncio.create_task(_orphaned(options.parent_pid)))
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()


def main(given: list[str] | None = None) -> None:
    """Runs the simulator."""
    uvloop.run(_serve(_arguments(given)))


if __name__ == "__main__":
    main()
