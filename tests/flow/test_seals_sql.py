"""Tampering with a sealed log shows, and the verdict names the seal. As a superuser: nobody else can tamper."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from shared.core.ids import TenantId
from tests.contract.samples import AT, entry, run
from tests.stores import Addresses, Stores

Connection = Any


@asynccontextmanager
async def guard_down(admin: Connection) -> AsyncIterator[None]:
    """Triggers that refuse changes, switched off as only a superuser can."""
    await admin.execute("set session_replication_role = replica")
    yield
    await admin.execute("reset session_replication_role")


async def once_others_are_done(seal: Callable[[], Awaitable[int]]) -> int:
    """Other workers' open transactions make rows wait for a moment: they share the server."""
    async with asyncio.timeout(30):
        while (sealed := await seal()) == 0:  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.02)
    return sealed


@pytest.fixture
async def chain(stores: Stores, tenant: TenantId) -> TenantId:
    """Three seals over three entries each."""
    for first in (1, 4, 7):
        await stores.log.append([entry(tenant, first + n) for n in range(3)])
        assert await once_others_are_done(lambda: stores.seals.seal(tenant, AT)) == 3
    verdict = await stores.seals.verify(tenant)
    assert (verdict.seals, verdict.entries, verdict.unsealed, verdict.broken) == (3, 9, 0, "")
    return tenant


CHANGES = {
    "run_id": "'doc_y'",
    "position": "99",
    "at": "at + interval '1 microsecond'",
    "trace_id": "trace_id || 'x'",
    "kind": "'step'",
    "step": "step || 'x'",
    "key": "key || 'x'",
    "occurrence": "occurrence + 1",
    "attempt": "attempt + 1",
    "leg": "leg + 1",
    "model": "model || 'x'",
    "provider": "provider || 'x'",
    "request": "request || '\\x00'",
    "response": "substring(response from 2)",
    "body": "(body::text || ' ')::json",
    "input_tokens": "input_tokens + 1",
    "cache_read_tokens": "null",
    "cache_write_tokens": "cache_write_tokens - 1",
    "output_tokens": "output_tokens + 1",
    "reasoning_tokens": "reasoning_tokens + 1",
    "searches": "searches + 1",
    "reported_cost_micros": "null",
    "provenance": "'provider'",
    "cost_micros": "cost_micros - 1",
    "finish": "finish || 'x'",
    "fault": "''",
    "first_token_ms": "first_token_ms + 1",
    "total_ms": "null",
    "actor": "actor || 'x'",
    "words": "not words",
}


async def test_every_column_is_under_the_seal(stores: Stores, admin: Connection, chain: TenantId) -> None:
    """A change of any of them, by the least amount, is named with its seal."""
    columns = await admin.fetch(
        "select attname from pg_attribute where attrelid = 'call_log'::regclass and attnum > 0 and not attisdropped"
    )
    assert {row["attname"] for row in columns} == {*CHANGES, "tenant_id", "xid"}
    for column, change in CHANGES.items():
        transaction = admin.transaction()
        async with guard_down(admin):
            await transaction.start()
            await admin.execute(
                f"update call_log set {column} = {change} where tenant_id = $1 and position = 5", chain
            )
            seal = await admin.fetch("select number, fits from app.check_seals($1)", chain)
            await transaction.rollback()
        assert [row["fits"] for row in seal] == [True, False, True], column
    assert (await stores.seals.verify(chain)).broken == ""


async def test_a_changed_entry_is_named(stores: Stores, admin: Connection, chain: TenantId) -> None:
    """By the seal that covers it."""
    async with guard_down(admin):
        await admin.execute(
            "update call_log set cost_micros = 0 where tenant_id = $1 and position = 5", chain
        )
    assert (await stores.seals.verify(chain)).broken.startswith("Seal 2 does not fit its 3 entries")


async def test_a_removed_entry_is_named(stores: Stores, admin: Connection, chain: TenantId) -> None:
    """With what should be there."""
    async with guard_down(admin):
        await admin.execute("delete from call_log where tenant_id = $1 and position = 9", chain)
    verdict = await stores.seals.verify(chain)
    assert verdict.broken == "Seal 3 covers 3 entries and 2 are there: entries were removed."


async def test_an_entry_smuggled_in_is_named(stores: Stores, admin: Connection, chain: TenantId) -> None:
    """Under the transaction number of a sealed one."""
    async with guard_down(admin):
        await admin.execute(
            "insert into call_log (tenant_id, run_id, position, at, trace_id, kind, xid) "
            "select tenant_id, 'doc_new', 1, at, trace_id, kind, xid from call_log "
            "where tenant_id = $1 and position = 1",
            chain,
        )
    verdict = await stores.seals.verify(chain)
    assert verdict.broken == "Seal 1 covers 3 entries and 4 are there: entries were added."


async def test_an_entry_given_to_another_tenant_is_missed(
    stores: Stores, admin: Connection, chain: TenantId, other_tenant: TenantId
) -> None:
    """The tenant is part of what is sealed."""
    async with guard_down(admin):
        await admin.execute(
            "update call_log set tenant_id = $2 where tenant_id = $1 and position = 1", chain, other_tenant
        )
    assert "entries were removed" in (await stores.seals.verify(chain)).broken


