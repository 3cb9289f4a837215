"""Postgres behind a pooler of transactions, as Supabase's port 6543 is: the whole product through one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from infra.migrate import migrate
from shared.adapters.postgres.address import may_keep_statements
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.core.faults import OurFault
from shared.core.ids import TenantId
from tests.flow import house
from tests.postgres_pooler import Pooler, pooler
from tests.stores import Addresses


@pytest.fixture
async def pool(addresses: Addresses) -> AsyncIterator[Pooler]:
    async with pooler(addresses.app) as found:
        yield found


async def test_the_pooler_keeps_no_session(pool: Pooler) -> None:
    """What it is here for: a named statement and a setting are gone in the next transaction."""
    connection = await asyncpg.connect(pool.dsn, statement_cache_size=0)
    try:
        await connection.execute("set application_name = 'mine'")
        assert await connection.execute("prepare p as select 1") == "PREPARE"
        with pytest.raises(asyncpg.InvalidSQLStatementNameError):
            await connection.execute("execute p")
        assert sorted(await pool.left()) == ["setting application_name=mine", "statement p"]
    finally:
        await connection.close()


async def test_a_driver_that_keeps_statements_fails_behind_it(pool: Pooler) -> None:
    """So that the tests below would fail if ours did."""
    database = Database(pool.dsn, cached=True)
    with pytest.raises(OurFault):
        await database.connect()
        for _ in range(4):
            await database.call("select $1::int", 1)


async def test_a_document_and_a_chat_go_through_it(addresses: Addresses, pool: Pooler) -> None:
    """Written, listed, replayed and sealed over two connections; nothing is left behind in either."""
    async with house.opened(replace(addresses, app=pool.dsn)) as found, found.client() as client:
        brief = {"pipeline": "article", "brief": "Why green tea turns bitter, and how to brew it."}
        document = (await client.post("/v1/documents", json=brief)).json()
        assert document["status"] == "finished"
        path = f"/v1/documents/{document['id']}"
        assert (await client.post(f"{path}/replay")).json()["identical"] is True
        hello = {"model": "auto", "messages": [{"role": "user", "content": "Say something about tea."}]}
        chats = [client.post("/v1/chat/completions", json=hello) for _ in range(8)]
        assert {answer.status_code for answer in await asyncio.gather(*chats)} == {200}
        assert (await client.get("/v1/audit/verify")).json()["intact"] is True
        async with found.client(found.other_key) as stranger:
            assert (await stranger.get(path)).status_code == 404
    assert pool.transactions > 20
    assert await pool.left() == []


async def test_tenants_that_take_turns_on_a_connection_never_meet(
    pool: Pooler, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Hundreds of transactions on two connections, each sees its own tenant and no other."""
    database = await Database.open(pool.dsn, size=8)
    try:
        for one in (tenant, other_tenant):
            await PostgresKeys(database).ensure_tenant(one, "T")

        async def look(mine: TenantId) -> None:
            async with database.tenant(mine) as connection:
                assert [str(row["id"]) for row in await connection.fetch("select id from tenants")] == [mine]

        async with asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(look((tenant, other_tenant)[number % 2]))
    finally:
        await database.close()
    assert await pool.left() == []


async def test_who_leaves_in_the_middle_leaves_no_transaction(pool: Pooler, tenant: TenantId) -> None:
    """The next one does not go on in it."""
    database = await Database.open(pool.dsn, size=4)
    try:

        async def linger() -> None:
            async with database.tenant(tenant) as connection:
                await connection.fetchval("select pg_sleep(60)")

        tasks = [asyncio.ensure_future(linger()) for _ in range(2)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        rows = await database.call("select current_setting('request.jwt.claims', true) as claims")
        assert rows[0]["claims"] in (None, "")
    finally:
        await database.close()


async def test_migrating_bears_a_pooler_that_does_not_say_so(addresses: Addresses) -> None:
    """At another port nobody can tell; the work and its lock are in one transaction each."""
    async with pooler(addresses.admin) as found:
        assert await migrate(found.dsn) == []
        assert await found.left() == []


@pytest.mark.parametrize(
    ("dsn", "may"),
    [
        ("postgresql://u.ref:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", False),
        ("postgresql://u.ref:p@aws-0-eu-central-1.pooler.supabase.com:5432/postgres", False),
        ("postgresql://u:p@db.ref.supabase.co:6543/postgres", False),
        ("postgresql:///d?host=/run/pgbouncer&port=6432", False),
        ("postgresql://u:6543@db.ref.supabase.co:5432/postgres", True),
        ("postgresql://u@h/d?host=/run/postgres", True),
    ],
)
def test_statements_are_never_kept_where_a_pooler_is_named(dsn: str, may: bool) -> None:
    """Not even where somebody asks for it."""
    assert may_keep_statements(dsn) is may
