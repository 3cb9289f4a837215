"""The steps of a deploy, and going back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from infra.deploying.journey import Journey, Step, travel
from infra.deploying.lock import Lock
from infra.deploying.order import Wishes
from infra.deploying.plane import Plane
from infra.deploying.stopped import Stopped
from tests.deploying.orders import order


@dataclass
class Diary:
    """What the steps did and took back, in order."""

    lines: list[str] = field(default_factory=list)

    def step(
        self, name: str, fault: BaseException | None = None, *, changes: bool = True, undo: str = ""
    ) -> Step:
        """A step that writes down that it ran, then raises `fault`; `undo` is why it can't be undone."""

        async def do(_: Journey) -> str:
            self.lines.append(name)
            if fault is not None:
                raise fault
            return "done"

        async def back(_: Journey) -> str:
            self.lines.append(f"undo {name}")
            if undo:
                raise RuntimeError(undo)
            return f"{name} taken back"

        return Step(name, name, do, back if changes else None)


def journey(say: Callable[[str], None] = lambda _: None, wishes: Wishes | None = None) -> Journey:
    """A journey that touches nothing."""
    made = order(wishes)
    return Journey(made, Plane(made), Lock("", "staging"), say)


async def test_steps_are_taken_in_order_and_told() -> None:
    """Each step that is done is a line."""
    diary, said = Diary(), list[str]()
    await travel(journey(said.append), [diary.step("one"), diary.step("two")])
    assert diary.lines == ["one", "two"]
    assert [line.split(" (")[0] for line in said] == ["✓ one: done", "✓ two: done"]


async def test_what_was_begun_is_undone_last_first() -> None:
    """The step that failed may have changed something too, so it is undone as well."""
    diary = Diary()
    steps = [
        diary.step("one"),
        diary.step("look", changes=False),
        diary.step("two", Stopped("no", code=2)),
        diary.step("x"),
    ]
    with pytest.raises(Stopped, match=r"✗ two: no\n  two taken back\n  one taken back") as stopped:
        await travel(journey(), steps)
    assert diary.lines == ["one", "look", "two", "undo two", "undo one"]
    assert stopped.value.code == 2


async def test_a_step_that_can_not_be_undone_does_not_keep_the_others() -> None:
    """Every step gets its undoing, and a failed one is told."""
    diary = Diary()
    with pytest.raises(Stopped, match=r"two could not be undone: gone\n  one taken back"):
        await travel(journey(), [diary.step("one"), diary.step("two", OSError("x"), undo="gone")])


async def test_a_skipped_step_is_neither_done_nor_undone() -> None:
    """Skipping is told."""
    diary, said = Diary(), list[str]()
    steps = [diary.step("one"), diary.step("two", Stopped("no"))]
    with pytest.raises(Stopped):
        await travel(journey(said.append, Wishes(skip=frozenset({"one"}))), steps)
    assert diary.lines == ["two", "undo two"]
    assert said == ["· one: skipped"]


async def test_ctrl_c_goes_back() -> None:
    """Told to stop in the middle of a step, it takes back what was begun, with time limits that still work."""
    diary, begun = Diary(), asyncio.Event()

    async def waits(_: Journey) -> str:
        begun.set()
        await asyncio.sleep(60)
        return ""

    async def back(_: Journey) -> str:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        return "waited for"

    async def main() -> None:
        await travel(journey(), [diary.step("one"), Step("two", "", waits, back)])

    work = asyncio.create_task(main())
    await begun.wait()
    work.cancel()
    with pytest.raises(Stopped, match=r"Stopped on your order\.\n  waited for\n  one taken back") as stopped:
        await work
    assert stopped.value.code == 130
