"""Other programs, run with a time limit; Ctrl-C reaches us alone, and we pass it on."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE = 20.0
"""Seconds that a program gets to end by itself after it was told to."""
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended. `late` where its time was up."""

    code: int
    out: str
    err: str
    late: bool = False

    @property
    def words(self) -> str:
        """All that it printed."""
        return f"{self.out}\n{self.err}".strip()


async def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    seconds: float,
    stdin: str = "",
) -> Ran:
    """Run to the end. In a session of its own: a terminal's Ctrl-C would else kill it beside us, half-way. Cancelled,
    it is interrupted and waited for, so that nothing goes on behind our back."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    talk = asyncio.create_task(process.communicate(stdin.encode()))
    late = False
    try:
        async with asyncio.timeout(seconds):
            out, err = await asyncio.shield(talk)
    except TimeoutError:
        late = True
        out, err = await _ended(process, talk)
    except asyncio.CancelledError:
        await _ended(process, talk)
        raise
    code = process.returncode if process.returncode is not None else -1
    return Ran(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), late)


async def _ended(
    process: asyncio.subprocess.Process, talk: "asyncio.Task[tuple[bytes, bytes]]"
) -> tuple[bytes, bytes]:
    """Interrupt it, and after the grace end whatever is left of all that it has started."""
    _signal(process, signal.SIGINT)
    deadline = asyncio.get_running_loop().time() + GRACE
    # Not `process.wait()`: that one waits for its children's pipes too.
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)
    # Its children have our pipes: until they are gone too, what it printed has no end.
    _signal(process, signal.SIGKILL)
    return await talk


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To its whole session, which has its number."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
