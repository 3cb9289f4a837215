"""What every `ports.vault.Vault` promises."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.postgres.vault import PostgresVault
from shared.adapters.sealed import AesSealer, fresh_key
from shared.core.faults import OurFault
from shared.core.ids import TenantId
from shared.fakes.vault import FakeVault
from shared.ports.vault import Vault
from tests.contract.samples import run
from tests.stores import Addresses, Stores

MARKS = {"[EMAIL_1]": "anna@example.com", "[NAME_1]": "Jürgen ✓\x00 🙂", "[NAME_2]": ""}


@pytest.fixture(params=["postgres", "memory"])
def vault(request: pytest.FixtureRequest) -> Vault:
    if request.param == "memory":
        return FakeVault(SystemClock())
    stores: Stores = request.getfixturevalue("stores")
    return PostgresVault(stores.database, AesSealer(fresh_key()))


async def test_what_was_kept_is_given_back(vault: Vault, tenant: TenantId) -> None:
    """To the letter; a run without any has none."""
    await vault.keep(tenant, run(), MARKS, None)
    assert await vault.marks(tenant, run()) == MARKS
    assert await vault.marks(tenant, run(2)) == {}


async def test_keeping_adds(vault: Vault, tenant: TenantId) -> None:
    """A placeholder that is there keeps what it stands for, and no marks are no change."""
    await vault.keep(tenant, run(), {"[A]": "first"}, None)
    await vault.keep(tenant, run(), {"[A]": "second", "[B]": "other"}, None)
    await vault.keep(tenant, run(), {}, None)
    assert await vault.marks(tenant, run()) == {"[A]": "first", "[B]": "other"}


async def test_what_has_expired_is_not_given(vault: Vault, tenant: TenantId) -> None:
    """And its placeholder may be kept anew."""
    now = SystemClock().now()
    await vault.keep(tenant, run(), {"[A]": "old"}, now - timedelta(seconds=1))
    await vault.keep(tenant, run(), {"[B]": "new"}, now + timedelta(hours=1))
    assert await vault.marks(tenant, run()) == {"[B]": "new"}
    await vault.keep(tenant, run(), {"[A]": "again"}, None)
    assert await vault.marks(tenant, run()) == {"[A]": "again", "[B]": "new"}


async def test_what_is_forgotten_is_gone(vault: Vault, tenant: TenantId) -> None:
    """Once, and of that run alone."""
    await vault.keep(tenant, run(), MARKS, None)
    await vault.keep(tenant, run(2), {"[A]": "stays"}, None)
    assert await vault.forget(tenant, run()) is True
    assert await vault.forget(tenant, run()) is False
    assert await vault.marks(tenant, run()) == {}
    assert await vault.marks(tenant, run(2)) == {"[A]": "stays"}


async def test_a_tenant_has_its_own(vault: Vault, tenant: TenantId, other_tenant: TenantId) -> None:
    """The same run and placeholder of another are another's: seen, kept and forgotten apart."""
    await vault.keep(tenant, run(), {"[A]": "mine"}, None)
    await vault.keep(other_tenant, run(), {"[A]": "theirs"}, None)
    assert await vault.forget(other_tenant, run()) is True
    assert await vault.marks(other_tenant, run()) == {}
    assert await vault.marks(tenant, run()) == {"[A]": "mine"}


async def test_many_keep_at_once(vault: Vault, tenant: TenantId) -> None:
    """One of them sets a placeholder, and that one stands."""
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            group.create_task(vault.keep(tenant, run(), {"[A]": str(n), f"[{n}]": str(n)}, None))
    found = dict(await vault.marks(tenant, run()))
    assert found.pop("[A]") in {str(n) for n in range(8)}
    assert found == {f"[{n}]": str(n) for n in range(8)}


async def test_nothing_is_readable_where_it_lies(
    stores: Stores, addresses: Addresses, tenant: TenantId
) -> None:
    """A row holds no clear text, and moved to another run it opens for nobody."""
    sealer = AesSealer(fresh_key())
    vault = PostgresVault(stores.database, sealer)
    await vault.keep(tenant, run(), {"[A]": "anna@example.com"}, None)
    admin = await asyncpg.connect(addresses.admin)
    try:
        row = await admin.fetchval("select v::text from vault_entries v where tenant_id = $1", tenant)
        assert "anna" not in row
        assert b"anna".hex() not in row
        await admin.execute("update vault_entries set run_id = $2 where tenant_id = $1", tenant, run(2))
    finally:
        await admin.close()
    with pytest.raises(OurFault):
        await vault.marks(tenant, run(2))
