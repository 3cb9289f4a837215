"""What every `ports.answers.Answers` promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.postgres.recall import PostgresAnswers
from shared.adapters.recall import KeptAnswers
from shared.adapters.redis.answers import LARGEST, RedisAnswers
from shared.adapters.redis.connection import RedisConnection
from shared.core.faults import Unavailable
from shared.core.ids import TenantId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.fakes.answers import FakeAnswers
from shared.ports.answers import Answers, Found, Stored
from tests.contract.samples import run
from tests.stores import Stores

NOW = SystemClock().now()
KEY, FRAME, CONTENT = b"k" * 32, b"f" * 32, b"c" * 32


def stored(number: int = 1, **changes: Any) -> Stored:
    """An answer with every field set; each number has a key of its own, and a later one is newer."""
    fields: dict[str, Any] = {
        "key": bytes([number]) * 32,
        "frame": FRAME,
        "content": None,
        "model": "gpt",
        "provider": "openai",
        "template": "tpl",
        "tags": ("a", "ü b"),
        "run": run(number, "chat"),
        "created": NOW + timedelta(seconds=number),
        "expires": NOW + timedelta(hours=1),
        "cost": Micros(123),
        "usage": Usage(10, 2, 3, 4, 1, 1, 77, "estimated", 1, "flex", "high"),
        "simulated": True,
        "reads": '[[{"t":"Hé🙂\\n"}],[]]'.encode(),
        "words": "",
    }
    return Stored(**(fields | changes))


async def found(answers: Answers, tenant: TenantId, of: Stored, at: Any = NOW) -> Found:
    return await answers.find(tenant, of.key, of.frame, of.content, at)


@asynccontextmanager
async def kept(stores: Stores) -> AsyncIterator[KeptAnswers]:
    """As one process has them."""
    answers = KeptAnswers(RedisAnswers(stores.redis), PostgresAnswers(stores.database), SystemClock())
    yield answers
    await answers.close()


@pytest.fixture
def real(backed: Stores | None) -> Stores | None:
    """The stores, Redis before Postgres; None: in memory."""
    return backed


@pytest.fixture
async def answers(real: Stores | None) -> AsyncIterator[Answers]:
    if real is None:
        yield FakeAnswers()
        return
    async with kept(real) as found:
        yield found


async def settled(answers: Answers) -> None:
    """What goes on behind requests' backs is done."""
    if isinstance(answers, KeptAnswers):
        while answers._tasks:
            await asyncio.wait(list(answers._tasks.values()))
            await asyncio.sleep(0)


async def warmed(answers: Answers, tenant: TenantId) -> None:
    """The front store has what there is."""
    await found(answers, tenant, stored(99, frame=b"x" * 32))
    await settled(answers)


@pytest.mark.parametrize("warm", ["cold", "warm before", "warm after"])
async def test_an_answer_comes_back_as_it_was(answers: Answers, tenant: TenantId, warm: str) -> None:
    """Every field, whichever store it comes from; nothing under another key or frame."""
    if warm == "warm before":
        await warmed(answers, tenant)
    one = stored(1, content=CONTENT, words="What is a café?\x00\ud800 🙂")
    plain = stored(2, cost=None, tags=(), template="", usage=Usage(), simulated=False, content=b"d" * 32)
    for each in (one, plain):
        await answers.put(tenant, each)
    if warm == "warm after":
        await warmed(answers, tenant)
    for each in (one, plain):
        assert await found(answers, tenant, each) == Found(each, None, others=True)
    assert await answers.find(tenant, KEY, b"other" + b"f" * 27, None, NOW) == Found()
    assert await answers.find(tenant, KEY, FRAME, None, NOW) == Found(others=True)


@pytest.mark.parametrize("warm", [False, True])
async def test_the_newest_with_the_same_content_words_is_found(
    answers: Answers, tenant: TenantId, warm: bool
) -> None:
    """Where there is no answer to the very request."""
    if warm:
        await warmed(answers, tenant)
    older, newer = stored(1, content=CONTENT), stored(2, content=CONTENT)
    for one in (older, newer):
        await answers.put(tenant, one)
    asked = stored(3, content=CONTENT)
    assert (await found(answers, tenant, asked)).content == newer
    assert await found(answers, tenant, older) == Found(older)
    assert (await found(answers, tenant, stored(3))).content is None
    await settled(answers)
    assert (await found(answers, tenant, asked)).content == newer


