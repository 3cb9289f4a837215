"""A tenant's move: looked up rarely, set strictly; what is measured is bounded and written later."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.core.faults import BadRequest, Forbidden, NotYours, Unavailable
from shared.core.ids import KeyId, TenantId
from shared.core.tenant import Principal
from shared.cutover.captured import Asked, Capture
from shared.cutover.desk import Change, Desk
from shared.cutover.mirrors import AT_ONCE, MOST_BYTES, WAITING, Mirrors
from shared.cutover.recorder import Recorder
from shared.fakes.clock import FakeClock
from shared.fakes.comparisons import MemoryComparisons
from shared.fakes.cutovers import MemoryCutovers
from shared.fakes.oldpath import ScriptedOldPath
from shared.fakes.sealer import MemorySealer
from shared.models.catalogue import Catalogue
from shared.ports.comparisons import Comparison, Count
from shared.ports.cutovers import Cutover

TENANT = TenantId("018f0000-0000-7000-8000-000000000001")
ME = Principal(TENANT, "key_1", KeyId("key_1"))
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD = "https://old.example/v1"
GOOD = b'{"choices":[{"index":0,"message":{"content":"Tea"},"finish_reason":"stop"}]}'


class Slow(MemoryCutovers):
    """Takes its time, counts, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.away = 0, False

    async def get(self, tenant: TenantId) -> Cutover | None:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.away:
            raise Unavailable
        return await super().get(tenant)


class Away(MemoryComparisons):
    """A store that comes back."""

    away = True

    async def add(self, tenant: TenantId, rows: Sequence[Comparison], counts: Sequence[Count]) -> None:
        if self.away:
            raise Unavailable
        await super().add(tenant, rows, counts)


class Room:
    """A desk on fakes."""

    def __init__(self) -> None:
        self.clock, self.store, self.seen = FakeClock(), Slow(), MemoryComparisons()
        self.desk = Desk(
            self.store, self.seen, MemorySealer(), ScriptedOldPath(), self.clock, Catalogue(), "production"
        )


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_tenant_without_a_move_is_asked_about_once_in_two_seconds(room: Room) -> None:
    """However many requests come, together or one after the other; also where there is a move."""
    for expected in (1, 2):
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(room.desk.of(TENANT))
        assert room.store.asked == expected
        room.clock.pass_(2.1)
    await room.desk.set(ME, Change(base_url=OLD))
    before = room.store.asked
    for _ in range(50):
        assert await room.desk.of(TENANT)
    assert room.store.asked == before + 1


async def test_a_change_shows_at_once(room: Room) -> None:
    """In the process that made it."""
    assert await room.desk.of(TENANT) is None
    await room.desk.set(ME, Change(base_url=OLD, serve_percent=1))
    found = await room.desk.of(TENANT)
    assert found is not None
    assert (found.serve_percent, found.changed_by) == (1, "key_1")
    await room.desk.remove(ME)
    assert await room.desk.of(TENANT) is None


async def test_a_caller_that_leaves_does_not_end_the_others_look_up(room: Room) -> None:
    """They share it, and it goes on."""
    first, second = (asyncio.create_task(room.desk.of(TENANT)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None
    assert room.store.asked == 1


async def test_what_was_known_stands_in_while_the_store_is_away(room: Room) -> None:
    """Callers go where they went a moment ago; who is not known gets the fault."""
    await room.desk.set(ME, Change(base_url=OLD))
    await room.desk.of(TENANT)
    room.store.away = True
    room.clock.pass_(60)
    assert await room.desk.of(TENANT)
    with pytest.raises(Unavailable):
        await room.desk.of(TenantId("another"))
    room.clock.pass_(3600)
    with pytest.raises(Unavailable):
        await room.desk.of(TENANT)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        (Change(serve_percent=1), "base_url"),
        (Change(base_url="http://old.example/v1"), "base_url"),
        (Change(base_url="https://10.0.0.1/v1"), "base_url"),
        (Change(base_url=OLD, serve_percent=101), "serve_percent"),
        (Change(base_url=OLD, mirror_percent=-1), "mirror_percent"),
        (Change(base_url=OLD, shadow_percent=1000), "shadow_percent"),
        (Change(base_url=OLD, models={"a": "no-such-model"}), "models"),
        (Change(base_url=OLD, models={"": "auto"}), "models"),
        (Change(base_url=OLD, models={"a\x00": "auto"}), "models"),
        (Change(base_url=OLD, models={f"m{n}": "auto" for n in range(101)}), "models"),
        (Change(base_url=OLD, api_key="two words"), "api_key"),
        (Change(base_url=OLD, api_key="line\r\nx-evil: 1"), "api_key"),
        (Change(base_url=OLD, api_key="clé"), "api_key"),
    ],
)
async def test_a_wrong_setting_is_refused_by_name(room: Room, change: Change, param: str) -> None:
    """And nothing is stored."""
    with pytest.raises(BadRequest) as found:
        await room.desk.set(ME, change)
    assert found.value.param == param
    with pytest.raises(NotYours):
        await room.desk.get(ME)


