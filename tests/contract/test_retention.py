"""What every `ports.retention` promises: of holds and evidence, and of each class of data that goes."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.postgres.retention import (
    PostgresBodies,
    PostgresDocuments,
    PostgresRetained,
    PostgresVaultExpiring,
)
from shared.adapters.postgres.vault import PostgresVault
from shared.adapters.sealed import AesSealer, fresh_key
from shared.core.entry import Entry
from shared.core.faults import Conflict, Gone
from shared.core.ids import RunId, TenantId
from shared.fakes.log import MemoryLog
from shared.fakes.retention import MemoryBodies, MemoryDocuments, MemoryRetained, MemoryVaultExpiring
from shared.fakes.seals import MemorySeals
from shared.fakes.shelf import MemoryShelf
from shared.fakes.vault import FakeVault
from shared.ports.log import Log
from shared.ports.retention import Expiring, Hold, Removal, Retained
from shared.ports.seals import Seals
from shared.ports.shelf import Shelf
from shared.ports.vault import Vault
from tests.contract.samples import AT, document, entry, run
from tests.contract.test_seals import seal_all
from tests.stores import Stores

LATER = AT + timedelta(days=100)
NOW = SystemClock().now()
RULE = Removal("bodies: 90 days, policy version 3", "sweep", LATER)
SECRET = b"words that must go"


@dataclass(frozen=True, slots=True)
class Home:
    """One home's stores and the classes over them."""

    log: Log
    shelf: Shelf
    vault: Vault
    seals: Seals
    retained: Retained
    bodies: Expiring
    vaulted: Expiring
    documents: Expiring

    @property
    def kinds(self) -> tuple[Expiring, ...]:
        """All classes."""
        return self.bodies, self.vaulted, self.documents


@pytest.fixture(params=["postgres", "memory"])
def home(request: pytest.FixtureRequest) -> Home:
    if request.param == "memory":
        log = MemoryLog()
        shelf, vault = MemoryShelf(log), FakeVault(SystemClock())
        retained = MemoryRetained(log, shelf, vault)
        return Home(
            log,
            shelf,
            vault,
            MemorySeals(log),
            retained,
            MemoryBodies(log, shelf, retained),
            MemoryVaultExpiring(vault, retained),
            MemoryDocuments(shelf, retained),
        )
    stores: Stores = request.getfixturevalue("stores")
    database = stores.database
    return Home(
        stores.log,
        stores.shelf,
        PostgresVault(database, AesSealer(fresh_key())),
        stores.seals,
        PostgresRetained(database),
        PostgresBodies(database),
        PostgresVaultExpiring(database),
        PostgresDocuments(database),
    )


def rows(tenant: TenantId, of: RunId) -> list[Entry]:
    return [
        entry(tenant, 1, of=of, kind="run", request=SECRET),
        entry(tenant, 2, of=of),
        entry(tenant, 3, of=of, kind="end"),
    ]


async def keep(home: Home, tenant: TenantId, number: int = 1) -> RunId:
    """A finished document with its log and an entry in the vault."""
    await home.shelf.put(document(tenant, number), rows(tenant, run(number)))
    await home.vault.keep(tenant, run(number), {"[A]": "anna"}, None)
    return run(number)


async def test_a_tombstone_keeps_the_digests(home: Home, tenant: TenantId) -> None:
    """Of the words of each row, with rule, actor and time; the chain fits as before and counts them."""
    of = await keep(home, tenant)
    await seal_all(home.seals, tenant, 3)
    assert await home.bodies.expire(tenant, LATER, RULE, 10) == 1
    found = await home.retained.tombstones(tenant, of, 10)
    assert [(one.position, one.removal) for one in found] == [(1, RULE), (2, RULE), (3, RULE)]
    assert found[0].request == sha256(SECRET).digest()
    assert found[0].at == entry(tenant, 1).at
    verdict = await home.seals.verify(tenant)
    assert (verdict.broken, verdict.tombstones, verdict.entries) == ("", 3, 3)


async def test_a_run_without_its_words_has_no_tape(home: Home, tenant: TenantId) -> None:
    """Reading it says so, with the rule and the day; what else the tenant has reads as before."""
    of, other = await keep(home, tenant), await keep(home, tenant, 2)
    assert await home.bodies.erase(tenant, of, RULE) == 3
    with pytest.raises(Gone, match=r"bodies: 90 days, policy version 3 on 2027-02-23"):
        await home.log.tape(tenant, of)
    assert len(await home.log.tape(tenant, other)) == 3