@pytest.mark.parametrize("warm", [False, True])
async def test_what_has_expired_is_not_found(answers: Answers, tenant: TenantId, warm: bool) -> None:
    """At the instant that is asked about, in no way."""
    if warm:
        await warmed(answers, tenant)
    one = stored(1, content=CONTENT, words="words", expires=NOW + timedelta(minutes=10))
    await answers.put(tenant, one, [1.0, 0.0], "e")
    after = NOW + timedelta(minutes=10)
    assert (await found(answers, tenant, one, after - timedelta(milliseconds=1))).exact == one
    assert (await found(answers, tenant, one, after)).exact is None
    assert (await found(answers, tenant, stored(2, content=CONTENT), after)).content is None
    assert not await answers.near(tenant, FRAME, [1.0, 0.0], "e", after)
    assert len(await answers.near(tenant, FRAME, [1.0, 0.0], "e", NOW)) == 1


async def test_an_answer_is_replaced(answers: Answers, tenant: TenantId) -> None:
    """Whole, wherever it lies."""
    await warmed(answers, tenant)
    for text in (b'["first"]', b'["second"]', b'["%s"]' % (b"x" * LARGEST), b'["fourth"]'):
        one = stored(1, reads=text, content=CONTENT)
        await answers.put(tenant, one)
        assert (await found(answers, tenant, one)).exact == one
        assert (await found(answers, tenant, stored(2, content=CONTENT))).content == one
    assert (await answers.tally(tenant)).entries == 1


async def test_near_answers_come_nearest_first(answers: Answers, tenant: TenantId) -> None:
    """In the same frame and by the same embedder, 0.8 at least, no more than asked for."""
    vectors = [[1.0, 0.0, 0.0], [0.9, 0.435889894, 0.0], [0.82, 0.572363521, 0.0], [0.7, 0.714142843, 0.0]]
    for number, vector in enumerate(vectors, start=1):
        await answers.put(tenant, stored(number, words=f"w{number}"), vector, "e")
    await answers.put(tenant, stored(5, frame=b"g" * 32, words="w"), vectors[0], "e")
    await answers.put(tenant, stored(6, words="w"), [1.0, 0.0], "another")
    await answers.put(tenant, stored(7, words="w"))
    near = await answers.near(tenant, FRAME, [1.0, 0.0, 0.0], "e", NOW)
    assert [one.words for one, _ in near] == ["w1", "w2", "w3"]
    assert [score for _, score in near] == pytest.approx([1.0, 0.9, 0.82], abs=1e-5)
    assert near[0][0] == stored(1, words="w1")
    assert len(await answers.near(tenant, FRAME, [1.0, 0.0, 0.0], "e", NOW, 2)) == 2
    assert [one.key for one, _ in await answers.near(tenant, FRAME, [1.0, 0.0], "another", NOW)] == [
        b"\6" * 32
    ]
    assert not await answers.near(tenant, FRAME, [-1.0, 0.0, 0.0], "e", NOW)


