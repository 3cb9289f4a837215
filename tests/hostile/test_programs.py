"""Whatever a program does, it is stopped or refused in time by a fault that has a name, and the next call is served."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from shared.adapters.sandbox.monty import MontySandbox
from shared.core.faults import BadPlugin, BadRequest, Fault, NotGranted, PluginFault, PluginStopped
from shared.ports.sandbox import Bounds, Program, Ran
from tests.hostile.programs import PROGRAMS, REDOS, STOPS

SECONDS = 0.3
MARGIN = 0.1
SLACK = 0.4
"""On top, for a machine that does ten other things: without it the figure is `bench_plugins`'s."""
BOUNDS = Bounds(seconds=SECONDS, memory=16 * 2**20, output=64 * 1024, fetches=8)
GOOD = Program("def run(n):\n    return fetch('https://api.example/')['n'] + n", "run", "")


async def _fetch(_name: str, given: Mapping[str, Any]) -> Any:
    if not isinstance(given.get("0"), str):
        raise BadRequest("fetch takes an address")
    if given["0"] != "https://api.example/":
        raise NotGranted("The host is not granted.")
    return {"n": 1}


async def _log(_name: str, given: Mapping[str, Any]) -> Any:
    return None


DOORS = {"fetch": _fetch, "log": _log}


@pytest.fixture
async def sandbox() -> AsyncGenerator[MontySandbox, None]:
    """A pool of one worker: what is left behind would meet the next call."""
    found = MontySandbox(workers=1)
    yield found
    await found.close()


async def _told(sandbox: MontySandbox, source: str) -> tuple[Ran | Fault, float]:
    """What came of it, and the seconds that it took."""
    await sandbox.run(GOOD, {"n": 1}, DOORS, BOUNDS)
    begun = asyncio.get_running_loop().time()
    outcome: Ran | Fault
    try:
        outcome = await sandbox.run(Program(source, "run", ""), {}, DOORS, BOUNDS)
    except Fault as fault:
        outcome = fault
    return outcome, asyncio.get_running_loop().time() - begun


def test_there_are_enough_of_them() -> None:
    """The figure of the issue."""
    assert len(set(PROGRAMS.values())) >= 60


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_hostile_program_is_stopped_or_refused(sandbox: MontySandbox, name: str) -> None:
    """Within its time, by a fault of the plugin's; and the same worker, or its successor, serves the next call."""
    outcome, took = await _told(sandbox, PROGRAMS[name])
    assert isinstance(outcome, PluginFault | BadRequest), outcome
    if name in STOPS:
        assert isinstance(outcome, PluginStopped), outcome
    assert took < SECONDS + MARGIN + SLACK
    assert len(outcome.message) < 6000
    assert (
        "/" not in outcome.message.replace("https://", "").replace("/etc/passwd", "")
        or "line" in outcome.message
    )
    assert (await sandbox.run(GOOD, {"n": 41}, DOORS, BOUNDS)).value == 42


@pytest.mark.parametrize("name", REDOS)
async def test_a_pattern_does_not_run_away(sandbox: MontySandbox, name: str) -> None:
    """It is answered, or stopped, in time."""
    outcome, took = await _told(sandbox, REDOS[name])
    assert outcome.value is True if isinstance(outcome, Ran) else isinstance(outcome, PluginFault)
    assert took < SECONDS + MARGIN + SLACK
    assert (await sandbox.run(GOOD, {"n": 41}, DOORS, BOUNDS)).value == 42


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_check_runs_nothing(sandbox: MontySandbox, name: str) -> None:
    """Any of them passes or is refused at once."""
    begun = asyncio.get_running_loop().time()
    with contextlib.suppress(BadPlugin):
        await sandbox.check(Program(PROGRAMS[name], "run", ""))
    assert asyncio.get_running_loop().time() - begun < MARGIN + SLACK


async def test_a_neighbour_does_not_notice() -> None:
    """While one tenant's programs burn and flood, another's calls are answered, every one."""
    sandbox = MontySandbox(workers=4)
    hostile = [
        PROGRAMS[name] for name in ("endless loop", "list growth", "print flood", "squares", "recursion")
    ]

    async def burn(source: str) -> None:
        with pytest.raises(PluginFault):
            await sandbox.run(Program(source, "run", ""), {}, DOORS, BOUNDS)

    async with asyncio.TaskGroup() as group:
        for source in hostile:
            group.create_task(burn(source))
        good = [group.create_task(sandbox.run(GOOD, {"n": at}, DOORS, Bounds())) for at in range(30)]
    assert [task.result().value for task in good] == [at + 1 for at in range(30)]
    await sandbox.close()


async def test_a_worker_that_is_killed_harms_no_other_call() -> None:
    """Killed at rest, it is replaced before the next call; killed at work, its own call alone is lost, with a name."""
    sandbox = MontySandbox(workers=2)
    await sandbox.run(GOOD, {"n": 1}, DOORS, BOUNDS)
    for child in _workers():
        os.kill(child, signal.SIGKILL)
    await asyncio.sleep(0.05)
    for at in range(4):
        assert (await sandbox.run(GOOD, {"n": at}, DOORS, BOUNDS)).value == at + 1
    holding = asyncio.Event()

    async def hold(_name: str, _given: Mapping[str, Any]) -> Any:
        holding.set()
        await asyncio.sleep(0.2)
        return {"n": 1}

    lost = asyncio.create_task(sandbox.run(GOOD, {"n": 1}, {"fetch": hold}, BOUNDS))
    await holding.wait()
    for child in _workers():
        os.kill(child, signal.SIGKILL)
    with pytest.raises(PluginStopped):
        await lost
    assert (await sandbox.run(GOOD, {"n": 41}, DOORS, BOUNDS)).value == 42
    await sandbox.close()


async def test_a_call_that_is_left_leaves_nothing() -> None:
    """Cancelled at work or behind a door, it gives its place back."""
    sandbox = MontySandbox(workers=1, wait=3)
    await sandbox.run(GOOD, {"n": 1}, DOORS, BOUNDS)
    entered = asyncio.Event()

    async def never(_name: str, _given: Mapping[str, Any]) -> Any:
        entered.set()
        await asyncio.Event().wait()

    for doors, source in (({"fetch": never}, GOOD.source), (DOORS, PROGRAMS["endless loop"])):
        task = asyncio.create_task(
            sandbox.run(
                Program(source, "run", ""), {"n": 1} if doors is not DOORS else {}, doors, Bounds(seconds=20)
            )
        )
        await (entered.wait() if doors is not DOORS else asyncio.sleep(0.1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await sandbox.run(GOOD, {"n": 41}, DOORS, BOUNDS)).value == 42
    await sandbox.close()


def _workers() -> list[int]:
    """Of this process's children, those that are workers of the pool."""
    found = []
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as listed:
        children = listed.read().split()
    for task in os.listdir(f"/proc/{os.getpid()}/task"):
        try:
            with open(f"/proc/{os.getpid()}/task/{task}/children") as listed:
                children += listed.read().split()
        except OSError:
            continue
    for child in set(children):
        try:
            with open(f"/proc/{child}/comm") as named:
                name = named.read().strip()
        except OSError:
            continue
        if name == "monty":
            found.append(int(child))
    return found