async def test_rows_not_sealed_yet_can_lose_their_words(home: Home, tenant: TenantId) -> None:
    """The seal that comes later is made of the digests, and fits."""
    of = await keep(home, tenant)
    await home.bodies.erase(tenant, of, RULE)
    while (await home.seals.verify(tenant)).unsealed:
        await home.seals.seal(tenant, AT)
    verdict = await home.seals.verify(tenant)
    assert (verdict.broken, verdict.tombstones, verdict.entries) == ("", 3, 3)


async def test_only_what_is_old_goes(home: Home, tenant: TenantId, other_tenant: TenantId) -> None:
    """Bodies and documents by when they began, the vault by when it was filled; never another tenant's."""
    mine, theirs = await keep(home, tenant), await keep(home, other_tenant)
    made = {"bodies": AT + timedelta(milliseconds=1), "documents": AT + timedelta(seconds=1)}
    for kind in home.kinds:
        oldest = await kind.oldest(tenant)
        assert oldest is not None
        assert oldest == made.get(kind.name, oldest)
        assert await kind.due(tenant, oldest, AT) == 0
        assert await kind.expire(tenant, oldest, RULE, 10) == 0
        after = oldest + timedelta(microseconds=1)
        assert await kind.due(tenant, after, AT) == 1
        assert await kind.expire(tenant, after, RULE, 10) == 1
        assert await kind.oldest(tenant) is None
        assert await kind.due(tenant, after, AT) == 0
    assert await home.vault.marks(tenant, mine) == {}
    assert await home.vault.marks(other_tenant, theirs) == {"[A]": "anna"}
    assert len(await home.log.tape(other_tenant, theirs)) == 3
    assert await home.shelf.get(other_tenant, theirs) == document(other_tenant)


async def test_doing_it_again_changes_nothing(home: Home, tenant: TenantId) -> None:
    """Neither a second expiry nor an erasure, nor evidence: the first one's stands."""
    of = await keep(home, tenant)
    for kind in home.kinds:
        assert await kind.expire(tenant, NOW + timedelta(days=1), RULE, 10) == 1
    before = await home.retained.tombstones(tenant, of, 10), await home.shelf.get(tenant, of)
    again = Removal("another rule", "somebody", LATER + timedelta(days=1))
    for kind in home.kinds:
        assert await kind.expire(tenant, NOW + timedelta(days=1), again, 10) == 0
        assert await kind.erase(tenant, of, again) == 0
    assert (await home.retained.tombstones(tenant, of, 10), await home.shelf.get(tenant, of)) == before


async def test_a_document_keeps_its_figures(home: Home, tenant: TenantId) -> None:
    """What was given and written is gone and marked; status, steps, cost and the code of its fault are not."""
    of = await keep(home, tenant)
    await home.documents.erase(tenant, of, RULE)
    empty = document(tenant).with_(
        given={}, text="", data=None, fault={"code": "x", "message": "", "advice": ""}, removed=LATER
    )
    assert await home.shelf.get(tenant, of) == empty
    assert list(await home.shelf.listed(tenant, None, 5)) == [empty]


async def test_what_is_being_written_is_left_alone(home: Home, tenant: TenantId) -> None:
    """However old it is."""
    await home.shelf.put(document(tenant, status="running"), rows(tenant, run())[:2])
    for kind in (home.bodies, home.documents):
        assert await kind.due(tenant, LATER, LATER) == 0
        assert await kind.expire(tenant, LATER, RULE, 10) == 0
    assert len(await home.log.tape(tenant, run())) == 2