async def test_another_tenant_finds_nothing(
    answers: Answers, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Not by the same key, content, frame or vector; nor does it purge anything."""
    one = stored(1, content=CONTENT, words="words")
    await answers.put(tenant, one, [1.0, 0.0], "e")
    for _ in range(2):
        assert await found(answers, other_tenant, one) == Found()
        assert await found(answers, other_tenant, stored(2, content=CONTENT)) == Found()
        assert not await answers.near(other_tenant, FRAME, [1.0, 0.0], "e", NOW)
        await settled(answers)
    assert await answers.purge(other_tenant) == 0
    assert (await answers.tally(other_tenant)).entries == 0
    assert (await found(answers, tenant, one)).exact == one


@pytest.mark.parametrize(
    ("fits", "gone"),
    [
        ({}, {1, 2, 3, 4}),
        ({"model": "haiku"}, {2, 4}),
        ({"template": "other"}, {3, 4}),
        ({"tag": "ü b"}, {1, 2, 3}),
        ({"model": "haiku", "template": "other"}, {4}),
        ({"model": "haiku", "tag": "a"}, {2}),
        ({"model": "none"}, set()),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
async def test_a_purge_takes_what_fits(
    answers: Answers, tenant: TenantId, fits: dict[str, str], gone: set[int], warm: bool
) -> None:
    """All of it and nothing else, at once, wherever it lies."""
    rows = {
        1: stored(1, content=b"1" * 32, words="w"),
        2: stored(2, content=b"2" * 32, words="w", model="haiku"),
        3: stored(3, content=b"3" * 32, words="w", template="other"),
        4: stored(4, content=b"4" * 32, words="w", template="other", model="haiku", tags=("z",)),
    }
    for row in rows.values():
        await answers.put(tenant, row, [1.0, 0.0], "e")
    if warm:
        await warmed(answers, tenant)
    assert await answers.purge(tenant, **fits) == len(gone)
    for _ in range(2):
        for number, row in rows.items():
            assert ((await found(answers, tenant, row)).exact is None) == (number in gone)
            like = await answers.find(tenant, KEY, FRAME, row.content, NOW)
            assert (like.content is None) == (number in gone)
            assert like.others == (len(gone) < 4)
        await settled(answers)
    near = await answers.near(tenant, FRAME, [1.0, 0.0], "e", NOW)
    assert {row.key for row, _ in near} == {row.key for number, row in rows.items() if number not in gone}
    assert await answers.purge(tenant, **fits) == 0
    again = stored(9, model="haiku", template="other")
    await answers.put(tenant, again)
    assert (await found(answers, tenant, again)).exact == again


async def test_the_figures_add_up(answers: Answers, tenant: TenantId, other_tenant: TenantId) -> None:
    """Counts, what was saved, and the answers' number and size; one's own alone."""
    for number, what in enumerate(("hit", "hit", "near", "joined", "miss", "miss", "miss")):
        answers.count(tenant, what, Micros(0 if what == "miss" else 10**number))  # type: ignore[arg-type]
    await answers.put(tenant, stored(1, reads=b"12345"))
    await answers.put(tenant, stored(2, reads=b"123"))
    for _ in range(2):
        tally = await answers.tally(tenant)
        assert (tally.entries, tally.bytes) == (2, 8)
        assert (tally.hits, tally.near, tally.joined, tally.misses, tally.saved) == (2, 1, 1, 3, 1111)
        assert (tally.checked, tally.wrong, tally.near_off) == (0, 0, False)
    answers.count(tenant, "hit", Micros(1))
    assert (await answers.tally(tenant)).hits == 3
    assert (await answers.tally(other_tenant)).misses == 0


class TestTwoProcesses:
    """What only processes that share the stores can show."""

    async def test_a_purge_is_immediate_for_all(self, stores: Stores, tenant: TenantId) -> None:
        """Another process that is warm serves nothing of it, and what does not fit goes on being served."""
        async with kept(stores) as here, kept(stores) as there:
            gone, stays = stored(1), stored(2, model="haiku")
            for one in (gone, stays):
                await here.put(tenant, one)
            await warmed(there, tenant)
            assert (await found(there, tenant, gone)).exact == gone
            assert await here.purge(tenant, model="gpt") == 1
            assert await found(there, tenant, gone) == Found()
            await settled(there)
            assert await found(there, tenant, gone) == Found()
            assert (await found(there, tenant, stays)).exact == stays

    async def test_an_answer_that_was_purged_on_its_way_is_not_stored(
        self, stores: Stores, tenant: TenantId
    ) -> None:
        """It was asked for before; what does not fit is stored, and so is one that is asked for anew."""
        async with kept(stores) as here, kept(stores) as there:
            for warm in range(2):
                fits, fits_not = stored(1), stored(2, model="haiku")
                for one in (fits, fits_not):
                    assert (await found(here, tenant, one)).exact is None
                await there.purge(tenant, model="gpt")
                for one in (fits, fits_not):
                    await here.put(tenant, one)
                assert await found(here, tenant, fits) == Found()
                assert (await found(there, tenant, fits_not)).exact == fits_not
                await here.put(tenant, fits)
                assert (await found(there, tenant, fits)).exact == fits
                await there.purge(tenant)
                if not warm:
                    await warmed(here, tenant)

    async def test_a_purge_and_puts_at_once_leave_nothing(self, stores: Stores, tenant: TenantId) -> None:
        """Whatever comes first, what was asked for before the purge is not served after both."""
        async with kept(stores) as here, kept(stores) as there:
            await warmed(here, tenant)
            rows = [stored(number) for number in range(1, 21)]
            for row in rows:
                await found(here, tenant, row)
            async with asyncio.TaskGroup() as group:
                for number, row in enumerate(rows):
                    group.create_task(here.put(tenant, row))
                    if number == 10:
                        group.create_task(there.purge(tenant))
            await settled(here)
            for row in rows:
                assert (await found(here, tenant, row)).exact is None
                assert (await found(there, tenant, row)).exact is None

    async def test_a_warm_miss_asks_redis_alone(self, stores: Stores, tenant: TenantId) -> None:
        """And a cold one brings what Postgres has."""
        one = stored(1, content=CONTENT, words="w")
        async with kept(stores) as here:
            await here.put(tenant, one)
            names = [name async for name in stores.redis.commands.scan_iter(f"*{tenant}*")]
            await stores.redis.commands.delete(*names)
            await warmed(here, tenant)
        broken = KeptAnswers(RedisAnswers(stores.redis), _Forbidden(stores.database), SystemClock())
        assert await found(broken, tenant, one) == Found(one, None, others=True)
        assert (await found(broken, tenant, stored(2, content=CONTENT))).content == one
        assert await broken.find(tenant, KEY, b"z" * 32, b"y" * 32, NOW) == Found()
        await broken.close()

    async def test_a_redis_that_missed_a_purge_is_found_out(self, stores: Stores, tenant: TenantId) -> None:
        """It comes back with what it had before; its copy of the epoch is renewed from Postgres and lapses in any
        case."""
        one = stored(1)
        async with kept(stores) as here:
            await here.put(tenant, one)
            await warmed(here, tenant)
            await PostgresAnswers(stores.database).purge(
                tenant
            )  # as by a process that Redis could not be reached from
            stem = f"chatsmart:recall1:{{{tenant}}}:"
            assert 0 < await stores.redis.commands.pttl(stem + "epoch") <= 60_000
            assert 0 < await stores.redis.commands.pttl(stem + "fresh") <= 15_000
            await stores.redis.commands.delete(stem + "fresh")  # as it lapses
            await found(here, tenant, one)
            await settled(here)
            assert await found(here, tenant, one) == Found()

    async def test_without_redis_postgres_answers(self, stores: Stores, tenant: TenantId) -> None:
        """Found, near and stored as ever; only a purge fails, for Redis may have what it took away."""
        dead = RedisConnection("redis://127.0.0.1:1/0")
        alone = KeptAnswers(RedisAnswers(dead), PostgresAnswers(stores.database), SystemClock())
        one = stored(1, words="w")
        await alone.put(tenant, one, [1.0], "e")
        assert await found(alone, tenant, one) == Found(one, None, others=True)
        assert len(await alone.near(tenant, FRAME, [1.0], "e", NOW)) == 1
        with pytest.raises(Unavailable):
            await alone.purge(tenant)
        assert await found(alone, tenant, one) == Found()
        await alone.close()
        await dead.close()

    async def test_counts_are_written_behind_requests_backs(self, stores: Stores, tenant: TenantId) -> None:
        """At the latest when the process goes."""
        async with kept(stores) as here:
            here.count(tenant, "hit", Micros(5))
        async with kept(stores) as there:
            tally = await there.tally(tenant)
        assert (tally.hits, tally.saved) == (1, 5)


class _Forbidden(PostgresAnswers):
    """Fails the test that asks it."""

    async def find(self, *args: Any, **more: Any) -> Any:
        """Not while Redis is warm."""
        raise AssertionError("Postgres was asked")

    async def epoch(self, tenant: TenantId) -> int:
        """Nor this."""
        raise AssertionError("Postgres was asked")
