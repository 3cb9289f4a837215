"""A sandbox that runs nothing: each program's text has a twin in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from shared.core.faults import BadPlugin, Fault, Unavailable
from shared.guard import sandbox as guard
from shared.ports.sandbox import Bounds, Door, Program, Ran

Open = Callable[..., Awaitable[Any]]
"""Opens a door: its name, then the arguments."""
Twin = Callable[[Mapping[str, Any], Open, Callable[[str], None]], Awaitable[Any]]
"""What a program does: of what it is given, with its doors, printing."""


class FakeSandbox:
    """`ports.sandbox.Sandbox`: twins by the text of their program. A text without one is no program."""

    def __init__(self, twins: Mapping[str, Twin]) -> None:
        self.twins = dict(twins)
        self.ran: list[tuple[Program, Mapping[str, Any]]] = []
        self._closed = False

    async def run(
        self, program: Program, given: Mapping[str, Any], doors: Mapping[str, Door], bounds: Bounds
    ) -> Ran:
        """See the port. Seconds are counted with those of the doors."""
        await self.check(program)
        self.ran.append((program, given))
        printed: list[str] = []
        opened = 0

        async def open_door(name: str, *args: Any, **named: Any) -> Any:
            nonlocal opened
            opened += 1
            if opened > bounds.fetches:
                raise guard.stopped_at("fetches", bounds)
            return await doors[name](name, guard.arguments(args, named))

        def show(text: str) -> None:
            printed.append(text)
            if len("".join(printed).encode()) > bounds.output:
                raise guard.stopped_at("output", bounds)

        try:
            async with asyncio.timeout(bounds.seconds + bounds.door_seconds):
                value = await self.twins[program.source](given, open_door, show)
        except TimeoutError as error:
            raise guard.stopped_at("seconds", bounds) from error
        except MemoryError as error:
            raise guard.stopped_at("memory", bounds) from error
        except RecursionError as error:
            raise guard.stopped_at("recursion", bounds) from error
        except Fault:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, OSError) as error:
            raise guard.broke(type(error).__name__, str(error), ()) from error
        try:
            text = orjson.dumps(value).decode()
        except TypeError as error:
            raise guard.broke("TypeError", str(error), ()) from error
        return Ran(guard.answer(text, bounds.output), "".join(printed), 0)

    async def check(self, program: Program) -> None:
        """See the port."""
        if self._closed:
            raise Unavailable("The sandbox is closed.")
        guard.waits(program)
        if program.source not in self.twins:
            raise BadPlugin("This is no program.", line=1, column=1, param="source")

    async def close(self) -> None:
        """See the port."""
        self._closed = True
