"""Sandboxes: each is a process of this machine, spoken with over the wire's own calls. Nothing holds it but its pipes,
so this is for programs that a test wrote. What was asked for (network, memory, secrets) is kept to be looked at."""

import asyncio
import base64
import codecs
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.simulator.modal.store import Store

_PIECE = 4096
_STDOUT = 1
_KILLED = 137
_TOKEN_SECONDS = 3600


@dataclass
class Kept:
    """A sandbox and what it was asked to be."""

    id: str
    app: str
    definition: api_pb2.Sandbox
    process: asyncio.subprocess.Process
    terminated: bool = False
    written: set[int] = field(default_factory=set)


class Machines:
    """The sandboxes of a plane."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    @property
    def asked(self) -> tuple[api_pb2.Sandbox, ...]:
        """What each was asked to be, oldest first."""
        return tuple(one.definition for one in self.kept.values())

    @property
    def running(self) -> int:
        """How many processes have not ended."""
        return sum(one.process.returncode is None for one in self.kept.values())

    async def end(self, one: Kept) -> None:
        """Kill it."""
        one.terminated = True
        if one.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
            await one.process.wait()

    async def close(self) -> None:
        """Kill all."""
        for one in self.kept.values():
            await self.end(one)


class Sandboxes:
    """Each public coroutine answers the call of its name."""

    def __init__(self, store: Store, machines: Machines) -> None:
        self._store, self._machines = store, machines

    async def auth_token_get(self, _: api_pb2.AuthTokenGetRequest) -> api_pb2.AuthTokenGetResponse:
        """What a client says to the input plane that starts its sandboxes: a token with an end, signed by nobody."""
        ends = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time()) + _TOKEN_SECONDS}).encode())
        return api_pb2.AuthTokenGetResponse(token=f"e30.{ends.decode().rstrip('=')}.")

    async def sandbox_create(self, request: api_pb2.SandboxCreateRequest) -> api_pb2.SandboxCreateResponse:
        """Start one. Its first word is the interpreter, whichever is asked for."""
        self._store.app(request.app_id)
        words = list(request.definition.entrypoint_args)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words[1:], stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env={}, cwd="/",
        )  # fmt: skip
        kept = Kept(self._store.fresh("sb"), request.app_id, request.definition, process)
        self._machines.kept[kept.id] = kept
        return api_pb2.SandboxCreateResponse(sandbox_id=kept.id)

    async def sandbox_get_task_id(
        self, request: api_pb2.SandboxGetTaskIdRequest
    ) -> api_pb2.SandboxGetTaskIdResponse:
        """It runs at once."""
        return api_pb2.SandboxGetTaskIdResponse(task_id=self._of(request.sandbox_id).id.replace("sb-", "ta-"))

    async def sandbox_stdin_write(
        self, request: api_pb2.SandboxStdinWriteRequest
    ) -> api_pb2.SandboxStdinWriteResponse:
        """A piece for its stdin, once however often it is sent. FAILED_PRECONDITION where it is over."""
        kept = self._of(request.sandbox_id)
        stdin = kept.process.stdin
        assert stdin is not None
        if kept.process.returncode is not None or kept.terminated:
            raise GRPCError(Status.FAILED_PRECONDITION, "The sandbox has ended.")
        if request.index not in kept.written:
            kept.written.add(request.index)
            with contextlib.suppress(ConnectionError):
                stdin.write(request.input)
                await stdin.drain()
        if request.eof:
            stdin.close()
        return api_pb2.SandboxStdinWriteResponse()

    async def sandbox_get_logs(
        self, request: api_pb2.SandboxGetLogsRequest
    ) -> AsyncGenerator[api_pb2.TaskLogsBatch, None]:
        """What it writes to stdout, as it comes; nothing of what it writes to stderr."""
        kept = self._of(request.sandbox_id)
        assert kept.process.stdout is not None
        number, decoder = int(request.last_entry_id or 0), codecs.getincrementaldecoder("utf-8")("replace")
        while request.file_descriptor == _STDOUT and (piece := await kept.process.stdout.read(_PIECE)):
            number += 1
            item = api_pb2.TaskLogs(data=decoder.decode(piece), file_descriptor=_STDOUT)  # type: ignore[arg-type]
            yield api_pb2.TaskLogsBatch(entry_id=str(number), items=[item])
        yield api_pb2.TaskLogsBatch(entry_id=str(number + 1), eof=True)

    async def sandbox_wait(self, request: api_pb2.SandboxWaitRequest) -> api_pb2.SandboxWaitResponse:
        """How it ended, if it has."""
        kept = self._of(request.sandbox_id)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(kept.process.wait(), request.timeout or 0.01)
        code = kept.process.returncode
        if code is None:
            return api_pb2.SandboxWaitResponse()
        status = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        if kept.terminated:
            status = api_pb2.GenericResult.GENERIC_STATUS_TERMINATED
        elif code:
            status = api_pb2.GenericResult.GENERIC_STATUS_FAILURE
        result = api_pb2.GenericResult(status=status, exitcode=_KILLED if kept.terminated else code)
        return api_pb2.SandboxWaitResponse(result=result)

    async def sandbox_terminate(
        self, request: api_pb2.SandboxTerminateRequest
    ) -> api_pb2.SandboxTerminateResponse:
        """Kill it."""
        await self._machines.end(self._of(request.sandbox_id))
        return api_pb2.SandboxTerminateResponse()

    def _of(self, name: str) -> Kept:
        found = self._machines.kept.get(name)
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"Sandbox {name} not found.")
        return found
