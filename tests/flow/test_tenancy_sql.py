"""Another tenant's rows are out of reach through SQL, as the app's own login, whatever it says."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.idempotency import PostgresIdempotency
from shared.core.faults import OurFault, Unavailable
from shared.core.ids import KeyId, TenantId
from shared.core.rules import Rules
from shared.ports.idempotency import Keyed
from shared.ports.keys import ApiKey
from shared.ports.rules import Edition
from tests.contract.samples import AT, document, entry, run
from tests.stores import Addresses, Stores

Connection = Any
TABLES = {
    "tenants": "id",
    "tenant_rules": "tenant_id",
    "api_keys": "tenant_id",
    "documents": "tenant_id",
    "call_log": "tenant_id",
    "idempotency_keys": "tenant_id",
}
SEALED = {"log_seals": "tenant_id", "log_heads": "tenant_id"}
DENIED = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tenants with a row in every table."""

    mine: TenantId
    theirs: TenantId


@pytest.fixture
async def pair(stores: Stores, tenant: TenantId, other_tenant: TenantId) -> Pair:
    for one in (tenant, other_tenant):
        await stores.keys.ensure_tenant(one, "A tenant")
        await stores.keys.book.add(one, Edition(Rules(version=1), AT, "test"))
        key = ApiKey(KeyId("key_1"), one, "Key", "abcd", frozenset({"member"}), AT)
        await stores.keys.create(key, sha256(one.encode()).digest())
        await stores.shelf.put(document(one, status="running"), [entry(one)])
        await PostgresIdempotency(stores.database).claim(Keyed(one, "POST /", "k", b"x" * 32), run(), AT)
    return Pair(tenant, other_tenant)


async def act_as(connection: Connection, claims: str | None) -> None:
    await connection.execute("select set_config('role', 'authenticated', true)")
    if claims is not None:
        await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)


async def attempt(connection: Connection, claims: str | None, statement: str, *arguments: object) -> None:
    """One statement in a transaction of its own; `claims` None: as the bare login."""
    async with connection.transaction():
        if claims is not None:
            await act_as(connection, claims)
        await connection.execute(statement, *arguments)


def claims_of(tenant: TenantId) -> str:
    return json.dumps({"role": "authenticated", "tenant_id": tenant})


@pytest.mark.parametrize(("table", "column"), [*TABLES.items(), *SEALED.items()])
async def test_only_ones_own_rows_are_seen(
    stores: Stores, app: Connection, pair: Pair, table: str, column: str
) -> None:
    """With and without naming the other tenant."""
    for one in (pair.mine, pair.theirs):
        while not await stores.seals.seal(one, AT) and table in SEALED:
            pass
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        seen = {str(row[0]) for row in await app.fetch(f"select {column} from public.{table}")}
        assert seen == {pair.mine}
        assert not await app.fetch(f"select {column} from public.{table} where {column} = $1", pair.theirs)
        assert await app.fetchval(f"select count(*) from public.{table} where {column} <> $1", pair.mine) == 0


GARBAGE = (
    "not json",
    '{"tenant_id": "%s"',
    '{"tenant_id": "*"}',
    '{"tenant_id": ["a"]}',
    '{"tenant_id": "%s or true"}',
)


@pytest.mark.parametrize(
    "claims",
    [
        *GARBAGE,
        None,
        "",
        "{}",
        '{"tenant_id": null}',
        '{"tenant_id": ""}',
        '{"tenant_id": "00000000-0000-0000-0000-000000000000"}',
        '{"user_metadata": {"tenant_id": "%s"}}',
        "[]",
        '"x"',
        "17",
        "null",
    ],
)
async def test_without_a_sound_claim_nothing_is_seen(app: Connection, pair: Pair, claims: str | None) -> None:
    """Absent, empty or garbage: no rows, or an error."""
    for table in (*TABLES, *SEALED):
        transaction = app.transaction()
        await transaction.start()
        try:
            await act_as(app, claims.replace("%s", pair.mine) if claims else claims)
            assert await app.fetchval(f"select count(*) from public.{table}") == 0
        except asyncpg.InvalidTextRepresentationError:
            assert claims in GARBAGE
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("place", ["top", "app_metadata"])
async def test_the_claim_may_stand_in_either_place(app: Connection, pair: Pair, place: str) -> None:
    """Where our own tokens and where Supabase's keep it."""
    claims = {"tenant_id": pair.mine} if place == "top" else {"app_metadata": {"tenant_id": pair.mine}}
    async with app.transaction():
        await act_as(app, json.dumps(claims))
        assert [str(row["tenant_id"]) for row in await app.fetch("select tenant_id from documents")] == [
            pair.mine
        ]