@pytest.mark.parametrize("whole", [True, False], ids=["of all", "of one run"])
async def test_what_is_held_stays(home: Home, tenant: TenantId, whole: bool) -> None:
    """Until the hold is released: neither age nor a request takes it."""
    of, other = await keep(home, tenant), await keep(home, tenant, 2)
    hold = Hold("hold_1", tenant, None if whole else of, "a lawsuit", "key_1", AT)
    await home.retained.hold(hold)
    await home.retained.hold(hold)
    for kind in home.kinds:
        assert await kind.expire(tenant, NOW + timedelta(days=1), RULE, 10) == (0 if whole else 1)
        with pytest.raises(Conflict, match="legal hold"):
            await kind.erase(tenant, of, RULE)
    assert len(await home.log.tape(tenant, of)) == 3
    assert await home.vault.marks(tenant, of) == {"[A]": "anna"}
    assert (await home.vault.marks(tenant, other) == {"[A]": "anna"}) is whole
    released = await home.retained.release(tenant, "hold_1", "key_2", LATER)
    assert released is not None
    assert (released.released, released.released_by, released.reason) == (LATER, "key_2", "a lawsuit")
    assert await home.retained.release(tenant, "hold_1", "key_3", NOW) == released
    for kind in home.kinds:
        assert await kind.expire(tenant, NOW + timedelta(days=1), RULE, 10) == (2 if whole else 1)


async def test_holds_are_a_tenants_own(home: Home, tenant: TenantId, other_tenant: TenantId) -> None:
    """Listed newest first, released ones too; another tenant neither sees nor releases them."""
    first = Hold("hold_1", tenant, run(), "one", "key_1", AT)
    second = Hold("hold_2", tenant, None, "two", "key_1", LATER)
    await home.retained.hold(first)
    await home.retained.hold(second)
    assert await home.retained.release(other_tenant, "hold_1", "key_9", LATER) is None
    assert list(await home.retained.holds(tenant)) == [second, first]
    assert await home.retained.holds(other_tenant) == ()


async def test_an_end_of_its_own_comes_before_the_rule(home: Home, tenant: TenantId) -> None:
    """A vault entry that is over goes, however young."""
    await home.vault.keep(tenant, run(), {"[A]": "anna", "[B]": "bert"}, NOW - timedelta(seconds=1))
    await home.vault.keep(tenant, run(), {"[C]": "carl"}, NOW + timedelta(days=9))
    long_ago = AT - timedelta(days=999)
    assert await home.vaulted.due(tenant, long_ago, NOW) == 2
    assert await home.vaulted.expire(tenant, long_ago, Removal("r", "sweep", NOW), 10) == 2
    assert await home.vault.marks(tenant, run()) == {"[C]": "carl"}


async def test_a_batch_is_bounded(home: Home, tenant: TenantId) -> None:
    """No more than asked for goes at once, the oldest bodies first, and the rest next time."""
    for number in (2, 1, 3):
        of = run(number)
        shift = timedelta(hours=number)
        found = [entry(tenant, 1, of=of, kind="run", at=AT + shift), entry(tenant, 2, of=of, at=AT + shift)]
        await home.shelf.put(document(tenant, number), found)
        await home.vault.keep(tenant, of, {"[A]": "anna"}, None)
    gone: list[RunId] = []
    for kind in home.kinds:
        batches = [await kind.expire(tenant, NOW + timedelta(days=1), RULE, 2) for _ in range(3)]
        assert batches == [2, 1, 0]
        if kind is home.bodies:
            gone = [one.run for one in await home.retained.tombstones(tenant, None, 10)]
    assert gone == [run(1), run(1), run(2), run(2), run(3), run(3)]


async def test_evidence_comes_in_pages(home: Home, tenant: TenantId, other_tenant: TenantId) -> None:
    """By run and position; another tenant has none."""
    for number in (1, 2):
        await keep(home, tenant, number)
    await home.bodies.expire(tenant, LATER, RULE, 10)
    first = await home.retained.tombstones(tenant, None, 4)
    rest = await home.retained.tombstones(tenant, None, 4, (first[-1].run, first[-1].position))
    assert [(one.run, one.position) for one in (*first, *rest)] == [
        (run(number), position) for number in (1, 2) for position in (1, 2, 3)
    ]
    assert await home.retained.tombstones(other_tenant, None, 4) == ()


async def test_tenants_with_anything_are_walked_through(
    home: Home, tenant: TenantId, other_tenant: TenantId
) -> None:
    """In order and in pages: those with a log, a document, or nothing but a vault entry."""
    await keep(home, tenant)
    await home.vault.keep(other_tenant, run(), {"[A]": "anna"}, None)
    found: list[TenantId] = []
    while page := await home.retained.tenants(found[-1] if found else None, 1):
        found += page
    assert found == sorted(set(found))
    assert {tenant, other_tenant} <= set(found)
