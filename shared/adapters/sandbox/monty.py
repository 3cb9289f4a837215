"""Plugins on pydantic-monty: a Python subset in Rust, in worker processes that hold no CPython, no socket and no file.

What the workers keep themselves: running time, memory, depth, number of host calls. What is kept here, since a worker
can't be trusted with it: the wall clock, the size of what comes out, and what a door is given. A worker that is not at
rest when its call ends is killed and replaced by the pool.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core.faults import BadPlugin, BadRequest, Fault, PluginError, PluginStopped, Unavailable
from shared.guard import sandbox as guard
from shared.ports.sandbox import Bounds, Door, Limit, Program, Ran

if TYPE_CHECKING:
    import pydantic_monty as pm

Turn = TypeVar("Turn")

_CALLED = "\n\nimport json as __json\n__json.dumps({wait}{entry}(**__given), allow_nan=False)"
_BEFORE = "raise ValueError\n"
"""Stands before a text that is only to be parsed."""
_GRACE = 0.04
"""Seconds past the running time after which a worker is killed: it stops itself at the limit, but not within one long
operation on huge numbers."""
_LAST_WORD = 0.03
_LOOKUPS = 1000
"""Round trips besides calls of doors: imports, names, refused system calls."""
_LIMITS: Mapping[str, tuple[tuple[str, Limit], ...]] = {
    "TimeoutError": (("time limit exceeded", "seconds"),),
    "MemoryError": (("memory limit exceeded", "memory"), ("exceeded its memory limit", "memory")),
    "RecursionError": (("maximum recursion depth", "recursion"),),
    "RuntimeError": (("suspension limit", "fetches"),),
}
"""What a worker says at a limit."""
_CHECKING = Bounds(seconds=1.0, memory=16 * 2**20)


class MontySandbox:
    """`ports.sandbox.Sandbox` on a pool of workers, started with the first call."""

    def __init__(self, *, workers: int = 8, wait: float = 5.0) -> None:
        """At most so many calls at once (a worker is 10 MB, and waits while a door works); another one waits `wait`
        seconds for its place."""
        self._workers, self._wait = workers, wait
        self._pool: pm.AsyncMonty | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    async def run(
        self, program: Program, given: Mapping[str, Any], doors: Mapping[str, Door], bounds: Bounds
    ) -> Ran:
        """See the port."""
        waiting = guard.waits(program)
        text = program.source + _CALLED.format(wait="await " if waiting else "", entry=program.entry)
        call = _Call(program, doors, bounds, waiting=waiting)
        begun = asyncio.get_running_loop().time()
        value = await self._fed(call, text, {"__given": guard.plain(dict(given))})
        ms = round((asyncio.get_running_loop().time() - begun) * 1000)
        return Ran(guard.answer(value, bounds.output), call.printed, ms)

    async def check(self, program: Program) -> None:
        """See the port."""
        guard.waits(program)
        call = _Call(program, {}, _CHECKING, waiting=False, above=1)
        try:
            await self._fed(call, _BEFORE + program.source, {})
        except PluginError:
            return
        except PluginStopped as fault:
            raise BadPlugin("The source is too large to be read.", param="source") from fault

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        async with self._starting:
            if self._pool is not None:
                await self._pool.__aexit__(None, None, None)
                self._pool = None
                # A thread of the pool's may still be in its last call into Python; an interpreter that ends in that
                # moment is aborted (5 times of 12 measured, never after 20 ms).
                await asyncio.sleep(_LAST_WORD)

    async def _fed(self, call: "_Call", text: str, inputs: dict[str, Any]) -> Any:
        """What the text comes to, on a worker. One that was dead before it had begun is worth a second try."""
        import pydantic_monty as pm

        pool = await self._started()
        for attempt in (1, 2):
            try:
                async with pool.checkout(
                    limits=call.limits(), os_policy={"sleep": "zero", "timezone": "utc"}
                ) as session:
                    return await call.through(session, text, inputs)
            except pm.MontyCrashedError as error:
                if call.left() <= 0 or error.timed_out:
                    raise call.stop("seconds") from error
                if attempt == 1 and not call.began:
                    continue
                raise call.stop("memory") from error
            except pm.MontyError as error:
                raise call.fault(error) from error
            except TimeoutError as error:
                if call.began:
                    raise call.stop("seconds") from error
                raise Unavailable("No place to run a plugin came free in time.") from error
        raise Unavailable("The workers for plugins don't start.")

    async def _started(self) -> "pm.AsyncMonty":
        if self._pool is not None:
            return self._pool
        async with self._starting:
            if self._closed:
                raise Unavailable("The sandbox is closed.")
            if self._pool is None:
                import pydantic_monty as pm

                pool = pm.AsyncMonty(
                    min_processes=1,
                    max_processes=self._workers,
                    checkout_timeout=self._wait,
                    max_checkouts_per_worker=1000,
                    feed_duration_limit_grace=_GRACE,
                )
                await pool.__aenter__()
                self._pool = pool
            return self._pool


class _Call:
    """One call on one worker: its clocks and counts."""

    def __init__(
        self, program: Program, doors: Mapping[str, Door], bounds: Bounds, *, waiting: bool, above: int = 0
    ) -> None:
        """`waiting`: the program awaits its doors. `above`: lines that were put before its own."""
        self._doors, self._bounds, self._waiting, self._above = doors, bounds, waiting, above
        self._lines = program.source.count("\n") + 1
        self._clock = asyncio.get_running_loop().time
        self._ran = self._away = 0.0
        self._opened = 0
        self._raised: Fault | None = None
        self._printed: list[str] = []
        self._size = 0
        self._deadline: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()
        self.began = False

    @property
    def printed(self) -> str:
        """What the program printed."""
        return "".join(self._printed)

    def limits(self) -> "pm.ResourceLimits":
        """What the worker holds the program to."""
        return {
            "max_feed_duration_secs": self._bounds.seconds,
            "max_memory": self._bounds.memory,
            "max_recursion_depth": self._bounds.recursion,
            "max_suspensions": 4 * self._bounds.fetches + _LOOKUPS,
        }

    def left(self) -> float:
        """Seconds that the program may still run."""
        return self._bounds.seconds - self._ran

    def stop(self, limit: Limit) -> PluginStopped:
        """The fault for one of this call's limits."""
        return guard.stopped_at(limit, self._bounds)

    def fault(self, error: "pm.MontyError") -> Fault:
        """What the worker said, as a fault of ours."""
        import pydantic_monty as pm

        inner = error.exception()
        kind, text = type(inner).__name__, str(inner)
        frames = error.traceback() if isinstance(error, pm.MontyRuntimeError | pm.MontySyntaxError) else []
        if kind in ("SyntaxError", "NotImplementedError") and (not frames or frames[0].function_name is None):
            line, column = (frames[0].line - self._above, frames[0].column) if frames else (None, None)
            place = f" (line {line}, column {column})" if frames else ""
            return BadPlugin(f"{text[: guard.MOST_SAID]}{place}", line=line, column=column, param="source")
        for words, limit in _LIMITS.get(kind, ()):
            if words in text[:80] and not (kind == "TimeoutError" and frames):
                return self.stop(limit)
        if self._raised is not None and (kind, text) == (guard.kind_of(self._raised), self._raised.message):
            return self._raised
        own = [
            (frame.line, frame.function_name or "", frame.source_line or "")
            for frame in frames
            if 0 < frame.line - self._above <= self._lines
        ]
        return guard.broke(kind, text, own)

    async def through(self, session: "pm.AsyncMontySession", text: str, inputs: dict[str, Any]) -> Any:
        """From the first line to the value of the last."""
        import pydantic_monty as pm

        step = await self._own(session.feed_start(text, inputs=inputs, print_callback=self._print))
        self.began = True
        calls: dict[int, tuple[str, dict[str, Any]]] = {}
        while not isinstance(step, pm.MontyComplete):
            if isinstance(step, pm.AsyncFutureSnapshot):
                settled = await self._settled({at: calls.pop(at) for at in step.pending_call_ids})
                step = await self._own(step.resume(settled))
            elif isinstance(step, pm.AsyncNameLookupSnapshot):
                known = step.object_id is None and step.variable_name in self._doors
                step = await self._own(
                    step.resume(value=_door(step.variable_name)) if known else step.resume()
                )
            elif step.is_os_function:
                step = await self._own(step.resume_not_handled())
            else:
                step = await self._own(step.resume(await self._called(step, calls)))
        if self._size > self._bounds.output:
            raise self.stop("output")
        return step.output

    async def _called(
        self, step: "pm.AsyncFunctionSnapshot", calls: dict[int, tuple[str, dict[str, Any]]]
    ) -> "pm.ExternalResult":
        """The answer to a call: of a door, or that there is no such name."""
        name = step.function_name
        if step.object_id is not None or name not in self._doors:
            return {"exc_type": "NameError", "message": f"name '{name[:60]}' is not defined"}
        self._opened += 1
        if self._opened > self._bounds.fetches:
            raise self.stop("fetches")
        try:
            given = guard.arguments(step.args, step.kwargs)
        except BadRequest as fault:
            return {"exc_type": "TypeError", "message": fault.message}
        if self._waiting:
            calls[step.call_id] = (name, given)
            return {"future": ...}
        return (await self._settled({0: (name, given)}))[0]

    async def _settled(
        self, calls: Mapping[int, tuple[str, dict[str, Any]]]
    ) -> "dict[int, pm.ExternalSettledResult]":
        """Open the doors, all at once. The time it takes is not the program's."""
        begun = self._clock()
        try:
            async with (
                asyncio.timeout(max(self._bounds.door_seconds - self._away, 0)),
                asyncio.TaskGroup() as group,
            ):
                opened = {
                    at: group.create_task(self._open(name, given)) for at, (name, given) in calls.items()
                }
        except TimeoutError as error:
            raise self.stop("doors") from error
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            self._away += self._clock() - begun
        return {at: task.result() for at, task in opened.items()}

    async def _open(self, name: str, given: Mapping[str, Any]) -> "pm.ExternalSettledResult":
        try:
            return {"return_value": await self._doors[name](name, given)}
        except TimeoutError as error:
            raise self.stop("doors") from error
        except Fault as fault:
            self._raised = fault
            kind: Any = guard.kind_of(fault)
            return {"exc_type": kind, "message": fault.message}

    async def _own(self, turn: Awaitable[Turn]) -> Turn:
        """A turn of the program, on its own clock. Cancelled, the pool kills the worker."""
        begun = self._clock()
        try:
            async with asyncio.timeout(max(self.left(), 0) + 2 * _GRACE) as self._deadline:
                return await turn
        except TimeoutError as error:
            raise self.stop("output" if self._size > self._bounds.output else "seconds") from error
        finally:
            self._ran += self._clock() - begun
            self._deadline = None

    def _print(self, _stream: str, text: str) -> None:
        """Called on a thread of the pool's."""
        if self._size <= self._bounds.output:
            self._size += len(text.encode("utf-8", "replace"))
            self._printed.append(text)
            if self._size > self._bounds.output:
                self._loop.call_soon_threadsafe(self._flooded)

    def _flooded(self) -> None:
        if self._deadline is not None:
            self._deadline.reschedule(self._clock())


def _door(name: str) -> Callable[[], None]:
    """Stands for a door that the program holds as a value; a call of it comes here by its name."""

    def door() -> None:
        """Never called on this side."""

    door.__name__ = door.__qualname__ = name
    return door
