"""The simulated providers as a process of their own, for as long as a block runs."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

from infra.cli.trouble import Trouble

START_SECONDS = 20.0
STOP_SECONDS = 1.0
PACE = {"SIM_TTFT_MS": "120", "SIM_TPOT_MS": "4"}
"""A lively pace that can be watched; the same variables in the environment win."""


class Simulator:
    """The process; `base` is awaited, so that others can start in the meantime."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def base(self) -> str:
        """Its address. Raises Trouble where it ends first, or says nothing in time."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self.process.stdout.readline()
            return f"http://127.0.0.1:{json.loads(line)['port']}"
        except (TimeoutError, ValueError, KeyError):
            raise Trouble("The simulated providers did not start; what they said stands above.") from None


@contextlib.asynccontextmanager
async def simulator() -> AsyncIterator[Simulator]:
    """Start it, and end it with the block. It also ends by itself when this process is gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.simulator",
        "--port",
        "0",
        "--parent-pid",
        str(os.getpid()),
        env={**PACE, **os.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        # A Ctrl-C of the terminal is ours to handle: the providers outlive the web that still talks to them.
        start_new_session=True,
    )
    try:
        yield Simulator(process)
    finally:
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
