"""What every `ports.shelf.Shelf` promises."""

from datetime import timedelta
from uuid import uuid4

import orjson
import pytest

from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId
from shared.fakes.log import MemoryLog
from shared.fakes.shelf import MemoryShelf
from shared.ports.log import Log
from shared.ports.shelf import Document, Shelf
from tests.contract.samples import AT, AWKWARD, document, entry, run
from tests.stores import Stores


@pytest.fixture(params=["postgres", "memory"])
def both(request: pytest.FixtureRequest) -> tuple[Shelf, Log]:
    if request.param == "memory":
        log = MemoryLog()
        return MemoryShelf(log), log
    stores: Stores = request.getfixturevalue("stores")
    return stores.shelf, stores.log


@pytest.fixture
def shelf(both: tuple[Shelf, Log]) -> Shelf:
    return both[0]


async def test_a_document_comes_back_as_it_was_put(shelf: Shelf, tenant: TenantId) -> None:
    """Every field; optional ones empty and set."""
    bare = document(
        tenant,
        2,
        data=None,
        budget=None,
        steps=(),
        finished=None,
        fault=None,
        status="running",
        simulated=False,
    )
    for one in (document(tenant), bare):
        await shelf.put(one)
        assert await shelf.get(tenant, one.id) == one


async def test_json_keeps_its_text(shelf: Shelf, tenant: TenantId) -> None:
    """What a model wrote first stays first."""
    await shelf.put(document(tenant))
    found = await shelf.get(tenant, run())
    assert found is not None
    assert orjson.dumps(found.data) == orjson.dumps(found.given) == orjson.dumps(AWKWARD)


async def test_a_second_put_brings_up_to_date(shelf: Shelf, tenant: TenantId) -> None:
    """One document, its latest state."""
    await shelf.put(document(tenant, status="running", text=""))
    await shelf.put(document(tenant, text="done"))
    found = await shelf.get(tenant, run())
    assert found is not None
    assert (found.status, found.text) == ("finished", "done")
    assert len(await shelf.listed(tenant, None, 10)) == 1


async def test_a_document_and_its_entries_are_one_transaction(
    both: tuple[Shelf, Log], tenant: TenantId
) -> None:
    """No state without the entries that explain it, and the other way round."""
    shelf, log = both
    await shelf.put(document(tenant), [entry(tenant), entry(tenant, 2)])
    assert len(await log.tape(tenant, run())) == 2
    with pytest.raises(OurFault):
        await shelf.put(document(tenant, text="new"), [entry(tenant, 3), entry(tenant, 2, fault="other")])
    found = await shelf.get(tenant, run())
    assert found is not None
    assert found.text == document(tenant).text
    assert len(await log.tape(tenant, run())) == 2


async def test_a_repeated_put_is_harmless(both: tuple[Shelf, Log], tenant: TenantId) -> None:
    """A retry after a lost answer writes no entry twice."""
    shelf, log = both
    for _ in range(2):
        await shelf.put(document(tenant), [entry(tenant)])
    assert len(await log.tape(tenant, run())) == 1


async def test_entries_of_another_tenant_are_refused(
    shelf: Shelf, tenant: TenantId, other_tenant: TenantId
) -> None:
    """A transaction has one tenant."""
    with pytest.raises(OurFault):
        await shelf.put(document(tenant), [entry(other_tenant)])
    assert await shelf.get(tenant, run()) is None


