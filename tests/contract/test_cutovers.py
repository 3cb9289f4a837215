"""What every `ports.cutovers.Cutovers` promises."""

import pytest

from shared.adapters.postgres.cutovers import PostgresCutovers
from shared.core.ids import TenantId
from shared.fakes.cutovers import MemoryCutovers
from shared.ports.cutovers import Cutover, Cutovers
from tests.contract.samples import AT
from tests.stores import Stores


@pytest.fixture(params=["postgres", "memory"])
def cutovers(request: pytest.FixtureRequest) -> Cutovers:
    if request.param == "memory":
        return MemoryCutovers()
    stores: Stores = request.getfixturevalue("stores")
    return PostgresCutovers(stores.database)


def cutover(tenant: TenantId) -> Cutover:
    """Every field set."""
    return Cutover(
        tenant=tenant,
        base_url="https://old.example/v1",
        sealed_key=bytes(range(256)),
        key_hint="wxyz",
        serve_percent=1,
        mirror_percent=50,
        shadow_percent=100,
        models={"gpt-4o": "auto", "ünï": "sonar", "": "auto"},
        keep_samples=True,
        changed=AT,
        changed_by="key_1",
    )


async def test_what_is_put_is_got(cutovers: Cutovers, tenant: TenantId) -> None:
    """Every field, byte for byte; nothing before."""
    assert await cutovers.get(tenant) is None
    await cutovers.put(cutover(tenant))
    assert await cutovers.get(tenant) == cutover(tenant)


async def test_a_second_put_replaces_the_first(cutovers: Cutovers, tenant: TenantId) -> None:
    """Nothing of the first is left."""
    await cutovers.put(cutover(tenant))
    plain = Cutover(tenant, "http://127.0.0.1:1", changed=AT)
    await cutovers.put(plain)
    assert await cutovers.get(tenant) == plain


async def test_a_tenant_has_its_own(cutovers: Cutovers, tenant: TenantId, other_tenant: TenantId) -> None:
    """Another's is neither seen, replaced nor removed."""
    await cutovers.put(cutover(tenant))
    assert await cutovers.get(other_tenant) is None
    assert not await cutovers.remove(other_tenant)
    await cutovers.put(cutover(other_tenant).with_(serve_percent=99))
    assert await cutovers.get(tenant) == cutover(tenant)


async def test_a_removed_one_is_gone(cutovers: Cutovers, tenant: TenantId) -> None:
    """Once: a second removal finds nothing."""
    await cutovers.put(cutover(tenant))
    assert await cutovers.remove(tenant)
    assert await cutovers.get(tenant) is None
    assert not await cutovers.remove(tenant)
