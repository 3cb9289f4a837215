"""What every `ports.keys.Keys` promises."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from shared.core.faults import Conflict, NotYours, OurFault
from shared.core.ids import KeyId, TenantId
from shared.core.money import Micros
from shared.core.tenant import NO_LIMITS, Limits, Principal
from shared.fakes.keys import MemoryKeys
from shared.ports.keys import ApiKey, Keys
from tests.contract.samples import AT
from tests.stores import Stores


@pytest.fixture
async def keys(made: Keys, tenant: TenantId, other_tenant: TenantId) -> Keys:
    await made.ensure_tenant(tenant, "One")
    await made.ensure_tenant(other_tenant, "Two")
    return made


@pytest.fixture(params=["postgres", "memory"])
def made(request: pytest.FixtureRequest) -> Keys:
    if request.param == "memory":
        return MemoryKeys()
    stores: Stores = request.getfixturevalue("stores")
    return stores.keys


def key(tenant: TenantId, number: int = 1, **changes: Any) -> ApiKey:
    fields: dict[str, Any] = {
        "id": KeyId(f"key_{number:04}"),
        "tenant": tenant,
        "name": "Kéy",
        "hint": "wxyz",
        "scopes": frozenset({"member", "operator"}),
        "created": AT + timedelta(seconds=number),
    }
    return ApiKey(**(fields | changes))


def digest(tenant: TenantId, number: int = 1) -> bytes:
    return sha256(f"{tenant}{number}".encode()).digest()


async def test_a_key_names_its_principal(keys: Keys, tenant: TenantId) -> None:
    """Tenant, actor and scopes come from the key alone."""
    await keys.create(key(tenant), digest(tenant))
    found = await keys.principal(digest(tenant), AT)
    assert found == Principal(tenant, "key_0001", KeyId("key_0001"), frozenset({"member", "operator"}))
    assert await keys.principal(digest(tenant, 2), AT) is None


LIMITS = Limits(Micros(5), Micros(50), Micros(500), 6, 6_000_000_000)


async def test_limits_come_with_the_principal(keys: Keys, tenant: TenantId, other_tenant: TenantId) -> None:
    """The key's own and its tenant's, in one look-up; another tenant's are its own."""
    await keys.create(key(tenant, limits=LIMITS), digest(tenant))
    await keys.create(key(other_tenant), digest(other_tenant))
    wide = Limits(month_micros=Micros(2**52), tokens_per_minute=1)
    await keys.limit_tenant(tenant, wide)
    found, other = await keys.principal(digest(tenant), AT), await keys.principal(digest(other_tenant), AT)
    assert found is not None
    assert other is not None
    assert (found.key_limits, found.tenant_limits) == (LIMITS, wide)
    assert (other.key_limits, other.tenant_limits) == (NO_LIMITS, NO_LIMITS)
    assert await keys.limits(tenant, KeyId("key_0001")) == (wide, LIMITS)
    assert await keys.limits(other_tenant, KeyId("key_0001")) == (NO_LIMITS, NO_LIMITS)
    assert (await keys.listed(tenant, None, 1))[0].limits == LIMITS


async def test_a_tenants_limits_are_replaced_as_a_whole(keys: Keys, tenant: TenantId) -> None:
    """What the new ones leave out is the house's again; a tenant that is not there has none to replace."""
    await keys.limit_tenant(tenant, LIMITS)
    await keys.limit_tenant(tenant, Limits(day_micros=Micros(0)))
    assert await keys.limits(tenant) == (Limits(day_micros=Micros(0)), NO_LIMITS)
    nobody = TenantId("00000000-0000-7000-8000-00000000dead")
    assert await keys.limits(nobody) == (NO_LIMITS, NO_LIMITS)
    with pytest.raises(NotYours):
        await keys.limit_tenant(nobody, LIMITS)


async def test_an_expired_key_is_none(keys: Keys, tenant: TenantId) -> None:
    """From the instant of its end on."""
    await keys.create(key(tenant, expires=AT), digest(tenant))
    assert await keys.principal(digest(tenant), AT - timedelta(microseconds=1)) is not None
    assert await keys.principal(digest(tenant), AT) is None


async def test_a_revoked_key_ends_at_once_and_once(keys: Keys, tenant: TenantId) -> None:
    """A second revocation does not move the first."""
    await keys.create(key(tenant), digest(tenant))
    assert await keys.revoke(tenant, KeyId("key_0001"), AT)
    assert await keys.principal(digest(tenant), AT) is None
    assert await keys.revoke(tenant, KeyId("key_0001"), AT + timedelta(days=1))
    assert (await keys.listed(tenant, None, 10))[0].revoked == AT


async def test_another_tenants_key_cannot_be_seen_or_revoked(
    keys: Keys, tenant: TenantId, other_tenant: TenantId
) -> None:
    """It looks as if it were not there."""
    await keys.create(key(tenant), digest(tenant))
    assert not await keys.revoke(other_tenant, KeyId("key_0001"), AT)
    assert await keys.listed(other_tenant, None, 10) == ()
    assert await keys.principal(digest(tenant), AT) is not None
    assert not await keys.revoke(tenant, KeyId("key_none"), AT)


async def test_keys_are_listed_as_they_were_made(keys: Keys, tenant: TenantId) -> None:
    """Newest first, in pages, every field."""
    made = [key(tenant, number, expires=AT + timedelta(days=1)) for number in (1, 2, 3)]
    for number, one in enumerate(made, start=1):
        await keys.create(one, digest(tenant, number))
    assert await keys.listed(tenant, None, 2) == (made[2], made[1])
    assert await keys.listed(tenant, "key_0002", 2) == (made[0],)
    assert await keys.listed(tenant, "key_none", 2) == ()


async def test_a_digest_or_id_is_used_once(keys: Keys, tenant: TenantId, other_tenant: TenantId) -> None:
    """Two keys with one secret would be one credential for two tenants."""
    await keys.create(key(tenant), digest(tenant))
    with pytest.raises(Conflict):
        await keys.create(key(other_tenant), digest(tenant))
    with pytest.raises(Conflict):
        await keys.create(key(tenant), digest(tenant, 2))
    await keys.create(key(other_tenant), digest(tenant, 3))


async def test_a_key_needs_its_tenant(made: Keys) -> None:
    """There is no key to a tenant that is not there."""
    nobody = TenantId("00000000-0000-7000-8000-00000000dead")
    with pytest.raises(OurFault):
        await made.create(key(nobody), digest(nobody))


async def test_a_tenant_can_be_ensured_again(keys: Keys, tenant: TenantId) -> None:
    """Seeding twice is seeding once."""
    await keys.create(key(tenant), digest(tenant))
    await keys.ensure_tenant(tenant, "Another name")
    assert await keys.principal(digest(tenant), AT) is not None
