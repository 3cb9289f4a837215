"""What every `ports.seals.Seals` promises. That tampering shows on real tables is in flow/test_seals_sql.py."""

import asyncio

import pytest

from shared.core.ids import TenantId
from shared.fakes.log import MemoryLog
from shared.fakes.seals import MemorySeals
from shared.ports.log import Log
from shared.ports.seals import Seals
from tests.contract.samples import AT, entry
from tests.stores import Stores


@pytest.fixture(params=["postgres", "memory"])
def both(request: pytest.FixtureRequest) -> tuple[Seals, Log]:
    if request.param == "memory":
        log = MemoryLog()
        return MemorySeals(log), log
    stores: Stores = request.getfixturevalue("stores")
    return stores.seals, stores.log


async def seal_all(seals: Seals, tenant: TenantId, expected: int) -> None:
    """Seal until so many rows are sealed: a transaction open elsewhere on the server makes rows wait."""
    async with asyncio.timeout(30):
        while (sealed := await seals.seal(tenant, AT)) < expected:
            expected -= sealed
            await asyncio.sleep(0.02)
    assert sealed == expected


async def test_rows_are_sealed_once(both: tuple[Seals, Log], tenant: TenantId) -> None:
    """And then there is nothing to seal."""
    seals, log = both
    await log.append([entry(tenant, n) for n in (1, 2, 3)])
    before = await seals.verify(tenant)
    assert (before.seals, before.entries, before.unsealed, before.broken) == (0, 0, 3, "")
    await seal_all(seals, tenant, 3)
    assert await seals.seal(tenant, AT) == 0
    after = await seals.verify(tenant)
    assert (after.seals >= 1, after.entries, after.unsealed, after.broken) == (True, 3, 0, "")


async def test_a_chain_grows(both: tuple[Seals, Log], tenant: TenantId) -> None:
    """Seal after seal, each whole."""
    seals, log = both
    for position in range(1, 5):
        await log.append([entry(tenant, position)])
        await seal_all(seals, tenant, 1)
    verdict = await seals.verify(tenant)
    assert (verdict.seals, verdict.entries, verdict.unsealed, verdict.broken) == (4, 4, 0, "")


async def test_tenants_have_their_own_chains(
    both: tuple[Seals, Log], tenant: TenantId, other_tenant: TenantId
) -> None:
    """Sealing one leaves the other's rows unsealed."""
    seals, log = both
    await log.append([entry(tenant)])
    await log.append([entry(other_tenant)])
    await seal_all(seals, tenant, 1)
    assert (await seals.verify(other_tenant)).unsealed == 1
    assert (await seals.verify(tenant)).unsealed == 0


async def test_due_names_tenants_with_unsealed_rows(
    both: tuple[Seals, Log], tenant: TenantId, other_tenant: TenantId
) -> None:
    """And no others."""
    seals, log = both
    await log.append([entry(tenant)])
    await log.append([entry(other_tenant)])
    assert {tenant, other_tenant} <= set(await seals.due(10_000))
    await seal_all(seals, tenant, 1)
    due = set(await seals.due(10_000))
    assert other_tenant in due
    assert tenant not in due
    assert len(await seals.due(1)) == 1


async def test_a_tenant_without_rows_has_a_sound_chain(both: tuple[Seals, Log], tenant: TenantId) -> None:
    """An empty one."""
    seals, _ = both
    assert await seals.seal(tenant, AT) == 0
    verdict = await seals.verify(tenant)
    assert (verdict.seals, verdict.entries, verdict.unsealed, verdict.broken) == (0, 0, 0, "")
