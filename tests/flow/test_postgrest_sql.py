"""PostgREST's way in: its own login, a role and a verified token's claims for each transaction, over every relation
and function that the catalogue has, so that one that is added is met here too."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from shared.core.ids import TenantId
from tests.flow.test_tenancy_sql import Pair, pair
from tests.stores import Addresses, Stores

__all__ = ["pair"]
Connection = Any
CALLABLE = {"current_tenant()"}
"""What a person may call through PostgREST, in the schemas that it serves."""

RELATIONS = """
select c.oid, format('%I.%I', n.nspname, c.relname) as name, c.relkind::text as kind
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname in ('public', 'app')
order by 2
"""
FUNCTIONS = """
select p.oid, p.oid::regprocedure::text as name, n.nspname as schema
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'app')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


@dataclass(slots=True)
class Browser:
    """PostgREST for one project."""

    connection: Connection

    @contextlib.asynccontextmanager
    async def request(self, role: str, **claims: object) -> AsyncIterator[Connection]:
        """A transaction as PostgREST opens it for a token of this role; nothing of it stays."""
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            said = json.dumps({"role": role, **claims})
            await self.connection.execute(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), "
                "set_config('request.method', 'GET', true), set_config('search_path', 'public', true)",
                role,
                said,
            )
            yield self.connection
        finally:
            await transaction.rollback()


@pytest.fixture
async def browser(addresses: Addresses, admin: Connection, pair: Pair) -> AsyncIterator[Browser]:
    login = f"authenticator_{pair.mine[-12:]}"
    await admin.execute(
        f"create role {login} login noinherit; grant anon, authenticated, service_role to {login}"
    )
    connection = await asyncpg.connect(addresses.app.replace("chatsmart_app", login))
    yield Browser(connection)
    await connection.close()
    await admin.execute(f"drop role {login}")


async def test_nobody_is_let_in_without_a_token(browser: Browser, admin: Connection) -> None:
    """anon reads, writes and calls nothing, whatever tenant its claims name."""
    relations = await admin.fetch(RELATIONS)
    assert len(relations) >= 20
    verbs = ("select * from {}", "insert into {} default values", "delete from {}", "truncate {}")
    for relation in relations:
        for verb in verbs:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with browser.request("anon", tenant_id="0193e6a0-0000-7000-8000-00000000de30") as anon:
                    await anon.execute(verb.format(relation["name"]))
    functions = await admin.fetch(FUNCTIONS)
    assert len(functions) >= 20
    for function in functions:
        assert not await admin.fetchval(
            "select has_function_privilege('anon', $1::oid, 'execute')", function["oid"]
        ), function["name"]


async def test_a_token_without_a_tenant_sees_nothing(browser: Browser, admin: Connection, pair: Pair) -> None:
    """Signing up is free: it opens no table. A tenant in user_metadata is the person's own word."""
    said: list[dict[str, object]] = [{}, {"user_metadata": {"tenant_id": pair.mine}}, {"app_metadata": {}}]
    for claims in said:
        for relation in await admin.fetch(RELATIONS):
            async with browser.request("authenticated", sub=pair.mine, **claims) as person:
                try:
                    rows = await person.fetch(f"select 1 from {relation['name']} limit 1")
                except asyncpg.InsufficientPrivilegeError:
                    continue
                assert not rows, relation["name"]


async def test_a_person_sees_their_tenants_rows_everywhere(
    browser: Browser, admin: Connection, pair: Pair
) -> None:
    """Every table that may be read at all gives the tenant's rows, and no other's."""
    readable, filled = 0, set()
    for relation in await admin.fetch(RELATIONS):
        column = "id" if relation["name"] == "public.tenants" else "tenant_id"
        async with browser.request("authenticated", app_metadata={"tenant_id": pair.mine}) as person:
            try:
                rows = await person.fetch(f"select distinct {column} as tenant from {relation['name']}")
            except asyncpg.InsufficientPrivilegeError:
                continue
            readable += 1
            assert {str(row["tenant"]) for row in rows} <= {pair.mine}, relation["name"]
            filled |= {relation["name"]} if rows else set()
    assert readable >= 20
    assert filled >= {"public.tenants", "public.documents", "public.call_log"}


