"""The verbs of retention over stores in memory: sweeping, erasing, holding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.core.faults import BadRequest, Conflict, Forbidden, Gone, NotYours, OurFault, Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.core.rules import DataClass, Rules
from shared.core.tenant import Limits, Principal
from shared.fakes.clock import START, CountingIds, FakeClock
from shared.fakes.log import MemoryLog
from shared.fakes.retention import MemoryBodies, MemoryDocuments, MemoryRetained, MemoryVaultExpiring
from shared.fakes.shelf import MemoryShelf
from shared.fakes.vault import FakeVault
from shared.ports.retention import Expiring, Removal
from shared.retention.desk import Retention
from tests.contract.samples import document, entry, run

ONE = TenantId("018f0000-0000-7000-8000-000000000001")
TWO = TenantId("018f0000-0000-7000-8000-000000000002")
ME = Principal(ONE, "key_1")
BOSS = Principal(ONE, "key_2", scopes=frozenset({"operator"}))


class Breaking:
    """A class whose `fails`-th expiry or erasure from now on does not come to its end."""

    def __init__(self, inner: Expiring, fails: int = 0) -> None:
        self.inner, self.fails = inner, fails
        self.name: DataClass = inner.name

    def _act(self) -> None:
        self.fails -= 1
        if self.fails == 0:
            raise Unavailable("away")

    async def oldest(self, tenant: TenantId) -> datetime | None:
        return await self.inner.oldest(tenant)

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        return await self.inner.due(tenant, before, now)

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        self._act()
        return await self.inner.expire(tenant, before, removal, limit)

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        self._act()
        return await self.inner.erase(tenant, run, removal)


@dataclass
class Home:
    """A desk over memory. `policies` are the tenants' rules; one that is a fault can't be read."""

    clock: FakeClock = field(default_factory=FakeClock)
    policies: dict[TenantId, Rules | OurFault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log = MemoryLog()
        self.shelf, self.vault = MemoryShelf(self.log), FakeVault(self.clock)
        self.retained = MemoryRetained(self.log, self.shelf, self.vault)
        self.bodies = Breaking(MemoryBodies(self.log, self.shelf, self.retained))
        self.vaulted = Breaking(MemoryVaultExpiring(self.vault, self.retained))
        self.documents = Breaking(MemoryDocuments(self.shelf, self.retained))
        self.desk = self.over([self.bodies, self.vaulted, self.documents])

    def over(self, kinds: Sequence[Expiring]) -> Retention:
        return Retention(self.retained, kinds, self.rules, self.log, self.shelf, self.clock, CountingIds())

    async def rules(self, tenant: TenantId) -> Rules:
        found = self.policies.get(tenant, Rules())
        if isinstance(found, OurFault):
            raise found
        return found

    async def keep(self, tenant: TenantId, number: int = 1, **changes: Any) -> RunId:
        """A document of now, with its log and an entry in the vault."""
        of, at = run(number), self.clock.now()
        rows = [entry(tenant, n, of=of, kind=kind, at=at) for n, kind in ((1, "run"), (2, "end"))]
        await self.shelf.put(document(tenant, number, created=at, **changes), rows)
        await self.vault.keep(tenant, of, {"[A]": "anna"}, None)
        return of

    async def days(self, number: float) -> None:
        self.clock.pass_(number * 86_400)

    async def figures(self, **changes: Any) -> Mapping[DataClass, int]:
        return (await self.desk.sweep(self.clock.now(), **changes)).figures


NOTHING = {"bodies": 0, "vault": 0, "documents": 0}


async def test_a_sweep_takes_what_is_due() -> None:
    """Each class by its own days, once."""
    home = Home()
    of = await home.keep(ONE)
    assert await home.figures() == NOTHING
    await home.days(30.1)
    assert await home.figures() == NOTHING | {"vault": 1}
    await home.days(60)
    assert await home.figures(dry=True) == NOTHING | {"bodies": 1}
    assert await home.figures() == NOTHING | {"bodies": 1}
    assert await home.figures() == NOTHING
    kept = await home.shelf.get(ONE, of)
    assert kept is not None
    assert kept.text == "# Töxt\n"
    with pytest.raises(Gone):
        await home.log.tape(ONE, of)


async def test_a_tenants_days_are_its_own() -> None:
    """Another tenant's data of the same age stays; the tombstone names the policy's version."""
    home = Home()
    home.policies[ONE] = Rules(version=4, retention={"bodies": 2, "documents": 3, "vault": 9})
    for tenant in (ONE, TWO):
        await home.keep(tenant)
    await home.days(2.5)
    assert await home.figures() == NOTHING | {"bodies": 1}
    await home.days(1)
    assert await home.figures() == NOTHING | {"documents": 1, "vault": 1}  # no text of it is left to read
    assert len(await home.log.tape(TWO, run())) == 2
    assert await home.vault.marks(TWO, run()) == {"[A]": "anna"}
    found = await home.desk.tombstones(ME, None, 10)
    assert {(one.removal.rule, one.removal.by) for one in found} == {
        ("bodies: 2 days, policy version 4", "sweep")
    }


async def test_a_sweep_goes_on_where_one_died() -> None:
    """What the first one did stands, and the second one does the rest, not more."""
    home = Home()
    for number in range(1, 61):
        await home.keep(ONE, number)
    await home.days(100)
    home.bodies.fails = 2  # in batches of 25
    first = await home.desk.sweep(home.clock.now())
    assert (first.figures["bodies"], first.figures["vault"], first.failed) == (25, 0, 1)
    second = await home.desk.sweep(home.clock.now())
    assert (second.figures["bodies"], second.figures["vault"], second.failed) == (35, 60, 0)
    assert await home.figures() == NOTHING


async def test_one_tenant_in_trouble_stops_no_other() -> None:
    """Whose policy can't be read keeps all, and is counted."""
    home = Home()
    home.policies[ONE] = OurFault("unreadable")
    for tenant in (ONE, TWO):
        await home.keep(tenant)
    await home.days(100)
    swept = await home.desk.sweep(home.clock.now())
    assert (swept.failed, swept.tenants, swept.figures["bodies"]) == (1, 2, 1)
    assert len(await home.log.tape(ONE, run())) == 2


