"""Plugins in containers: whole Python, for those that are too heavy for the embedded interpreter.

Which containers is the deployable's to say (`Containers`): on Modal a sandbox without network, with hard limits. One
call has one container, which is ended with it. What is spoken with it is one JSON value a line; since a program may
forge any line of its container, no line is trusted with more than the program could ask for anyway.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from shared.core.faults import BadPlugin, Fault, PluginStopped, Unavailable
from shared.guard import sandbox as guard
from shared.ports.sandbox import Bounds, Door, Limit, Program, Ran

_GRACE = 0.05
_START = 30.0
"""Seconds in which a container must be there."""
_CHECKING = Bounds(seconds=5.0)
_LIMITS: tuple[Limit, ...] = ("output", "memory", "recursion")


class Container(Protocol):
    """A running container: the runner's stdin and stdout."""

    async def send(self, line: bytes) -> None:
        """Write a line, its end included."""
        ...

    async def line(self, most: int) -> bytes:
        """The next line; empty at the end. Raises ValueError for one over `most` bytes."""
        ...

    async def end(self) -> None:
        """Kill it, whatever it does, and let go of it."""
        ...


class Containers(Protocol):
    """Where containers come from."""

    async def open(self, runner: str, bounds: Bounds) -> Container:
        """One that runs `python -I -u -c runner`, has no network and no secrets, and lives no longer than these bounds
        can last. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Let go of what is shared."""
        ...


class ContainerSandbox:
    """`ports.sandbox.Sandbox` on containers."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._runner = Path(__file__).with_name("runner.py").read_text("utf-8")
        self._closed = False

    async def run(
        self, program: Program, given: Mapping[str, Any], doors: Mapping[str, Door], bounds: Bounds
    ) -> Ran:
        """See the port."""
        waiting = guard.waits(program)
        clock = asyncio.get_running_loop().time
        begun = clock()
        container = await self._begun(bounds)
        try:
            talk = _Talk(container, doors, bounds)
            told = {
                "run": True,
                "source": program.source,
                "entry": program.entry,
                "given": guard.plain(dict(given)),
                "waits": waiting,
                "doors": sorted(doors),
                "seconds": bounds.seconds,
                "memory": bounds.memory,
                "output": bounds.output,
                "recursion": bounds.recursion,
            }
            last = await talk.until_done(told)
        finally:
            await container.end()
        value = guard.answer(last["done"], bounds.output)
        printed = str(last.get("printed", ""))[: bounds.output]
        return Ran(value, printed, round((clock() - begun) * 1000))

    async def check(self, program: Program) -> None:
        """See the port."""
        guard.waits(program)
        container = await self._begun(_CHECKING)
        try:
            await _Talk(container, {}, _CHECKING).until_done({"run": False, "source": program.source})
        except PluginStopped as fault:
            raise BadPlugin("The source is too large to be read.", param="source") from fault
        finally:
            await container.end()

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        await self._containers.close()

    async def _begun(self, bounds: Bounds) -> Container:
        """A container whose runner is there."""
        if self._closed:
            raise Unavailable("The sandbox is closed.")
        container: Container | None = None
        try:
            async with asyncio.timeout(_START):
                container = await self._containers.open(self._runner, bounds)
                if orjson.loads(await container.line(1000) or b"{}").get("ready"):
                    return container
        except (TimeoutError, OSError, ValueError) as error:
            if container is not None:
                await container.end()
            raise Unavailable("No place to run a plugin came free in time.") from error
        await container.end()
        raise Unavailable("The container for a plugin did not start.")


class _Talk:
    """One call's conversation with its container."""

    def __init__(self, container: Container, doors: Mapping[str, Door], bounds: Bounds) -> None:
        self._container, self._doors, self._bounds = container, doors, bounds
        self._clock = asyncio.get_running_loop().time
        self._ran = self._away = 0.0
        self._opened = 0
        self._raised: Fault | None = None
        self._most = 8 * bounds.output + 64 * 1024

    async def until_done(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """From what is asked to the line that ends it. Raises what the port says."""
        said = await self._said(told)
        while "call" in said:
            said = await self._said(await self._answered(said))
        if said.get("stopped") in _LIMITS:
            raise self._stop(said["stopped"])
        if "bad" in said:
            line, column = (
                said.get(name) if isinstance(said.get(name), int) else None for name in ("line", "column")
            )
            raise BadPlugin(str(said["bad"])[:500], line=line, column=column, param="source")
        if "kind" in said:
            kind, text = str(said["kind"])[:100], str(said.get("text"))
            if self._raised is not None and (kind, text) == (
                guard.kind_of(self._raised),
                self._raised.message,
            ):
                raise self._raised
            raise guard.broke(kind, text, _frames(said.get("frames")))
        if "done" in said or "fine" in said:
            return said
        raise self._stop("memory")  # killed, or talking nonsense

    async def _said(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The container's next line; the time until it comes is the program's."""
        begun = self._clock()
        try:
            async with asyncio.timeout(max(self._bounds.seconds - self._ran, 0) + _GRACE):
                await self._container.send(orjson.dumps(told) + b"\n")
                said = orjson.loads(await self._container.line(self._most) or b"{}")
        except TimeoutError as error:
            raise self._stop("seconds") from error
        except orjson.JSONDecodeError as error:
            raise self._stop("memory") from error
        except ValueError as error:
            raise self._stop("output") from error
        except OSError as error:
            raise self._stop("memory") from error
        finally:
            self._ran += self._clock() - begun
        return said if isinstance(said, dict) else {}

    async def _answered(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        name, args, named = said["call"], said.get("args"), said.get("named")
        if name not in self._doors or not isinstance(args, list) or not isinstance(named, dict):
            return {"kind": "NameError", "message": "there is no such door"}
        self._opened += 1
        if self._opened > self._bounds.fetches:
            raise self._stop("fetches")
        begun = self._clock()
        try:
            async with asyncio.timeout(max(self._bounds.door_seconds - self._away, 0)):
                return {"value": await self._doors[name](name, guard.arguments(args, named))}
        except TimeoutError as error:
            raise self._stop("doors") from error
        except Fault as fault:
            self._raised = fault
            return {"kind": guard.kind_of(fault), "message": fault.message}
        finally:
            self._away += self._clock() - begun

    def _stop(self, limit: Limit) -> PluginStopped:
        return guard.stopped_at(limit, self._bounds)


def _frames(found: Any) -> list[tuple[int, str, str]]:
    """What the container says of the program's frames, as far as it is that."""
    rows = found if isinstance(found, list) else []
    return [
        (row[0], str(row[1]), str(row[2]))
        for row in rows[-8:]
        if isinstance(row, list) and len(row) == 3 and isinstance(row[0], int)
    ]