async def test_a_person_writes_nothing_through_postgrest(
    browser: Browser, admin: Connection, pair: Pair
) -> None:
    """Every verb on every table is refused or touches no row."""
    for relation in await admin.fetch(RELATIONS):
        name = relation["name"]
        columns = await admin.fetch(
            "select attname from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped and "
            "has_column_privilege('authenticated', attrelid, attnum, 'update')",
            relation["oid"],
        )
        verbs = [
            f"delete from {name}",
            f"truncate {name}",
            f"insert into {name} overriding system value select * from {name}",
        ]
        verbs += [f'update {name} set "{column[0]}" = "{column[0]}"' for column in columns]
        for verb in verbs:
            async with browser.request("authenticated", app_metadata={"tenant_id": pair.mine}) as person:
                try:
                    done = await person.execute(verb)
                except (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError):
                    continue
                assert done.rsplit(" ", 1)[1] == "0", f"{verb}: {done}"


async def test_a_person_calls_what_is_named_here_and_no_more(browser: Browser, admin: Connection) -> None:
    """A function that is added is closed until somebody writes it into this test."""
    functions = await admin.fetch(FUNCTIONS)
    served = {
        row["name"]
        for row in functions
        if row["schema"] == "public"
        and await admin.fetchval(
            "select has_function_privilege('authenticated', $1::oid, 'execute')", row["oid"]
        )
    }
    assert served == CALLABLE
    for role in ("anon", "authenticated", "service_role"):
        async with browser.request(role) as person:
            assert not await person.fetchval("select has_schema_privilege('app', 'usage')"), role


async def test_the_service_key_reads_all_and_rewrites_no_history(
    browser: Browser, stores: Stores, pair: Pair
) -> None:
    """It passes the policies by; the log's own guard binds it still."""
    async with browser.request("service_role") as service:
        seen = {str(row[0]) for row in await service.fetch("select distinct tenant_id from documents")}
        assert {pair.mine, pair.theirs} <= seen
    for verb in ("update call_log set cost_micros = 0", "delete from call_log", "truncate call_log"):
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            async with browser.request("service_role") as service:
                await service.execute(verb)


async def test_files_are_seen_by_their_tenant_alone(
    browser: Browser, admin: Connection, pair: Pair, tenant: TenantId
) -> None:
    """By the first part of the path: no file of another's, none of no tenant's, none in another bucket."""
    other_bucket = f"b-{tenant}"
    await admin.execute("insert into storage.buckets (id, name) values ($1, $1)", other_bucket)
    paths = [f"{pair.mine}/a/b.txt", f"{pair.theirs}/b.txt", "loose.txt", f"x/{pair.mine}/c.txt", pair.mine]
    rows = [(bucket, path) for bucket in ("uploads", "exports", other_bucket) for path in paths]
    async with admin.transaction():
        await admin.execute("delete from storage.objects")
        await admin.executemany("insert into storage.objects (bucket_id, name) values ($1, $2)", rows)
    claims = {"app_metadata": {"tenant_id": pair.mine}}
    async with browser.request("authenticated", **claims) as person:
        seen = [
            tuple(row) for row in await person.fetch("select bucket_id, name from storage.objects order by 1")
        ]
        assert seen == [("exports", f"{pair.mine}/a/b.txt"), ("uploads", f"{pair.mine}/a/b.txt")]
        assert await person.fetch("select id from storage.buckets") == []
        assert await person.execute("delete from storage.objects") == "DELETE 0"
        assert await person.execute("update storage.objects set name = name") == "UPDATE 0"
        await person.execute(
            "insert into storage.objects (bucket_id, name) values ('uploads', $1)", f"{pair.mine}/new.txt"
        )
    refused = [
        ("uploads", f"{pair.theirs}/new.txt"),
        ("uploads", "new.txt"),
        ("uploads", f"x/{pair.mine}/new.txt"),
        ("exports", f"{pair.mine}/new.txt"),
        (other_bucket, f"{pair.mine}/new.txt"),
    ]
    for bucket, path in refused:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with browser.request("authenticated", **claims) as person:
                await person.execute(
                    "insert into storage.objects (bucket_id, name) values ($1, $2)", bucket, path
                )
    for role, said in (("anon", claims), ("authenticated", {}), ("authenticated", {"user_metadata": claims})):
        async with browser.request(role, **said) as person:
            try:
                assert await person.fetch("select 1 from storage.objects") == []
            except asyncpg.InsufficientPrivilegeError:
                continue
