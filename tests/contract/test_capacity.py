"""What every `ports.capacity.Capacity` promises: on Modal's control plane, in memory, and of one process."""

from collections.abc import AsyncIterator

import pytest

from functions.cloud.capacity import ModalCapacity
from shared.adapters.capacity import OneProcess
from shared.core.faults import BadRequest, Conflict, NotYours, Unavailable
from shared.fakes.capacity import MemoryCapacity
from shared.ports.capacity import Bounds, Capacity, Room
from tests.contract.modal_plane import Modal, deployed

WEB, WRITE = Room("Web", 2, 0, 20, 0), Room("write", 2, 0, 20, 0)
LLAMA = Room("Llama", None, 0, 4, 0)


@pytest.fixture
async def plane(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Modal]:
    """Modal, with the product deployed."""
    async with deployed(monkeypatch) as found:
        yield found


@pytest.fixture
def modal_(plane: Modal) -> Capacity:
    """What is deployed there."""
    return ModalCapacity(client=plane.client)


@pytest.fixture
def memory() -> Capacity:
    """The same in memory."""
    return MemoryCapacity(WEB, WRITE, LLAMA)


@pytest.fixture(params=["modal_", "memory"])
def capacity(request: pytest.FixtureRequest) -> Capacity:
    """One with containers."""
    found: Capacity = request.getfixturevalue(request.param)
    return found


async def test_every_part_is_told_by_name(capacity: Capacity) -> None:
    """Functions, classes and servers, with what they have and may have."""
    assert list(await capacity.rooms()) == [LLAMA, WEB, WRITE]


async def test_a_bound_holds_and_leaves_the_others(capacity: Capacity) -> None:
    """The answer is the part as it is then, and so is the next look."""
    for name in ("Web", "Llama", "write"):
        assert (await capacity.bound(name, Bounds(maximum=3))).maximum == 3
        changed = await capacity.bound(name, Bounds(minimum=1, buffer=2))
        assert (changed.minimum, changed.maximum, changed.buffer) == (1, 3, 2)
    assert {room.maximum for room in await capacity.rooms()} == {3}


@pytest.mark.parametrize(
    "bounds",
    [Bounds(maximum=0), Bounds(maximum=-1), Bounds(minimum=-1), Bounds(buffer=1001), Bounds(minimum=21)],
)
async def test_bounds_that_can_not_hold_change_nothing(capacity: Capacity, bounds: Bounds) -> None:
    """Modal reads a most of 0 as no bound at all, so that is never sent."""
    with pytest.raises(BadRequest):
        await capacity.bound("Web", bounds)
    assert WEB in await capacity.rooms()


async def test_there_is_no_other_part(capacity: Capacity) -> None:
    """A name that is none is said to be none."""
    with pytest.raises(NotYours):
        await capacity.bound("web", Bounds(maximum=3))


async def test_one_process_can_not_be_more_or_less() -> None:
    """And says so."""
    own = OneProcess()
    (room,) = await own.rooms()
    assert (room.containers, room.minimum, room.maximum, room.fixed) == (1, 1, 1, True)
    with pytest.raises(Conflict, match="one process"):
        await own.bound(room.name, Bounds(maximum=2))
    assert await own.bound(room.name, Bounds(maximum=1)) == room
    with pytest.raises(NotYours):
        await own.bound("Web", Bounds(maximum=2))
    with pytest.raises(BadRequest):
        await own.bound(room.name, Bounds(maximum=0))


async def test_a_platform_that_is_away_is_said_to_be(plane: Modal) -> None:
    """Not an empty list, and not a defect of ours."""
    capacity = ModalCapacity("nothing-of-that-name", client=plane.client)
    with pytest.raises(Unavailable):
        await capacity.rooms()


async def test_what_memory_can_not_reach_it_says(memory: MemoryCapacity) -> None:
    """As the real one."""
    memory.away = True
    with pytest.raises(Unavailable):
        await memory.rooms()
    with pytest.raises(Unavailable):
        await memory.bound("Web", Bounds(maximum=1))
