"""A container that is none: the runner in a plain process of this machine. For tests alone, since nothing holds it."""

import asyncio
import sys
from pathlib import Path

from shared.ports.sandbox import Bounds


class Process:
    """`adapters.sandbox.container.Container` over a process's pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, line: bytes) -> None:
        """See the protocol."""
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        await self._process.stdin.drain()

    async def line(self, most: int) -> bytes:
        """See the protocol. The reader's own limit is the lower one here."""
        assert self._process.stdout is not None
        found = await self._process.stdout.readline()
        if len(found) > most:
            raise ValueError("a line that is too long")
        return found

    async def end(self) -> None:
        """See the protocol."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class Processes:
    """`adapters.sandbox.container.Containers`."""

    def __init__(self) -> None:
        self.opened = 0

    async def open(self, runner: str, bounds: Bounds) -> Process:
        """See the protocol."""
        self.opened += 1
        return Process(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-u",
                "-c",
                runner,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd=Path("/"),
                limit=8 * 2**20,
            )
        )

    async def close(self) -> None:
        """See the protocol."""