async def test_the_app_alone_may_do_nothing(app: Connection, pair: Pair) -> None:
    """The login has no rights of its own: without the role there is no table."""
    for table in (*TABLES, *SEALED):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch(f"select * from public.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into documents (id, tenant_id, trace_id, pipeline, status, created_at, given, beat_at) "
        "values ('doc_x', $1, 't', 'p', 'running', now(), '{}', now())",
        "insert into call_log (tenant_id, run_id, position, at, trace_id, kind) "
        "values ($1, 'doc_x', 1, now(), 't', 'run')",
        "insert into api_keys (id, tenant_id, name, hint, digest, scopes, created_at) "
        "values ('k', $1, 'n', 'h', sha256('x'), '{operator}', now())",
        "insert into tenants (id, name) values ($1, 'x')",
        "insert into tenant_rules values ($1, 2, '{}', now(), 'x')",
        "insert into log_seals values ($1, 1, '0', '1', 1, '', '', now())",
        "insert into log_heads values ($1, 1, '1', '')",
        "update documents set tenant_id = $1",
    ],
)
async def test_nothing_is_written_for_another_tenant(app: Connection, pair: Pair, statement: str) -> None:
    """Neither put there nor moved there."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await attempt(app, claims_of(pair.mine), statement, pair.theirs)


@pytest.mark.parametrize(
    "statement",
    [
        "update documents set text = 'mine now' where tenant_id = $1",
        "update api_keys set revoked_at = now() where tenant_id = $1",
        "update tenants set month_micros = 0 where id = $1",
        "with gone as (update documents set status = 'failed' returning tenant_id) "
        "select 1 from gone where tenant_id = $1",
    ],
)
async def test_an_update_does_not_reach_another_tenant(
    app: Connection, admin: Connection, pair: Pair, statement: str
) -> None:
    """Their rows stay as they are."""
    query = (
        "select md5(string_agg(d::text || k::text || t::text, '')) from documents d "
        "join api_keys k using (tenant_id) join tenants t on t.id = tenant_id "
    )
    before = await admin.fetchval(query + "where tenant_id = $1", pair.theirs)
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        await app.execute(statement, pair.theirs)
    assert await admin.fetchval(query + "where tenant_id = $1", pair.theirs) == before


async def test_joins_do_not_widen_what_is_seen(app: Connection, pair: Pair) -> None:
    """Lateral, self and outer joins, subqueries, and functions that might look at rows before the policy."""
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        for query in (
            "select a.tenant_id from documents a full join call_log b on true",
            "select c.tenant_id from (select 1) one left join lateral (select * from call_log) c on true",
            "select tenant_id from documents where tenant_id in (select tenant_id from call_log)",
            "select tenant_id from call_log union all select tenant_id from documents",
            "select tenant_id from documents where text like '%' and given::text is not null",
        ):
            assert {str(row[0]) for row in await app.fetch(query)} == {pair.mine}


async def test_a_condition_is_not_asked_of_other_tenants_rows(
    stores: Stores, app: Connection, pair: Pair
) -> None:
    """A cheap function that tells what it is given is told nothing of theirs: the policy comes first."""
    await stores.shelf.put(document(pair.theirs, 2, text="their secret"))
    told: list[str] = []
    app.add_log_listener(lambda _, message: told.append(message.message))
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        await app.execute(
            "create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001 as "
            "$f$ begin raise notice 'told %', $1; return true; end $f$"
        )
        await app.fetch("select id from documents where pg_temp.tell(text)")
        await app.execute("drop function pg_temp.tell(text)")
    assert told == [f"told {document(pair.mine).text}"]


async def test_a_view_or_function_of_ones_own_shows_no_more(app: Connection, pair: Pair) -> None:
    """The app can't make objects that outlive a session; temporary ones run with its own rights."""
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with app.transaction():
                await app.execute("create view public.all_documents as select * from documents")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with app.transaction():
                await app.execute("create function public.f() returns int language sql as 'select 1'")
        await app.execute("create temp view own as select * from documents")
        assert {str(row["tenant_id"]) for row in await app.fetch("select * from own")} == {pair.mine}
        await app.execute("drop view own")


async def test_no_view_runs_with_its_owners_rights(admin: Connection) -> None:
    """A plain view would show every tenant's rows: ours say security_invoker."""
    assert not await admin.fetch(
        "select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema') "
        "and not coalesce('security_invoker=true' = any(c.reloptions), false)"
    )


