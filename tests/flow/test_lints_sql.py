"""What Supabase's advisor would warn of, asked of the migrated database; each lint is shown an offence that it sees."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

Connection = Any
QUERIES = Path(__file__).parents[2] / "infra" / "cli" / "queries"
LINTS = [(QUERIES / name).read_text("utf-8") for name in ("lints.sql", "lints_storage.sql")]
TABLE = (
    "create table public.t (tenant_id uuid); "
    "alter table public.t enable row level security, force row level security;"
)
MINE = "(tenant_id = (select public.current_tenant()))"
OWN = "create policy p on public.t for select to authenticated using "


async def warned(admin: Connection) -> list[tuple[str, str]]:
    """Lint and offender, of both files."""
    return [(row["lint"], row["name"]) for one in LINTS for row in await admin.fetch(one)]


async def test_nothing_of_ours_is_warned_of(admin: Connection) -> None:
    """Not one offence in what the migrations make."""
    assert await warned(admin) == []


@pytest.mark.parametrize(
    ("offence", "lint"),
    [
        ("create table public.t (n int)", "row-level security is off"),
        ("alter table public.documents no force row level security", "row-level security is off"),
        (TABLE, "granted, and no policy"),
        (TABLE, "anon has a right"),
        ("grant select (id) on public.documents to anon", "anon has a right"),
        ("create sequence public.s; grant usage on sequence public.s to anon", "anon has a right"),
        ("grant select on app.call_log_rest to authenticated", "a partition is granted"),
        ("create function public.f() returns int language sql as 'select 1'", "anon may call"),
        ("create view public.v as select * from public.documents", "a view that looks past the policies"),
        ("create materialized view public.v as select 1 as n", "a materialised view"),
        (
            "create function app.f() returns int language sql security definer as 'select 1'",
            "search_path is not set",
        ),
        (
            "create function app.f() returns int language sql security definer set search_path = '' as 'select 1'; "
            "grant execute on function app.f() to authenticated",
            "people may call a definer's function",
        ),
        (
            TABLE + OWN + "(tenant_id = (auth.jwt() -> 'user_metadata' ->> 'tenant_id')::uuid)",
            "user_metadata decides",
        ),
        (TABLE + OWN + "(true)", "a policy that asks for no tenant"),
        (
            "create policy p on storage.objects for select to authenticated using (true)",
            "a policy that asks for no tenant",
        ),
        (TABLE + "create policy p on public.t using " + MINE, "a policy for everybody"),
        (
            TABLE + "create policy p on public.t for delete to authenticated using " + MINE,
            "a browser may write",
        ),
        (TABLE + OWN + "(tenant_id = public.current_tenant())", "asked once a row"),
        ("update storage.buckets set public = true where id = 'exports'", "a public bucket"),
        ("alter table storage.objects disable row level security", "row-level security is off"),
    ],
)  # fmt: skip
async def test_each_lint_sees_its_offence(admin: Connection, offence: str, lint: str) -> None:
    """Made in a transaction that is not kept."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(offence)
        assert lint in {found for found, _ in await warned(admin)}
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("chosen", [None, "mine", "theirs", "nobody's"])
async def test_the_hook_names_a_tenant_that_the_person_is_in(admin: Connection, chosen: str | None) -> None:
    """From public.members alone: a choice among those, and never a word of the person's own."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        ids = [await admin.fetchval("select gen_random_uuid()::text") for _ in range(4)]
        mine, theirs, nobodys, person = ids
        for number, tenant in enumerate((mine, theirs)):
            await admin.execute("insert into tenants (id, name) values ($1, 'T')", tenant)
            await admin.execute(
                "insert into members (tenant_id, user_id, role, created_at) "
                "values ($1, $2, 'admin', now() + make_interval(secs => $3))",
                tenant,
                person,
                number,
            )
        wanted = {None: None, "mine": mine, "theirs": theirs, "nobody's": nobodys}[chosen]
        expected = theirs if chosen == "theirs" else mine
        await admin.execute("set local role supabase_auth_admin")
        asked = (
            "select app.access_token_hook(jsonb_build_object('user_id', $1::text, 'claims', jsonb_build_object("
            "'sub', $1::text, 'tenant_id', $3::text, 'user_metadata', jsonb_build_object('tenant_id', $3::text), "
            "'app_metadata', jsonb_build_object('provider', 'email', 'tenant_id', $2::text)))) -> 'claims' as c"
        )
        claim = (
            "select c -> 'app_metadata' ->> 'tenant_id', c -> 'app_metadata' ->> 'tenant_role', c ->> 'tenant_id', "
            f"c -> 'app_metadata' ->> 'provider' from ({asked}) as x"
        )
        assert tuple(await admin.fetchrow(claim, person, wanted, nobodys)) == (
            expected,
            "admin",
            None,
            "email",
        )
        stranger = "00000000-0000-4000-8000-000000000000"
        assert tuple(await admin.fetchrow(claim, stranger, mine, mine)) == (None, None, None, "email")
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "chatsmart_app"])
async def test_nobody_but_auth_asks_the_hook(admin: Connection, role: str) -> None:
    """Whoever could call it might learn who is in which tenant."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(f"set local role {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetchval("select app.access_token_hook('{}')")
    finally:
        await transaction.rollback()
