"""What every `ports.identity.People` promises: in memory, and in Supabase Auth with rows in Postgres."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from infra.simulator import supabase as double
from shared.adapters.postgres.members import PostgresMembers
from shared.adapters.supabase.identity import NoPeople, SupabasePeople
from shared.adapters.supabase.project import Project
from shared.core.faults import BadRequest, Conflict, Fault, NotYours, TooFast, Unavailable
from shared.core.ids import TenantId
from shared.fakes.identity import MemoryPeople
from shared.ports.identity import People
from tests.stores import Addresses, Stores

PASSWORD = "long enough a word"
PROVIDER = "https://sso.example.com/start"


@dataclass
class Real:
    """The adapter and what it stands on."""

    people: SupabasePeople
    project: double.Project


@pytest.fixture
async def real(stores: Stores, tenant: TenantId, other_tenant: TenantId) -> AsyncIterator[Real]:
    """Two tenants, nobody in them."""
    for each in (tenant, other_tenant):
        await stores.keys.ensure_tenant(each, "test")
    async with double.start() as served:
        served.providers["example.com"] = PROVIDER
        project = Project(served.url, served.service_key)
        yield Real(SupabasePeople(project, PostgresMembers(stores.database)), served)
        await project.close()


@pytest.fixture
def supabase(real: Real) -> SupabasePeople:
    """At the double."""
    return real.people


@pytest.fixture
def memory(tenant: TenantId, other_tenant: TenantId) -> MemoryPeople:
    """The fake."""
    return MemoryPeople([tenant, other_tenant], {"example.com": PROVIDER})


@pytest.fixture(params=["memory", "supabase"])
def people(request: pytest.FixtureRequest) -> People:
    """Both know one identity provider."""
    found: People = request.getfixturevalue(request.param)
    return found


async def test_who_is_invited_belongs_to_the_tenant(
    people: People, tenant: TenantId, other_tenant: TenantId
) -> None:
    """To this one alone; oldest first, and the address is theirs to confirm."""
    first = await people.invite(tenant, "Ann@Example.com", "owner")
    second = await people.create(tenant, "bob@example.com", PASSWORD, "member")
    assert (first.email, first.role, first.confirmed) == ("ann@example.com", "owner", False)
    assert (second.email, second.role, second.confirmed) == ("bob@example.com", "member", True)
    assert await people.members(tenant) == (first, second)
    assert await people.members(other_tenant) == ()


async def test_an_invitation_may_be_repeated(people: People, tenant: TenantId) -> None:
    """The same person, in the newer role."""
    first = await people.invite(tenant, "ann@example.com", "member")
    again = await people.invite(tenant, "ann@example.com", "admin")
    assert (again.id, again.role) == (first.id, "admin")
    assert await people.members(tenant) == (again,)


async def test_an_address_has_one_account(people: People, tenant: TenantId, other_tenant: TenantId) -> None:
    """Whoever made it."""
    await people.create(tenant, "ann@example.com", PASSWORD, "owner")
    for where in (tenant, other_tenant):
        with pytest.raises(Conflict):
            await people.invite(where, "ann@example.com", "owner")
        with pytest.raises(Conflict):
            await people.create(where, "ann@example.com", PASSWORD, "owner")
    assert await people.members(other_tenant) == ()


async def test_what_can_t_be_is_refused(people: People, tenant: TenantId) -> None:
    """And leaves nobody behind."""
    with pytest.raises(BadRequest) as weak:
        await people.create(tenant, "ann@example.com", "short", "owner")
    assert weak.value.param == "password"
    with pytest.raises(BadRequest) as bad:
        await people.invite(tenant, "nobody", "owner")
    assert bad.value.param == "email"
    with pytest.raises(NotYours):
        await people.invite(TenantId("00000000-0000-7000-8000-000000000000"), "ann@example.com", "owner")
    assert await people.members(tenant) == ()
    await people.create(tenant, "ann@example.com", PASSWORD, "owner")


async def test_who_leaves_their_last_tenant_has_no_account(
    people: People, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Who is in another one keeps it; strangers can't be removed; the last owner stays."""
    owner = await people.create(tenant, "ann@example.com", PASSWORD, "owner")
    both = await people.invite(tenant, "bob@example.com", "member")
    await people.invite(other_tenant, "bob@example.com", "member")
    with pytest.raises(NotYours):
        await people.remove(other_tenant, owner.id)
    with pytest.raises(NotYours):
        await people.remove(tenant, "nobody")
    with pytest.raises(Conflict):
        await people.remove(tenant, owner.id)
    await people.remove(tenant, both.id)
    assert await people.members(tenant) == (owner,)
    assert await people.members(other_tenant) == (both,)
    await people.remove(other_tenant, both.id)
    again = await people.invite(other_tenant, "bob@example.com", "member")
    assert again.id != both.id