async def test_a_partition_cannot_be_named(app: Connection, admin: Connection, pair: Pair) -> None:
    """The parent's policies don't cover it, so it is granted to nobody, in a schema that nobody may enter."""
    partitions = [
        row[0]
        for row in await admin.fetch(
            "select inhrelid::regclass::text from pg_inherits join pg_class c on c.oid = inhrelid "
            "where c.relkind = 'r' and inhparent = 'call_log'::regclass"
        )
    ]
    assert len(partitions) >= 4
    for partition in partitions:
        for statement in (f"select * from {partition}", f"delete from {partition}", f"truncate {partition}"):
            for claims in (claims_of(pair.mine), None):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await attempt(app, claims, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "set role postgres",
        "set role service_role",
        "set role anon",
        "set session authorization postgres",
        "select set_config('role', 'postgres', true)",
        "select set_config('role', 'service_role', false)",
        "set row_security = off; select * from documents",
        "alter role chatsmart_app bypassrls",
        "alter role chatsmart_app superuser",
        "grant service_role to chatsmart_app",
        "alter table documents disable row level security",
        "alter table documents no force row level security",
        "drop policy own_documents on documents",
        "create policy all_documents on documents using (true)",
        "set session_replication_role = replica",
        "copy (select * from documents) to program 'cat'",
        "select pg_read_file('postgresql.conf')",
        "select digest from api_keys",
        "create or replace function public.current_tenant() returns uuid language sql as 'select null::uuid'",
        "select lo_import('/etc/passwd')",
        "explain (analyze) update call_log set cost_micros = 0",
    ],
)
@pytest.mark.parametrize("confined", [True, False], ids=["as authenticated", "as the login"])
async def test_rights_cannot_be_widened(app: Connection, pair: Pair, statement: str, confined: bool) -> None:
    """No role, setting or definition that the login can reach lets it past a policy."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await attempt(app, claims_of(pair.mine) if confined else None, statement)
    assert isinstance(caught.value, DENIED), f"{statement}: {caught.value}"


async def test_putting_the_role_back_gives_nothing(app: Connection, pair: Pair) -> None:
    """`reset role` leads to the bare login, which has no table."""
    async with app.transaction():
        await act_as(app, claims_of(pair.mine))
        await app.execute("reset role")
        assert await app.fetchval("select current_user") == "chatsmart_app"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch("select * from documents")


async def test_the_role_and_the_claim_end_with_the_transaction(app: Connection, pair: Pair) -> None:
    """A connection goes back to the pool with no identity."""
    for _ in range(2):
        async with app.transaction():
            await act_as(app, claims_of(pair.mine))
        assert await app.fetchval("select current_user") == "chatsmart_app"
        assert not await app.fetchval("select current_setting('request.jwt.claims', true)")


async def test_functions_that_look_past_policies_are_not_for_tenants(
    app: Connection, admin: Connection, pair: Pair
) -> None:
    """Only the login may call them, each has an empty search path, and none is open to everybody."""
    definers = await admin.fetch(
        "select p.oid::regprocedure::text as name, p.proconfig as config, p.proacl::text as acl, "
        "has_function_privilege('authenticated', p.oid, 'execute') as tenants "
        "from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
        "where p.prosecdef and n.nspname in ('public', 'app')"
    )
    assert len(definers) >= 7
    for definer in definers:
        assert 'search_path=""' in definer["config"], definer["name"]
        assert not definer["tenants"], definer["name"]
        assert "{=X" not in definer["acl"], definer["name"]
        assert ",=X" not in definer["acl"], definer["name"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await attempt(app, claims_of(pair.mine), "select * from app.claim_orphans(now(), now(), 10)")


async def test_what_crosses_tenants_gives_names_only(app: Connection, pair: Pair) -> None:
    """A key is found by its digest alone; orphans are ids."""
    assert await app.fetch("select * from app.key_principal(sha256('guess'), now())") == []
    rows = await app.fetch("select * from app.claim_orphans(now() + interval '100 years', now(), 10000)")
    assert {str(row["tenant_id"]) for row in rows} >= {pair.mine, pair.theirs}
    assert set(rows[0].keys()) == {"tenant_id", "run_id"}


@pytest.mark.parametrize("table", ["call_log", "log_seals"])
@pytest.mark.parametrize(
    "statement", ["update {} set tenant_id = tenant_id", "delete from {}", "truncate {}"]
)
async def test_history_refuses_change(
    stores: Stores, app: Connection, admin: Connection, pair: Pair, table: str, statement: str
) -> None:
    """The app has no right to it, and not even a superuser does it by accident."""
    while not await stores.seals.seal(pair.mine, AT):
        pass
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await attempt(app, claims_of(pair.mine), statement.format(table))
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await admin.execute(statement.format(f"public.{table}"))
    if table == "call_log":
        partition = await admin.fetchval("select tableoid::regclass::text from call_log limit 1")
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await admin.execute(statement.format(partition))


async def test_a_browser_reads_and_never_writes(addresses: Addresses, admin: Connection, pair: Pair) -> None:
    """PostgREST logs in as another role: with a user's token it sees the tenant's rows and changes none."""
    login = f"authenticator_{pair.mine[-12:]}"
    await admin.execute(f"create role {login} login noinherit; grant authenticated to {login}")
    connection = await asyncpg.connect(addresses.app.replace("chatsmart_app", login))
    try:
        async with connection.transaction():
            await act_as(connection, claims_of(pair.mine))
            assert [str(row[0]) for row in await connection.fetch("select tenant_id from documents")] == [
                pair.mine
            ]
            assert await connection.fetch("select tenant_id from idempotency_keys") == []
            assert await connection.execute("delete from idempotency_keys") == "DELETE 0"
            assert await connection.execute("update documents set cost_micros = 0") == "UPDATE 0"
            assert await connection.execute("update api_keys set revoked_at = null") == "UPDATE 0"
            assert await connection.execute("update tenants set month_micros = null") == "UPDATE 0"
            for statement in (
                "insert into call_log (tenant_id, run_id, position, at, trace_id, kind) "
                "values ($1, 'doc_x', 1, now(), 't', 'run')",
                "insert into documents (id, tenant_id, trace_id, pipeline, status, created_at, given, beat_at) "
                "values ('doc_x', $1, 't', 'p', 'running', now(), '{}', now())",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.execute(statement, pair.mine)
    finally:
        await connection.close()
        await admin.execute(f"drop role {login}")


async def test_every_table_is_confined(admin: Connection) -> None:
    """By the catalogue: forced row-level security on every table of ours, a tenant policy where the app may look."""
    tables = await admin.fetch(
        "select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as forced, "
        "has_any_column_privilege('authenticated', c.oid, 'select') as seen, c.relispartition as part, "
        "has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate') as open, "
        "has_table_privilege('chatsmart_app', c.oid, 'select, insert, update, delete, truncate') as login, "
        "exists (select from pg_policy p where p.polrelid = c.oid) as policies, "
        "n.nspname = 'public' or exists (select from pg_attribute a where a.attrelid = c.oid "
        "and a.attname = 'tenant_id' and not a.attisdropped) as owned "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p') and n.nspname in ('public', 'app')"
    )
    assert {"tenants", "documents", "call_log", "log_seals"} <= {table["name"] for table in tables}
    for table in tables:
        assert table["forced"], table["name"]
        assert not table["open"], table["name"]
        assert not table["login"], table["name"]
        # What belongs to no tenant (notices, what is stopped) is reached through functions alone.
        open_to_tenants = table["owned"] and not table["part"]
        assert table["seen"] == table["policies"] == open_to_tenants, table["name"]


async def test_every_policy_asks_for_the_tenant(admin: Connection) -> None:
    """None is for everybody, and none has an `or`, which would cost a scan of the whole table (300-fold, measured)."""
    policies = await admin.fetch("select * from pg_policies where schemaname in ('public', 'app')")
    assert len(policies) >= 10
    for policy in policies:
        name = f"{policy['tablename']}.{policy['policyname']}"
        assert policy["roles"] == ["authenticated"], name
        for condition in filter(None, (policy["qual"], policy["with_check"])):
            assert "current_tenant()" in condition, name
            assert " OR " not in condition.upper(), name


async def test_the_administrators_login_is_refused(addresses: Addresses, admin: Connection) -> None:
    """Row-level security does not bind a superuser, nor a role that may become one."""
    with pytest.raises(OurFault, match="row-level security does not bind"):
        await Database.open(addresses.admin)
    name = addresses.app.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
    await admin.execute(
        f'create role "trusted_{name}" login noinherit; grant service_role to "trusted_{name}"'
    )
    try:
        with pytest.raises(OurFault, match="service_role"):
            await Database.open(addresses.app.replace("chatsmart_app", f"trusted_{name}"))
        await admin.execute(f'revoke service_role from "trusted_{name}"')
        with pytest.raises(OurFault, match="may not act for tenants"):
            await Database.open(addresses.app.replace("chatsmart_app", f"trusted_{name}"))
    finally:
        await admin.execute(f'drop role "trusted_{name}"')
    with pytest.raises((OurFault, Unavailable)):
        await Database.open(addresses.app.replace("chatsmart_app", "nobody_at_all"))


async def test_a_tenant_that_is_no_uuid_reaches_no_statement(stores: Stores) -> None:
    """Its text would stand in the statement that opens a transaction."""
    for evil in ("", "x", "'; drop table documents; --", "\x00"):
        with pytest.raises(OurFault):
            await stores.shelf.get(TenantId(evil), run())
