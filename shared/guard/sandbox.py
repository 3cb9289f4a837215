"""What every sandbox does the same way: which function of a program is called, what may pass between it and the host,
and how a fault reads on either side."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.core.faults import BadPlugin, BadRequest, Fault, NotGranted, PluginError, PluginStopped
from shared.ports.sandbox import Bounds, Limit, Program

MOST_SOURCE = 256 * 1024
"""Bytes of a program's text: parsing is not under its memory limit."""
MOST_DEEP = 100
"""Levels of a JSON value that passes in either direction."""
MOST_SAID = 2000
"""Characters of an exception's text."""
_FRAMES = 8
_LINE = 160
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_WORDS: Mapping[Limit, str] = {
    "seconds": "its {seconds:g} s of running",
    "memory": "its {mebi:g} MiB of memory",
    "output": "its {kibi:g} KiB of output",
    "fetches": "its {fetches} calls out",
    "recursion": "its {recursion} nested calls",
    "doors": "the {doors:g} s that its calls out may take together",
}


def waits(program: Program) -> bool:
    """Whether the entry is an `async def`. Raises BadPlugin where there is no such function at the top level, or the
    text is too long: both are found without running or parsing it."""
    if len(program.source.encode("utf-8", "surrogatepass")) > MOST_SOURCE:
        raise BadPlugin(f"The source is longer than {MOST_SOURCE // 1024} KiB.", param="source")
    # What Unicode can't encode reaches no worker; a null ends a text early in some of them.
    if "\x00" in program.source or any("\ud800" <= letter <= "\udfff" for letter in program.source):
        raise BadPlugin("The source holds characters that are no text.", param="source")
    if not _NAME.fullmatch(program.entry):
        raise BadPlugin(f"'{program.entry[:64]}' is no name of a function.", param="entry")
    found = re.search(rf"^(async[ \t]+)?def[ \t]+{program.entry}[ \t]*\(", program.source, re.MULTILINE)
    if found is None:
        raise BadPlugin(f"The source has no function '{program.entry}' at its top level.", line=1, column=1)
    return found[1] is not None


def plain(value: Any, deep: int = 0) -> Any:
    """A value that came out of a program, as JSON holds it. Raises BadRequest for what JSON can't hold."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) >= 2**63:
            raise BadRequest("An integer that passes in or out may have 64 bits.")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadRequest("A number that passes in or out must be finite.")
        return value
    if deep >= MOST_DEEP:
        raise BadRequest(f"A value that passes in or out may have {MOST_DEEP} levels.")
    if isinstance(value, list | tuple):
        return [plain(item, deep + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: plain(item, deep + 1) for name, item in value.items()}
    raise BadRequest(
        f"A value of the type {type(value).__name__[:60]} can't pass in or out: JSON values can."
    )


def arguments(given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """A door's arguments: those by position under "0", "1", … Raises BadRequest."""
    return {str(at): plain(value) for at, value in enumerate(given)} | {
        str(name): plain(value) for name, value in named.items()
    }


def answer(text: Any, most: int) -> Any:
    """What the program gave back, from its JSON. Raises PluginStopped past `most` bytes, PluginError for no JSON."""
    if not isinstance(text, str):
        raise PluginError("The plugin's answer is no JSON value.")
    try:
        encoded = text.encode()
        if len(encoded) > most:
            raise stopped_at("output", Bounds(output=most))
        return plain(orjson.loads(encoded))
    except (ValueError, BadRequest) as error:
        raise PluginError(f"The plugin's answer is no JSON value: {str(error)[:200]}") from error


def stopped_at(limit: Limit, bounds: Bounds) -> PluginStopped:
    """The fault for one of a call's limits."""
    words = _WORDS[limit].format(
        seconds=bounds.seconds,
        mebi=bounds.memory / 2**20,
        kibi=bounds.output / 2**10,
        fetches=bounds.fetches,
        recursion=bounds.recursion,
        doors=bounds.door_seconds,
    )
    return PluginStopped(f"The plugin was stopped: it reached {words}.", limit=limit)


def kind_of(fault: Fault) -> str:
    """The built-in exception as which a door's fault reaches the program."""
    if isinstance(fault, NotGranted):
        return "PermissionError"
    return "ValueError" if isinstance(fault, BadRequest) else "RuntimeError"


def broke(kind: str, text: str, frames: Sequence[tuple[int, str, str]]) -> PluginError:
    """The program's own exception: its kind and text, then its frames (line, function, text of the line), the innermost
    last. Frames that are not the program's are to be left out before."""
    told = "".join(
        f"\n  line {line}, in {function}: {shown.strip()[:_LINE]}"
        for line, function, shown in frames[-_FRAMES:]
    )
    return PluginError(f"{kind}: {text[:MOST_SAID]}".rstrip(": ") + told)