async def test_an_entry_moved_under_another_seal_is_named(
    stores: Stores, admin: Connection, chain: TenantId
) -> None:
    """Its transaction number says where it belongs."""
    async with guard_down(admin):
        await admin.execute(
            "update call_log set xid = (select min(xid) from (select xid from call_log where tenant_id = $1 "
            "and position > 6) later) where tenant_id = $1 and position = 1",
            chain,
        )
    assert (await stores.seals.verify(chain)).broken.startswith("Seal 1 covers 3 entries and 2 are there")


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("delete from log_seals where tenant_id = $1 and number = 2", "Seal 2 is missing."),
        ("delete from log_seals where tenant_id = $1 and number = 1", "Seal 1 is missing."),
        ("delete from log_seals where tenant_id = $1 and number = 3", "Seal 3, which the head"),
        ("delete from log_seals where tenant_id = $1", "Seal 3, which the head"),
        ("delete from log_heads where tenant_id = $1", "Seal 0, which the head"),
        (
            "update log_seals set digest = sha256('x') where tenant_id = $1 and number = 1",
            "Seal 1 does not fit",
        ),
        (
            "update log_seals set digest = sha256('x') where tenant_id = $1 and number = 3",
            "Seal 3 does not fit",
        ),
        ("update log_seals set at = now() where tenant_id = $1 and number = 2", "Seal 2 does not fit"),
        ("update log_seals set entries = 4 where tenant_id = $1 and number = 2", "Seal 2 covers 4 entries"),
        ("update log_seals set from_xid = '0' where tenant_id = $1 and number = 2", "Seal 2 does not follow"),
    ],
)
async def test_a_chain_that_was_tampered_with_is_named(
    stores: Stores, admin: Connection, chain: TenantId, statement: str, complaint: str
) -> None:
    """A seal that is gone, cut off or changed."""
    async with guard_down(admin):
        await admin.execute(statement, chain)
    assert (await stores.seals.verify(chain)).broken.startswith(complaint)


async def test_a_seal_forged_over_changed_entries_breaks_the_next(
    stores: Stores, admin: Connection, chain: TenantId
) -> None:
    """Whoever recomputes one seal must recompute all after it, and the head."""
    async with guard_down(admin):
        await admin.execute(
            "update call_log set cost_micros = 0 where tenant_id = $1 and position = 5", chain
        )
        await admin.execute(
            "update log_seals s set digest = app.seal_digest(tenant_id, number, from_xid, to_xid, entries, at, "
            "previous, (app.range_digests(tenant_id, from_xid, to_xid)).digests) "
            "where tenant_id = $1 and number = 2",
            chain,
        )
    assert (await stores.seals.verify(chain)).broken.startswith("Seal 3 does not follow from seal 2")


async def test_a_late_commit_does_not_slip_behind_a_seal(
    stores: Stores, addresses: Addresses, tenant: TenantId
) -> None:
    """A transaction that began before the seal and ends after it is sealed by the next one."""
    slow = await asyncpg.connect(addresses.app)
    try:
        transaction = slow.transaction()
        await transaction.start()
        claims = json.dumps({"tenant_id": tenant})
        await slow.execute("select set_config('role', 'authenticated', true)")
        await slow.execute("select set_config('request.jwt.claims', $1, true)", claims)
        await slow.execute(
            "insert into call_log (tenant_id, run_id, position, at, trace_id, kind) "
            "values ($1, 'doc_slow', 1, $2, 't', 'run')",
            tenant,
            AT,
        )
        await stores.log.append([entry(tenant)])
        for _ in range(3):
            assert await stores.seals.seal(tenant, AT) == 0
        await transaction.commit()
        sealed = 0
        async with asyncio.timeout(30):
            while sealed < 2:
                sealed += await stores.seals.seal(tenant, AT)
        verdict = await stores.seals.verify(tenant)
        assert (verdict.entries, verdict.unsealed, verdict.broken) == (2, 0, "")
    finally:
        await slow.close()


async def test_sealing_beside_writing_loses_nothing(stores: Stores, tenant: TenantId) -> None:
    """Several sealers beside several writers: every row once, no seal broken."""
    writing = True

    async def write(number: int) -> None:
        for position in range(1, 26):
            await stores.log.append([entry(tenant, position, of=run(number))])

    async def seal() -> int:
        total = 0
        while writing:
            total += await stores.seals.seal(tenant, AT)
            assert (await stores.seals.verify(tenant)).broken == ""
        return total

    async with asyncio.TaskGroup() as group:
        sealers = [group.create_task(seal()) for _ in range(2)]
        async with asyncio.TaskGroup() as writers:
            for number in range(4):
                writers.create_task(write(number))
        writing = False
    total = sum(sealer.result() for sealer in sealers)
    async with asyncio.timeout(30):
        while total < 100:
            total += await stores.seals.seal(tenant, AT)
    verdict = await stores.seals.verify(tenant)
    assert (total, verdict.entries, verdict.unsealed, verdict.broken) == (100, 100, 0, "")


async def test_a_backlog_is_sealed_in_batches(stores: Stores, admin: Connection, tenant: TenantId) -> None:
    """A batch ends between transactions, and one transaction is never split."""
    for first in (1, 4, 7):
        await stores.log.append([entry(tenant, first + n) for n in range(3)])
    assert await once_others_are_done(lambda: admin.fetchval("select app.seal($1, $2, 4)", tenant, AT)) == 3
    assert await admin.fetchval("select app.seal($1, $2, 2)", tenant, AT) == 3
    assert await stores.seals.seal(tenant, AT) == 3
    assert (await stores.seals.verify(tenant)).broken == ""
