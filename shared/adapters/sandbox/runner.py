"""Runs inside a container, with nothing but the standard library: one program, one call, JSON lines both ways.

It guards nothing by itself: what holds a program is the container (no network, no secrets, hard limits on memory and
processors) and the clock of the host. Its own limits are there so that an honest mistake is told in words.
"""

import ast
import contextlib
import inspect
import io
import json
import linecache
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any

NAME = "<plugin>"


class Full(Exception):
    """More was printed than may be."""


class Printed(io.StringIO):
    """Keeps what is printed, up to its size."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def write(self, text: str) -> int:
        """Keep it, or stop the program."""
        self.left -= len(text.encode("utf-8", "replace"))
        if self.left < 0:
            raise Full
        return super().write(text)


class Line:
    """The host, over descriptors that the program is not handed."""

    def __init__(self) -> None:
        self._said = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
        self._heard = os.fdopen(os.dup(0), encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)

    def say(self, **what: Any) -> None:
        """One line to the host."""
        self._said.write(json.dumps(what) + "\n")
        self._said.flush()

    def hear(self) -> dict[str, Any]:
        """One line of the host; the end where it hung up."""
        line = self._heard.readline()
        if not line:
            os._exit(0)
        heard: dict[str, Any] = json.loads(line)
        return heard


def door(line: Line, name: str, waiting: bool) -> Callable[..., Any]:
    """A function that asks the host."""

    def ask(*args: Any, **given: Any) -> Any:
        line.say(call=name, args=list(args), named=given)
        said = line.hear()
        if "kind" in said:
            kinds = {"PermissionError": PermissionError, "ValueError": ValueError, "TypeError": TypeError}
            raise kinds.get(said["kind"], RuntimeError)(said["message"])
        return said["value"]

    async def wait(*args: Any, **given: Any) -> Any:
        return ask(*args, **given)

    return wait if waiting else ask


def frames(error: BaseException) -> list[list[Any]]:
    """Of the program's own, the innermost last."""
    found = traceback.extract_tb(error.__traceback__)
    return [[one.lineno, one.name, one.line or ""] for one in found if one.filename == NAME]


def bounded(told: dict[str, Any]) -> None:
    """The operating system's limits, where it has them."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (told["memory"] + 256 * 2**20,) * 2)
    with contextlib.suppress(ValueError, OSError):
        seconds = int(told["seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def called(line: Line, told: dict[str, Any]) -> str:
    """The entry's answer, as JSON."""
    waiting = told["waits"]
    names: dict[str, Any] = {"__name__": "plugin"} | {
        name: door(line, name, waiting) for name in told["doors"]
    }
    exec(compile(told["source"], NAME, "exec"), names)  # noqa: S102
    value = names[told["entry"]](**told["given"])
    if inspect.iscoroutine(value):
        import asyncio

        value = asyncio.run(value)
    return json.dumps(value, allow_nan=False)


def run(line: Line, told: dict[str, Any]) -> None:
    """One call, told in one last line."""
    printed = Printed(told["output"])
    sys.stdout = sys.stderr = printed
    sys.setrecursionlimit(told["recursion"] + 100)
    linecache.cache[NAME] = (len(told["source"]), None, told["source"].splitlines(True), NAME)
    bounded(told)
    try:
        answer = called(line, told)
    except Full:
        line.say(stopped="output")
    except MemoryError:
        line.say(stopped="memory")
    except RecursionError:
        line.say(stopped="recursion")
    except BaseException as error:  # noqa: BLE001
        line.say(kind=type(error).__name__, text=str(error)[:2000], frames=frames(error)[-8:])
    else:
        line.say(done=answer, printed=printed.getvalue())


def main() -> None:
    """Parse, and unless that is all, run."""
    line = Line()
    line.say(ready=True)
    told = line.hear()
    try:
        ast.parse(told["source"], NAME)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line.say(
            bad=str(error)[:500], line=getattr(error, "lineno", None), column=getattr(error, "offset", None)
        )
        os._exit(0)
    if told["run"]:
        run(line, told)
    else:
        line.say(fine=True)
    os._exit(0)


if __name__ == "__main__":
    main()