async def test_sign_on_leads_to_the_domain_s_provider(people: People) -> None:
    """And nowhere for another domain."""
    assert await people.sign_on("example.com", "https://app.example.com") == PROVIDER
    with pytest.raises(NotYours):
        await people.sign_on("example.org", "https://app.example.com")


Act = Callable[[SupabasePeople, TenantId], Awaitable[object]]


@pytest.mark.parametrize(
    ("status", "fault"), [(503, Unavailable), (500, Unavailable), (429, TooFast), (401, Unavailable)]
)
@pytest.mark.parametrize(
    "act",
    [
        lambda people, tenant: people.invite(tenant, "ann@example.com", "owner"),
        lambda people, tenant: people.create(tenant, "ann@example.com", PASSWORD, "owner"),
    ],
)
async def test_an_auth_that_fails_leaves_nobody(
    real: Real, tenant: TenantId, status: int, fault: type[Fault], act: Act
) -> None:
    """And it goes well the next time."""
    real.project.troubles.append(double.Trouble(status=status))
    with pytest.raises(fault):
        await act(real.people, tenant)
    assert await real.people.members(tenant) == ()
    await act(real.people, tenant)


async def test_who_can_t_be_deleted_stays(real: Real, tenant: TenantId) -> None:
    """In the tenant and at Auth, so that it can be tried again."""
    person = await real.people.create(tenant, "ann@example.com", PASSWORD, "member")
    real.project.troubles.append(double.Trouble(status=503, match="/admin/users/"))
    with pytest.raises(Unavailable):
        await real.people.remove(tenant, person.id)
    assert await real.people.members(tenant) == (person,)
    await real.people.remove(tenant, person.id)
    assert await real.people.members(tenant) == ()


async def test_a_list_with_an_auth_that_fails_is_none(real: Real, tenant: TenantId) -> None:
    """A half of it would read as the whole."""
    for name in ("ann", "bob", "cy"):
        await real.people.create(tenant, f"{name}@example.com", PASSWORD, "member")
    real.project.troubles.append(double.Trouble(status=503, times=2))
    with pytest.raises(Unavailable):
        await real.people.members(tenant)


async def test_an_account_without_a_row_is_taken_back(
    real: Real, tenant: TenantId, addresses: Addresses
) -> None:
    """Where the tenant can't be written to, the address stays free."""
    admin = await asyncpg.connect(addresses.admin)
    try:
        await admin.execute("revoke insert on public.members from authenticated")
        with pytest.raises(Fault):
            await real.people.create(tenant, "ann@example.com", PASSWORD, "owner")
    finally:
        await admin.execute("grant insert on public.members to authenticated")
        await admin.close()
    await real.people.create(tenant, "ann@example.com", PASSWORD, "owner")


async def test_the_public_key_administers_nobody(real: Real, stores: Stores, tenant: TenantId) -> None:
    """The setting is named."""
    for key in (real.project.anon_key, "wrong"):
        project = Project(real.project.url, key)
        people = SupabasePeople(project, PostgresMembers(stores.database))
        with pytest.raises(Unavailable, match="SUPABASE_SERVICE_KEY"):
            await people.invite(tenant, "ann@example.com", "owner")
        await project.close()


async def test_what_the_double_says_of_itself(real: Real) -> None:
    """Health, settings and keys, as `doctor` asks for them."""
    head = {"apikey": real.project.anon_key}
    async with httpx.AsyncClient(base_url=f"{real.project.url}/auth/v1", headers=head) as client:
        assert (await client.get("health")).json()["name"] == "GoTrue"
        assert (await client.get("settings")).json()["external"]["email"] is True
        assert (await client.get(".well-known/jwks.json")).json()["keys"][0]["alg"] == "ES256"
        assert (await client.get("health", headers={"apikey": "x"})).status_code == 401


async def test_a_home_without_supabase_says_what_to_set(tenant: TenantId) -> None:
    """By every method."""
    none = NoPeople()
    for asked in (
        none.invite(tenant, "a@example.com", "owner"),
        none.create(tenant, "a@example.com", PASSWORD, "owner"),
        none.remove(tenant, "a"),
        none.members(tenant),
        none.sign_on("example.com", ""),
    ):
        with pytest.raises(Unavailable, match="SUPABASE_URL"):
            await asked