async def test_a_policy_on_hold_keeps_everything() -> None:
    """Against age and against a request; the overview says that nothing is due."""
    home = Home()
    home.policies[ONE] = Rules(legal_hold=True, retention={"bodies": 1})
    of = await home.keep(ONE)
    await home.days(500)
    swept = await home.desk.sweep(home.clock.now())
    assert (swept.figures, swept.held) == (NOTHING, 1)
    with pytest.raises(Conflict, match="policy"):
        await home.desk.erase(ME, of)
    found = await home.desk.overview(ME)
    assert found.policy_hold
    assert {kept.next_due for kept in found.kept} == {None}


async def test_a_sweep_ends_when_its_time_is_up() -> None:
    """And says so; the next one has less to do."""
    home = Home()
    for number in range(1, 31):
        await home.keep(ONE, number)
    await home.days(100)
    swept = await home.desk.sweep(home.clock.now(), seconds=0.0)
    assert (swept.unfinished, swept.total) == (True, 0)
    swept = await home.desk.sweep(home.clock.now(), seconds=1.0)
    assert (swept.unfinished, swept.figures["bodies"]) == (False, 30)


async def test_the_overview_says_what_is_due_next() -> None:
    """The oldest of each class and its days."""
    home = Home()
    await home.keep(ONE)
    await home.days(5)
    await home.keep(ONE, 2)
    found = {kept.rule.kind: kept for kept in (await home.desk.overview(ME)).kept}
    assert (found["bodies"].oldest, found["bodies"].next_due) == (START, START + timedelta(days=90))
    assert found["vault"].next_due == START + timedelta(days=30)
    assert (found["documents"].oldest, found["documents"].next_due) == (START, None)
    assert found["uploads"].oldest is None


