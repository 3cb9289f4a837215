"""`ports.sandbox.Sandbox`: the embedded interpreter, a container (a plain process stands for it), and the fake."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from functions.cloud.containers import ModalContainers
from shared.adapters.sandbox.container import ContainerSandbox
from shared.adapters.sandbox.monty import MontySandbox
from shared.core.faults import (
    BadPlugin,
    BadRequest,
    Fault,
    NotGranted,
    PluginError,
    PluginStopped,
    Unavailable,
)
from shared.fakes.sandbox import FakeSandbox
from shared.ports.sandbox import Bounds, Program, Sandbox
from tests.contract.modal_plane import deployed
from tests.hostile.process import Processes

ECHO = "def run(**given):\n    print('seen')\n    return given"
ASK = "def run(n):\n    return [ask('x', k=i) for i in range(n)]"
WAIT = """\
import asyncio
async def run(n):
    return await asyncio.gather(*[ask('x', k=i) for i in range(n)])
"""
CATCH = """\
def run():
    try:
        ask('denied')
    except PermissionError as error:
        return 'caught ' + str(error)
"""
DENIED = "def run():\n    return ask('denied')"
WRONG = "def run():\n    return ask('wrong')"
BREAK = "def run():\n    print('so far')\n    return 1 // 0"
SLOW = "def run():\n    ask('slow')\n    return 'done'"
WIDE = "def run():\n    return 'x' * 2000"
LOUD = "def run():\n    for i in range(1000):\n        print('x' * 100)"
SETS = "def run():\n    return {1, 2}"
DEEP = "def deep(n):\n    return deep(n + 1)\ndef run():\n    return deep(0)"
NAMES = "def run():\n    return nothing(1)"
DEFECT = "def run():\n    return ask('defect')"


async def _ask(name: str, given: Mapping[str, Any]) -> Any:
    """The door of these tests: what it does stands in its first argument."""
    what = given.get("0")
    if what == "denied":
        raise NotGranted("no such host")
    if what == "wrong":
        raise BadRequest("no such thing")
    if what == "slow":
        await asyncio.sleep(0.4)
    if what == "defect":
        raise KeyError("ours")
    return {"asked": name, **given}


async def _many(given: Mapping[str, Any], ask: Any, _show: Any) -> Any:
    return [await ask("ask", "x", k=at) for at in range(given["n"])]


async def _echo(given: Mapping[str, Any], _ask: Any, show: Callable[[str], None]) -> Any:
    show("seen\n")
    return dict(given)


def _asking(what: str) -> Callable[..., Awaitable[Any]]:
    async def twin(_given: Any, ask: Any, _show: Any) -> Any:
        return await ask("ask", what)

    return twin


async def _catch(_given: Any, ask: Any, _show: Any) -> Any:
    try:
        await ask("ask", "denied")
    except NotGranted as fault:
        return f"caught {fault.message}"


async def _break(_given: Any, _ask: Any, show: Callable[[str], None]) -> Any:
    show("so far")
    return 1 // 0


async def _slow(_given: Any, ask: Any, _show: Any) -> Any:
    await ask("ask", "slow")
    return "done"


async def _loud(_given: Any, _ask: Any, show: Callable[[str], None]) -> Any:
    for _ in range(1000):
        show("x" * 100 + "\n")


def _giving(value: Any) -> Callable[..., Awaitable[Any]]:
    async def twin(*_: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return twin


TWINS = {
    ECHO: _echo,
    ASK: _many,
    WAIT: _many,
    CATCH: _catch,
    DENIED: _asking("denied"),
    WRONG: _asking("wrong"),
    DEFECT: _asking("defect"),
    BREAK: _break,
    SLOW: _slow,
    WIDE: _giving("x" * 2000),
    LOUD: _loud,
    SETS: _giving({1, 2}),
    DEEP: _giving(RecursionError()),
    NAMES: _giving(LookupError("nothing")),
}


@pytest.fixture(params=["monty", "container", "modal", "fake"])
async def sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Sandbox, None]:
    """Each knows the programs above."""
    found: Sandbox
    if request.param == "modal":
        async with deployed(monkeypatch) as plane:
            found = ContainerSandbox(ModalContainers(client=plane.client))
            yield found
            await found.close()
            assert plane.machines.running == 0
        return
    if request.param == "monty":
        found = MontySandbox()
    elif request.param == "container":
        found = ContainerSandbox(Processes())
    else:
        found = FakeSandbox(TWINS)
    yield found
    await found.close()


async def _run(sandbox: Sandbox, source: str, bounds: Bounds | None = None, **given: Any) -> Any:
    return await sandbox.run(Program(source, "run", "0" * 64), given, {"ask": _ask}, bounds or Bounds())


@pytest.mark.parametrize("value", [None, True, 7, -0.5, "é\u2603\n", [], {"a": [1, {"b": None}]}, 2**63 - 1])
async def test_what_goes_in_comes_out(sandbox: Sandbox, value: Any) -> None:
    """Any JSON value, and what was printed."""
    ran = await _run(sandbox, ECHO, value=value)
    assert ran.value == {"value": value}
    assert ran.printed == "seen\n"
    assert ran.ms >= 0


@pytest.mark.parametrize("source", [ASK, WAIT])
async def test_a_door_gets_its_arguments_and_its_answer_comes_back(sandbox: Sandbox, source: str) -> None:
    """By position and by name, one after another or at once, in the order of the calls."""
    ran = await _run(sandbox, source, n=3)
    assert ran.value == [{"asked": "ask", "0": "x", "k": at} for at in range(3)]


async def test_a_fault_of_a_door_can_be_caught(sandbox: Sandbox) -> None:
    """It is an exception as any other, with the fault's message."""
    assert (await _run(sandbox, CATCH)).value == "caught no such host"