async def test_what_is_left_out_stays(room: Room) -> None:
    """A ramp names its share and nothing else."""
    first = await room.desk.set(
        ME, Change(OLD, "sk-0123456789ab", serve_percent=1, models={"a": "auto"}, keep_samples=True)
    )
    second = await room.desk.set(ME, Change(serve_percent=10))
    assert second.with_(serve_percent=1) == first
    assert (room.desk.key(second), second.key_hint) == ("sk-0123456789ab", "89ab")
    assert "sk-" not in repr(second)


async def test_a_short_key_gives_no_hint(room: Room) -> None:
    """Four characters of eight would be half of it."""
    assert (await room.desk.set(ME, Change(OLD, "12345678"))).key_hint == ""


async def test_who_has_no_scope_has_no_say(room: Room) -> None:
    """A credential without rights neither looks nor changes."""
    nobody = Principal(TENANT, "x", scopes=frozenset())
    for act in (
        room.desk.get(nobody),
        room.desk.set(nobody, Change(base_url=OLD)),
        room.desk.remove(nobody),
        room.desk.report(nobody, 1),
    ):
        with pytest.raises(Forbidden):
            await act


# -- measuring ---------------------------------------------------------------------------------------------------------


def asked(first: str = "chatsmart") -> Asked:
    return Asked(TENANT, AT, "/v1/chat/completions", "m", first)


def capture(**changes: Any) -> Capture:
    fields: dict[str, Any] = {"status": 200, "body": GOOD, "total_ms": 5}
    return Capture(**(fields | changes))


async def test_what_can_not_be_written_waits() -> None:
    """A store that is away for a while loses nothing; counts add up in the meantime."""
    store = Away()
    recorder = Recorder(store, FakeClock(), every=0.005)
    for _ in range(3):
        recorder.count(TENANT, "old")
        await asyncio.sleep(0.01)
    store.away = False
    await recorder.close()
    assert await store.counts(TENANT, AT.replace(day=1)) == {"old": 3}


async def test_the_recorder_writes_by_itself_and_rests() -> None:
    """Nobody has to ask, and no task is left when all is written."""
    store = MemoryComparisons()
    recorder = Recorder(store, FakeClock(), every=0.005)
    recorder.count(TENANT, "old")
    async with asyncio.timeout(2):
        while not await store.counts(TENANT, AT.replace(day=1)):  # noqa: ASYNC110  # as a reader would look
            await asyncio.sleep(0.005)
        while recorder._task is not None and not recorder._task.done():  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.005)


async def test_mirrors_are_bounded() -> None:
    """So many at once, so many waiting; the others and the too large ones are dropped, and counted."""
    store, running, most = MemoryComparisons(), 0, 0
    recorder = Recorder(store, FakeClock())
    mirrors = Mirrors(recorder, Catalogue())

    async def background() -> Capture:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return capture()

    assert mirrors.start(asked(), background, MOST_BYTES + 1) is None
    pairs = [mirrors.start(asked(), background, 10) for _ in range(AT_ONCE + WAITING + 5)]
    kept = [pair for pair in pairs if pair is not None]
    for pair in kept:
        pair.answered(capture())
    async with asyncio.timeout(5):
        while mirrors._pairs:  # noqa: ASYNC110  # nobody is told of a background's end
            await asyncio.sleep(0.005)
    await recorder.close()
    counts = await store.counts(TENANT, AT.replace(day=1))
    assert counts == {"mirror:too_large": 1, "mirror:dropped": 5, "mirror:compared": AT_ONCE + WAITING}
    assert most == AT_ONCE
    assert {row.agrees for row in await store.since(TENANT, AT.replace(day=1), 999)} == {True}


async def test_a_mirror_has_a_time_limit_and_an_end() -> None:
    """What hangs is a timeout of that side; what is given up, stopped or broken is counted."""
    store = MemoryComparisons()
    recorder = Recorder(store, FakeClock())
    quick, patient = Mirrors(recorder, Catalogue(), seconds=0.05), Mirrors(recorder, Catalogue())

    async def hangs() -> Capture:
        await asyncio.sleep(30)
        return capture()

    async def breaks() -> Capture:
        raise RuntimeError("a defect")

    slow, left = quick.start(asked(), hangs, 1), patient.start(asked(), hangs, 1)
    assert slow is not None
    assert left is not None
    assert quick.start(asked(), hangs, 1)  # and its caller never has an answer
    assert patient.start(asked(), breaks, 1)
    assert patient.start(asked(), hangs, 1)  # until all is stopped
    slow.answered(capture())
    left.abandon()
    await asyncio.sleep(0.2)
    await patient.close()
    await quick.close()
    await recorder.close()
    (row,) = await store.since(TENANT, AT.replace(day=1), 9)
    assert (row.theirs.fault, row.ours.fault) == ("timeout", "")
    assert await store.counts(TENANT, AT.replace(day=1)) == {
        "mirror:compared": 1,
        "mirror:unfinished": 1,
        "mirror:broke": 1,
        "mirror:abandoned": 2,
    }
