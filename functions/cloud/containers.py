"""Containers for plugins on Modal: a sandbox each, without network and secrets, with limits that hold from outside."""

import asyncio
from collections.abc import AsyncIterator
from math import ceil

import modal

from functions.cloud.workers import APP
from shared.core.faults import Unavailable
from shared.ports.sandbox import Bounds

_PYTHON_MIB = 64
"""What the interpreter takes before it runs anything."""
_START_SECONDS = 30
"""A container's life begins before its runner is there."""
_CORES = (0.125, 1.0)


class ModalContainer:
    """`adapters.sandbox.container.Container` over a sandbox's streams. Modal gives stdout as text in pieces of any
    length."""

    def __init__(self, sandbox: modal.Sandbox) -> None:
        self._sandbox = sandbox
        self._pieces: AsyncIterator[str] = aiter(sandbox.stdout)
        self._left = b""

    async def send(self, line: bytes) -> None:
        """See the protocol. Raises OSError where the container is gone."""
        try:
            self._sandbox.stdin.write(line)
            await self._sandbox.stdin.drain.aio()
        except (modal.exception.Error, ValueError) as error:
            raise OSError("the container is gone") from error

    async def line(self, most: int) -> bytes:
        """See the protocol."""
        while b"\n" not in self._left:
            if len(self._left) > most:
                raise ValueError("a line that is too long")
            try:
                piece = await anext(self._pieces, None)
            except modal.exception.Error:
                piece = None
            if piece is None:
                last, self._left = self._left, b""
                return last
            self._left += piece.encode()
        line, self._left = self._left.split(b"\n", 1)
        if len(line) > most:
            raise ValueError("a line that is too long")
        return line + b"\n"

    async def end(self) -> None:
        """See the protocol. One that can't be told to end has its timeout."""
        try:
            await self._sandbox.terminate.aio()
        except modal.exception.Error:
            return


class ModalContainers:
    """`adapters.sandbox.container.Containers` as Modal's sandboxes."""

    def __init__(self, app: str = APP, client: modal.Client | None = None) -> None:
        self._name, self._client = app, client
        self._app: modal.App | None = None
        self._finding = asyncio.Lock()

    async def open(self, runner: str, bounds: Bounds) -> ModalContainer:
        """See the protocol."""
        memory = _PYTHON_MIB + ceil(bounds.memory / 2**20)
        try:
            sandbox = await modal.Sandbox.create.aio(
                "python", "-I", "-u", "-c", runner,
                app=await self._found(),
                image=modal.Image.debian_slim(python_version="3.11"),
                timeout=_START_SECONDS + ceil(bounds.seconds + bounds.door_seconds),
                cpu=_CORES,
                memory=(memory, memory),
                block_network=True,
                client=self._client,
            )  # fmt: skip
        except (modal.exception.Error, OSError) as error:
            raise Unavailable("No container for a plugin came free.") from error
        return ModalContainer(sandbox)

    async def close(self) -> None:
        """See the protocol. Each sandbox is its call's own; nothing is shared."""
        self._app = None

    async def _found(self) -> modal.App:
        """The App that the sandboxes belong to."""
        async with self._finding:
            if self._app is None:
                self._app = await modal.App.lookup.aio(self._name, client=self._client)
            return self._app
