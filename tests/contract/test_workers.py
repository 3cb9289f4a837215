"""Workers take what they are given, once, and say when they can't."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from functions.cloud.workers import ModalWorkers
from shared.adapters.workers import OwnWorkers
from shared.core.faults import Unavailable
from shared.core.ids import RunId
from shared.fakes.workers import NotingWorkers
from shared.ports.workers import Workers
from tests.contract.modal_plane import deployed

ONE, TWO = RunId("doc_1"), RunId("doc_2")


@pytest.fixture(params=["own", "noting", "modal"])
async def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    """Each kind, with nothing to do yet."""
    if request.param == "modal":
        async with deployed(monkeypatch) as plane:
            yield ModalWorkers(client=plane.client)
            assert set(plane.spawned) == {"write"}
        return
    if request.param == "noting":
        yield NotingWorkers()
        return
    own, begun = OwnWorkers(), set[RunId]()

    async def adopt(run: RunId) -> bool:
        new = run not in begun
        begun.add(run)
        return new

    own.adopt = adopt
    yield own


async def test_a_document_is_taken(workers: Workers) -> None:
    """Each for itself."""
    assert await workers.enqueue(ONE)
    assert await workers.enqueue(TWO)


async def test_twice_does_no_harm(workers: Workers) -> None:
    """A container that closes and a sweep may both name it."""
    await workers.enqueue(ONE)
    assert await workers.enqueue(ONE) in (True, False)
    assert await workers.enqueue(TWO)


def _noting() -> Workers:
    away = NotingWorkers()
    away.away = True
    return away


def _own() -> Workers:
    async def adopt(_run: RunId) -> bool:
        raise Unavailable("The database is away.")

    own = OwnWorkers()
    own.adopt = adopt
    return own


@pytest.mark.parametrize("made", [_noting, _own])
async def test_what_can_not_be_taken_is_said(made: Callable[[], Workers]) -> None:
    """Whoever hands over leaves it to the next sweep then."""
    with pytest.raises(Unavailable):
        await made().enqueue(ONE)


async def test_a_function_that_is_not_deployed_is_said_to_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hands over leaves it to the next sweep then, too."""
    async with deployed(monkeypatch) as plane:
        with pytest.raises(Unavailable):
            await ModalWorkers("nothing-of-that-name", client=plane.client).enqueue(ONE)


async def test_before_there_is_somebody_nothing_is_taken() -> None:
    """Own workers without an engine say so."""
    enqueue: Callable[[RunId], Awaitable[bool]] = OwnWorkers().enqueue
    assert not await enqueue(ONE)