async def test_another_tenant_has_other_documents(
    shelf: Shelf, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Not there and not yours look the same; the same id under two tenants is two documents."""
    await shelf.put(document(tenant))
    assert await shelf.get(other_tenant, run()) is None
    assert await shelf.listed(other_tenant, None, 10) == ()
    await shelf.put(document(other_tenant, text="theirs"))
    found = await shelf.get(tenant, run())
    assert found is not None
    assert found.text == document(tenant).text


async def test_pages_run_from_new_to_old_without_gap_or_repeat(shelf: Shelf, tenant: TenantId) -> None:
    """Documents of the same instant included."""
    for number in range(1, 8):
        await shelf.put(document(tenant, number, created=AT + timedelta(seconds=number // 3)))
    seen: list[str] = []
    after: str | None = None
    while page := await shelf.listed(tenant, after, 2):
        assert len(page) <= 2
        seen += [one.id for one in page]
        after = page[-1].id
    assert seen == [run(number) for number in range(7, 0, -1)]


async def test_a_page_may_be_of_one_pipeline(shelf: Shelf, tenant: TenantId) -> None:
    """The limit counts what matches."""
    for number in range(1, 7):
        await shelf.put(document(tenant, number, pipeline="a" if number % 2 else "b"))
    assert [one.id for one in await shelf.listed(tenant, None, 2, "a")] == [run(5), run(3)]
    assert [one.id for one in await shelf.listed(tenant, run(5), 5, "b")] == [run(4), run(2)]


async def test_a_cursor_that_names_nothing_gives_nothing(
    shelf: Shelf, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Another tenant's id among them."""
    await shelf.put(document(tenant))
    await shelf.put(document(other_tenant, 2))
    assert await shelf.listed(tenant, "doc_no", 10) == ()
    assert await shelf.listed(tenant, run(2), 10) == ()


async def test_an_orphan_is_a_running_document_that_fell_silent(shelf: Shelf, tenant: TenantId) -> None:
    """A beat, an end, or a fresh start keeps a document off the list; so does being claimed."""
    silent, beating, ended = (document(tenant, n, status="running") for n in (1, 2, 3))
    for one in (silent, beating, ended):
        await shelf.put(one)
    await shelf.beat(tenant, beating.id, AT + timedelta(minutes=10))
    await shelf.put(ended.with_(status="finished"))

    async def orphans(before: timedelta) -> set[str]:
        found = await shelf.claim_orphans(AT + before, AT + timedelta(minutes=10), 10_000)
        return {run_ for owner, run_ in found if owner == tenant}

    assert await orphans(timedelta(seconds=0)) == set()
    assert await orphans(timedelta(minutes=5)) == {silent.id}
    assert await orphans(timedelta(minutes=5)) == set()
    assert await orphans(timedelta(minutes=11)) == {silent.id, beating.id}
    assert len(await shelf.claim_orphans(AT + timedelta(minutes=11), AT, 1)) == 1


def nobody_elses(tenant: TenantId) -> Document:
    """A running document whose name is taken in no other test: a claim by name asks the documents of all tenants."""
    return document(tenant, status="running").with_(id=RunId(f"doc_{uuid4().hex}"))


async def test_one_orphan_can_be_claimed_by_its_name(shelf: Shelf, tenant: TenantId) -> None:
    """It alone, once, and only where it is silent."""
    one, two = (nobody_elses(tenant) for _ in range(2))
    for each in (one, two):
        await shelf.put(each)
    late = AT + timedelta(minutes=5)
    assert await shelf.claim_orphans(AT, late, 10, one.id) == ()
    assert await shelf.claim_orphans(late, late, 10, RunId("doc_no")) == ()
    assert await shelf.claim_orphans(late, late, 10, one.id) == ((tenant, one.id),)
    assert await shelf.claim_orphans(late, late, 10, one.id) == ()
    assert await shelf.claim_orphans(late, late, 10, two.id) == ((tenant, two.id),)


async def test_orphans_can_be_looked_at(shelf: Shelf, tenant: TenantId) -> None:
    """A beat before the limit leaves them to whoever claims them."""
    one, late = nobody_elses(tenant), AT + timedelta(minutes=5)
    await shelf.put(one)
    for _ in range(2):
        assert (tenant, one.id) in await shelf.claim_orphans(late, AT, 10_000)
    assert await shelf.claim_orphans(late, late, 1, one.id) == ((tenant, one.id),)


async def test_a_put_is_no_beat(shelf: Shelf, tenant: TenantId) -> None:
    """And does not take one back."""
    one = document(tenant, status="running")
    await shelf.put(one)
    await shelf.beat(tenant, one.id, AT + timedelta(minutes=10))
    await shelf.put(one.with_(text="more"))
    assert (tenant, one.id) not in await shelf.claim_orphans(AT + timedelta(minutes=5), AT, 10_000)