@pytest.mark.parametrize(("source", "kind"), [(DENIED, NotGranted), (WRONG, BadRequest)])
async def test_a_fault_that_is_let_through_is_itself(
    sandbox: Sandbox, source: str, kind: type[Fault]
) -> None:
    """Not a traceback of the program's."""
    with pytest.raises(kind):
        await _run(sandbox, source)


async def test_a_defect_behind_a_door_is_not_the_programs(sandbox: Sandbox) -> None:
    """It comes up as it is, and the next call is served."""
    with pytest.raises((KeyError, PluginError)) as found:
        await _run(sandbox, DEFECT)
    assert isinstance(found.value, KeyError) or isinstance(sandbox, FakeSandbox)
    assert (await _run(sandbox, ECHO)).value == {}


async def test_a_program_that_breaks_says_where(sandbox: Sandbox) -> None:
    """What was raised, and the line of its own that raised it; nothing of the machine's."""
    with pytest.raises(PluginError) as found:
        await _run(sandbox, BREAK)
    assert "ZeroDivisionError" in found.value.message
    if not isinstance(sandbox, FakeSandbox):
        assert "line 3, in run: return 1 // 0" in found.value.message
    assert "/" not in found.value.message.replace("//", "")


@pytest.mark.parametrize("source", [SETS, NAMES])
async def test_what_can_not_come_out_is_the_programs_error(sandbox: Sandbox, source: str) -> None:
    """No JSON, and a door that there is not."""
    with pytest.raises(PluginError):
        await _run(sandbox, source)


@pytest.mark.parametrize(
    ("source", "bounds", "limit"),
    [
        (ASK, Bounds(fetches=2), "fetches"),
        (WIDE, Bounds(output=1000), "output"),
        (LOUD, Bounds(output=1000), "output"),
        (SLOW, Bounds(door_seconds=0.1, seconds=0.2), "doors"),
        (DEEP, Bounds(), "recursion"),
    ],
)
async def test_a_limit_is_named(sandbox: Sandbox, source: str, bounds: Bounds, limit: str) -> None:
    """And the next call is served."""
    given = {"n": 3} if source == ASK else {}
    with pytest.raises(PluginStopped) as found:
        await _run(sandbox, source, bounds, **given)
    if not (isinstance(sandbox, FakeSandbox) and limit == "doors"):
        assert found.value.limit == limit
    assert (await _run(sandbox, ECHO)).value == {}


async def test_the_time_of_a_door_is_not_the_programs(sandbox: Sandbox) -> None:
    """A program may wait longer than it may run."""
    assert (await _run(sandbox, SLOW, Bounds(seconds=0.35, door_seconds=5))).value == "done"


@pytest.mark.parametrize("source", [ECHO, ASK, BREAK])
async def test_a_good_text_passes_its_check(sandbox: Sandbox, source: str) -> None:
    """Nothing of it is run."""
    await sandbox.check(Program(source, "run", ""))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = (\ndef run(: pass", None),
        ("def other(): pass", 1),
        ("def run():\n    return )", 2),
        ("", 1),
        ("# def run():\n", 1),
        ("def run(): pass\n" + "x = 1\n" * 60_000, None),
        ("def run(): pass\x00", None),
    ],
)
async def test_a_text_that_is_no_program_is_refused(sandbox: Sandbox, source: str, line: int | None) -> None:
    """With its place, in `check` and in `run` alike."""
    with pytest.raises(BadPlugin) as found:
        await sandbox.check(Program(source, "run", ""))
    if line is not None and not isinstance(sandbox, FakeSandbox):
        assert found.value.line == line
        assert found.value.column is not None
    with pytest.raises(BadPlugin):
        await _run(sandbox, source)


async def test_calls_know_nothing_of_each_other(sandbox: Sandbox) -> None:
    """Twenty at once, each with its own answer."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(sandbox, ECHO, n=at)) for at in range(20)]
    assert [task.result().value for task in tasks] == [{"n": at} for at in range(20)]


async def test_a_closed_sandbox_runs_nothing(sandbox: Sandbox) -> None:
    """It says so, and closing it again is nothing."""
    await sandbox.close()
    await sandbox.close()
    with pytest.raises(Unavailable):
        await _run(sandbox, ECHO)