async def test_erasing_takes_all_of_one_run() -> None:
    """Whoever asked is on the tombstones; a second time there is nothing left."""
    home = Home()
    of, other = await home.keep(ONE), await home.keep(ONE, 2)
    erased = await home.desk.erase(ME, of)
    assert erased.figures == {"bodies": 2, "vault": 1, "documents": 1}
    assert (await home.desk.erase(ME, of)).figures == NOTHING
    found = await home.desk.tombstones(ME, of, 10)
    assert [one.removal for one in found] == [Removal("deletion on demand", "key_1", home.clock.now())] * 2
    assert len(await home.log.tape(ONE, other)) == 2


@pytest.mark.parametrize("broken", ["bodies", "vaulted", "documents"])
async def test_tombstones_come_last(broken: str) -> None:
    """Where an erasure dies, its tombstones are not there, unless all else is gone; asked again it does the rest."""
    home = Home()
    of = await home.keep(ONE)
    getattr(home, broken).fails = 1
    with pytest.raises(Unavailable):
        await home.desk.erase(ME, of)
    assert await home.desk.tombstones(ME, of, 10) == ()
    again = await home.desk.erase(ME, of)
    assert again.figures["bodies"] == 2
    kept = await home.shelf.get(ONE, of)
    assert kept is not None
    assert kept.removed is not None
    assert await home.vault.marks(ONE, of) == {}


async def test_only_what_is_over_can_be_erased() -> None:
    """Neither a document that is being written nor a chat without an end, until its process must be dead."""
    home = Home()
    await home.keep(ONE, status="running")
    with pytest.raises(Conflict, match="cancel it first"):
        await home.desk.erase(ME, run())
    chat = run(7, "chat")
    await home.log.append([entry(ONE, 1, of=chat, kind="run", at=home.clock.now())])
    with pytest.raises(Conflict, match="still being answered"):
        await home.desk.erase(ME, chat)
    await home.days(1.1)
    assert (await home.desk.erase(ME, chat)).figures["bodies"] == 1
    for tenant, of in ((ONE, run(8)), (TWO, run())):
        with pytest.raises(NotYours):
            await home.desk.erase(Principal(tenant, "key_1"), of)


async def test_a_hold_says_why() -> None:
    """Erasing is refused in its words; released, it is done, and the hold stays readable."""
    home = Home()
    of = await home.keep(ONE)
    hold = await home.desk.hold(ME, of, "  a\n lawsuit ")
    assert (hold.reason, hold.by, hold.released) == ("a lawsuit", "key_1", None)
    with pytest.raises(Conflict, match="a lawsuit"):
        await home.desk.erase(ME, of)
    assert (await home.desk.release(BOSS, hold.id)).released_by == "key_2"
    assert (await home.desk.erase(ME, of)).figures["bodies"] == 2
    assert [one.released_by for one in (await home.desk.overview(ME)).holds] == ["key_2"]


async def test_what_can_not_be_held_is_refused() -> None:
    """An empty or endless reason, a run of nobody's or another's, a bound key, a release by no operator."""
    home = Home()
    of = await home.keep(TWO)
    for reason in ("", " \n", "x" * 501, "\x00"):
        with pytest.raises(BadRequest):
            await home.desk.hold(ME, None, reason)
    with pytest.raises(NotYours):
        await home.desk.hold(ME, of, "mine")
    hold = await home.desk.hold(Principal(TWO, "key_2"), of, "theirs")
    with pytest.raises(NotYours):
        await home.desk.release(BOSS, hold.id)
    bound = Principal(TWO, "key_3", key_limits=Limits(day_micros=Micros(1)))
    with pytest.raises(Forbidden):
        await home.desk.hold(bound, None, "no")
    with pytest.raises(Forbidden):
        await home.desk.release(Principal(TWO, "key_2"), hold.id)
