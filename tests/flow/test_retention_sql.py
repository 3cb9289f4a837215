"""Words leave the log by one way only, and whatever else is done to tombstones or to rows without words shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.adapters.postgres.retention import PostgresBodies, PostgresCache, PostgresEmbeddings
from shared.core.faults import Conflict
from shared.core.ids import TenantId
from shared.ports.retention import Removal
from tests.contract.samples import AT, entry, run
from tests.contract.test_seals import seal_all
from tests.flow.test_tenancy_sql import attempt, claims_of
from tests.stores import Addresses, Stores

Connection = Any
RULE = Removal("bodies: 90 days, house rule", "sweep", AT)


@asynccontextmanager
async def guard_down(admin: Connection) -> AsyncIterator[None]:
    """Triggers that refuse changes, switched off as only a superuser can."""
    await admin.execute("set session_replication_role = replica")
    yield
    await admin.execute("reset session_replication_role")


@pytest.fixture
async def chain(stores: Stores, tenant: TenantId) -> TenantId:
    """Two sealed runs of three rows, the first without its words, and a seal over its tombstones."""
    for number in (1, 2):
        of = run(number)
        kinds = ("run", "outcome", "end")
        await stores.log.append([entry(tenant, n, of=of, kind=kind) for n, kind in enumerate(kinds, start=1)])
    await seal_all(stores.seals, tenant, 6)
    assert await PostgresBodies(stores.database).erase(tenant, run(1), RULE) == 3
    await seal_all(stores.seals, tenant, 3)
    verdict = await stores.seals.verify(tenant)
    assert (verdict.broken, verdict.entries, verdict.tombstones, verdict.unsealed) == ("", 6, 3, 0)
    return tenant


async def test_figures_stay_and_words_do_not(admin: Connection, chain: TenantId) -> None:
    """Nothing of the words is left in the row; every other column is as it was written."""
    rows = await admin.fetch("select * from call_log where tenant_id = $1 and position = 2", chain)
    bare, whole = sorted(rows, key=lambda row: str(row["run_id"]))
    assert (bare["request"], bare["response"], bare["body"], bare["words"]) == (
        b"",
        b"",
        '{"removed":true}',
        False,
    )
    same = set(bare.keys()) - {"request", "response", "body", "words", "run_id", "xid"}
    assert {name: bare[name] for name in same} == {name: whole[name] for name in same}


ROW = "where tenant_id = $1 and run_id = '{0}' and position = 2"
WHOLE = "where tenant_id = $1 and run_id = '{1}' and position = 2"
STONE = "where tenant_id = $1 and position = 2"
TAMPERING = {
    "a figure of a bare row": f"update call_log set cost_micros = 0 {ROW}",
    "words put into a bare row": f"update call_log set request = 'new' {ROW}",
    "an answer put into a bare row": f"update call_log set response = 'new' {ROW}",
    "something hidden in a bare row": f'update call_log set body = \'{{{{"removed":true,"x":1}}}}\' {ROW}',
    "a bare row called whole": f"update call_log set words = true {ROW}",
    "a whole row called bare": f"update call_log set words = false {WHOLE}",
    "words taken without a tombstone": "update call_log set words = false, request = '', response = '', "
    f"body = app.removed_body() {WHOLE}",
    "a bare row deleted": f"delete from call_log {ROW}",
    "a tombstone deleted": f"delete from log_tombstones {STONE}",
    "another digest of the body": f"update log_tombstones set body = sha256('x') {STONE}",
    "another digest of the request": f"update log_tombstones set request = sha256('x') {STONE}",
    "another digest of the response": f"update log_tombstones set response = sha256('x') {STONE}",
    "another rule": f"update log_tombstones set rule = 'x' {STONE}",
    "another actor": f"update log_tombstones set removed_by = 'x' {STONE}",
    "another day": f"update log_tombstones set removed_at = now() {STONE}",
    "another time of the row": f"update log_tombstones set at = now() {STONE}",
    "another place": "update log_tombstones set position = 9 where tenant_id = $1 and position = 2",
    "another run": f"update log_tombstones set run_id = '{{1}}' {STONE}",
    "another seal": "update log_tombstones set xid = (select min(xid) from call_log where tenant_id = $1) "
    "where tenant_id = $1 and position = 2",
    "a tombstone of a whole row": "insert into log_tombstones (tenant_id, run_id, position, at, request, response, "
    "body, rule, removed_by, removed_at) select tenant_id, run_id, position, at, sha256(request), sha256(response), "
    f"sha256(convert_to(body::text, 'UTF8')), 'r', 'me', at from call_log {WHOLE}",
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_is_found(stores: Stores, admin: Connection, chain: TenantId, what: str) -> None:
    """Each by its least change, made as a superuser with the guards down."""
    async with guard_down(admin):
        done = await admin.execute(TAMPERING[what].format(run(1), run(2)), chain)
    assert not done.endswith(" 0"), done
    assert (await stores.seals.verify(chain)).broken != ""


async def test_an_invented_tombstone_is_found_under_a_seal_too(
    stores: Stores, admin: Connection, chain: TenantId
) -> None:
    """Sealing what was smuggled in does not make it fit."""
    async with guard_down(admin):
        await admin.execute(TAMPERING["a tombstone of a whole row"].format(run(1), run(2)), chain)
    await seal_all(stores.seals, chain, 1)
    assert "does not fit" in (await stores.seals.verify(chain)).broken


async def test_the_marker_alone_opens_nothing(app: Connection, admin: Connection, chain: TenantId) -> None:
    """Not for the app, which has no right to change rows; not for the owner, without a tombstone of the very words."""
    strip = (
        f"update call_log set words = false, request = '', response = '', body = '{{\"removed\":true}}' "
        f"where tenant_id = $1 and run_id = '{run(2)}'"
    )
    async with app.transaction():
        await app.execute("select set_config('chatsmart.removing', $1, true)", run(2))
        for claims in (None, claims_of(chain)):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await attempt(app, claims, strip, chain)
    for statement in (strip, strip.replace("words = false", "cost_micros = 0")):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            async with admin.transaction():
                await admin.execute("select set_config('chatsmart.removing', $1, true)", run(2))
                await admin.execute(statement, chain)


async def test_the_way_out_is_shut_again(addresses: Addresses, admin: Connection, chain: TenantId) -> None:
    """After a removal the same transaction can change nothing else of the run."""
    async with admin.transaction():
        gone = await admin.fetchval("select app.remove_words($1, $2, 'r', 'me', now())", chain, run(2))
        assert gone == 3
        assert await admin.fetchval("select current_setting('chatsmart.removing', true)") == ""
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            async with admin.transaction():
                await admin.execute("update call_log set cost_micros = 0 where tenant_id = $1", chain)


async def test_tombstones_are_history(app: Connection, admin: Connection, chain: TenantId) -> None:
    """Nobody adds one by hand, and not even a superuser changes one by accident."""
    for statement in (
        "delete from log_tombstones",
        "update log_tombstones set rule = 'x'",
        "insert into log_tombstones select * from log_tombstones",
        "truncate log_tombstones",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attempt(app, claims_of(chain), statement)
    for statement in (
        "delete from log_tombstones",
        "update log_tombstones set rule = 'x'",
        "truncate log_tombstones",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await admin.execute(statement)


@pytest.mark.parametrize("table", ["log_tombstones", "legal_holds", "vault_entries"])
async def test_another_tenants_rows_are_out_of_reach(
    app: Connection, admin: Connection, chain: TenantId, other_tenant: TenantId, table: str
) -> None:
    """Seen by their owner alone."""
    await admin.execute(
        "insert into legal_holds (tenant_id, id, reason, held_by, held_at) values ($1, 'h', 'r', 'me', now())",
        chain,
    )
    await admin.execute(
        "insert into vault_entries (tenant_id, run_id, mark, value_sealed) values ($1, 'doc_1', 'm', 'x')",
        chain,
    )
    for claims, sees in ((claims_of(chain), True), (claims_of(other_tenant), False)):
        async with app.transaction():
            await app.execute("select set_config('role', 'authenticated', true)")
            await app.execute("select set_config('request.jwt.claims', $1, true)", claims)
            assert bool(await app.fetchval(f"select count(*) from {table}")) is sees
            assert (
                bool(await app.fetchval(f"select count(*) from {table} where tenant_id = $1", chain)) is sees
            )


async def test_a_removal_that_dies_leaves_the_run_whole(
    stores: Stores, addresses: Addresses, chain: TenantId
) -> None:
    """Killed before its commit: no tombstone, no lost word; the next sweep does it, and the chain fits."""
    dying = await asyncpg.connect(addresses.app)
    transaction = dying.transaction()
    await transaction.start()
    gone = await dying.fetchval(
        "select app.expire_words($1, now() + interval '1 year', 'r', 'sweep', now(), 10)", chain
    )
    assert gone == 1
    dying.terminate()
    assert len(await stores.log.tape(chain, run(2))) == 3
    assert (await stores.seals.verify(chain)).tombstones == 3
    bodies = PostgresBodies(stores.database)
    assert await bodies.expire(chain, AT.replace(year=2030), RULE, 10) == 1
    verdict = await stores.seals.verify(chain)
    assert (verdict.broken, verdict.tombstones) == ("", 6)


async def stored(admin: Connection, tenant: TenantId, number: int, **ends: timedelta) -> None:
    """An answer of a run that was stored at AT, with a vector."""
    await admin.execute(
        "insert into recall_answers (tenant_id, key, frame, model, provider, template, tags, run_id, created_at, "
        "expires_at, usage, simulated, reads, words, embedder, embedding) "
        "values ($1, sha256($2), sha256('f'), 'm', 'p', '', '{}', $3, $4, $5, '{}', true, 'r', 'w', 'e', '[1,2]')",
        tenant,
        run(number).encode(),
        run(number),
        AT,
        AT + ends.get("end", timedelta(days=30)),
    )


async def state(admin: Connection, tenant: TenantId) -> tuple[list[str], int]:
    """The runs whose answers are stored, and the epoch: with a new one no copy elsewhere is served."""
    rows = await admin.fetch("select run_id from recall_answers where tenant_id = $1 order by run_id", tenant)
    epoch = await admin.fetchval(
        "select coalesce(max(epoch), 0) from recall_epochs where tenant_id = $1", tenant
    )
    return [row["run_id"] for row in rows], epoch


async def test_stored_answers_go_by_age_or_at_their_end(
    stores: Stores, admin: Connection, tenant: TenantId, other_tenant: TenantId
) -> None:
    """One that a copy may still serve takes the copies with it; one that is over anyway does not."""
    await stored(admin, tenant, 1, end=timedelta(hours=1))
    await stored(admin, tenant, 2)
    await stored(admin, other_tenant, 3)
    cache = PostgresCache(stores.database)
    assert await cache.oldest(tenant) == AT
    assert await cache.due(tenant, AT, AT + timedelta(hours=2)) == 1
    soon = Removal("r", "sweep", AT + timedelta(hours=2))
    assert await cache.expire(tenant, AT, soon, 10) == 1
    assert await state(admin, tenant) == ([run(2)], 0)
    assert await cache.expire(tenant, AT + timedelta(seconds=1), soon, 10) == 1
    assert await state(admin, tenant) == ([], 1)
    assert await cache.expire(tenant, AT + timedelta(seconds=1), soon, 10) == 0
    assert await state(admin, tenant) == ([], 1)
    assert await state(admin, other_tenant) == ([run(3)], 0)


async def test_vectors_can_go_before_their_answers(
    stores: Stores, admin: Connection, tenant: TenantId
) -> None:
    """The answer stays and is found by its words."""
    await stored(admin, tenant, 1)
    vectors = PostgresEmbeddings(stores.database)
    assert await vectors.oldest(tenant) == AT
    assert await vectors.due(tenant, AT, AT) == 0
    assert await vectors.expire(tenant, AT + timedelta(seconds=1), RULE, 10) == 1
    assert await vectors.expire(tenant, AT + timedelta(seconds=1), RULE, 10) == 0
    assert await vectors.oldest(tenant) is None
    assert await state(admin, tenant) == ([run(1)], 0)


async def test_answers_made_from_a_run_go_with_it(
    stores: Stores, admin: Connection, tenant: TenantId
) -> None:
    """Those of other runs stay; a held one is refused and swept round."""
    for number in (1, 2):
        await stored(admin, tenant, number)
    cache, vectors = PostgresCache(stores.database), PostgresEmbeddings(stores.database)
    await admin.execute(
        "insert into legal_holds (tenant_id, id, run_id, reason, held_by, held_at) "
        "values ($1, 'h', $2, 'r', 'me', now())",
        tenant,
        run(2),
    )
    assert await vectors.erase(tenant, run(1), RULE) == 1
    assert await cache.erase(tenant, run(1), RULE) == 1
    assert await cache.erase(tenant, run(1), RULE) == 0
    for kind in (cache, vectors):
        assert await kind.expire(tenant, AT.replace(year=2030), RULE, 10) == 0
        with pytest.raises(Conflict, match="legal hold"):
            await kind.erase(tenant, run(2), RULE)
    assert (await state(admin, tenant))[0] == [run(2)]
