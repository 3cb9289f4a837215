"""`chatsmart doctor` on a real Postgres: what can be wrong with it is found, with what to do about it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from infra.cli.finding import Finding
from infra.cli.postgres_checks import pooler_finding, postgres_checks
from infra.migrate import found as files
from shared.adapters.clock import RandomIds
from tests.postgres_pooler import pooler
from tests.redis_relay import certified
from tests.stores import TEMPLATE, Addresses


@dataclass(frozen=True)
class Own:
    """A migrated database of one test's own, to be spoilt."""

    app: str
    admin: str

    async def spoil(self, statement: str) -> None:
        """As the administrator."""
        connection = await asyncpg.connect(self.admin)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def findings(self) -> dict[str, Finding]:
        """By name."""
        return await named(self.app, self.admin)


async def named(app: str, admin: str) -> dict[str, Finding]:
    found = await postgres_checks(app, admin)
    assert all(one.advice for one in found if one.status == "failed")
    return {one.name: one for one in found}


@pytest.fixture
async def own(addresses: Addresses) -> AsyncIterator[Own]:
    name = f"own_{RandomIds().uuid().hex[-12:]}"
    connection = await asyncpg.connect(addresses.admin)
    await connection.execute(f'create database "{name}" template {TEMPLATE}')

    def at(dsn: str) -> str:
        head, _, query = dsn.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{name}?{query}"

    yield Own(at(addresses.app), at(addresses.admin))
    await connection.execute(f'drop database "{name}" with (force)')
    await connection.close()


async def test_a_sound_database_has_nothing_wrong(own: Own) -> None:
    """All that can be asked was asked."""
    found = await own.findings()
    assert {one.status for one in found.values()} == {"ok"}, found
    assert list(found) == ["postgres", "role", "vector", "migrations", "policies", "token hook"]


async def test_what_an_operator_has_stopped_is_told(own: Own) -> None:
    """It is why readers get a 503, and no fault of the installation."""
    await own.spoil("select app.set_stop('all', 'the bill runs away', 'key_1', now(), null)")
    found = (await own.findings())["stopped"]
    assert found.status == "ok"
    assert "everything that costs money, by key_1 since" in found.found
    assert "the bill runs away" in found.found
    await own.spoil("select app.set_stop('all', '', 'key_1', now(), null)")
    assert "stopped" not in await own.findings()


async def test_without_an_administrator_the_inside_is_left_out(own: Own) -> None:
    """It is no failure: what serves has no such address."""
    found = await named(own.app, "")
    assert found["migrations"].status == "skipped"
    assert "policies" not in found


HISTORY, SUMS = "supabase_migrations.schema_migrations", "chatsmart_migrations.checksums"
FIRST, LAST = files()[0], files()[-1]


@pytest.mark.parametrize(
    ("spoilt", "name", "said"),
    [
        ("drop extension vector cascade", "vector", "not there"),
        (f"delete from {HISTORY} where version = '{LAST.version}'", "migrations", LAST.path.name),
        (f"update {SUMS} set sha256 = 'x' where version = '{FIRST.version}'", "migrations", "changed after"),
        (f"insert into {HISTORY} (version) values ('20990101000000')", "migrations", "no file: 20990101000000"),
        ("drop schema supabase_migrations cascade", "migrations", "not applied, first"),
        ("alter table documents no force row level security", "policies", "public.documents"),
        ("grant select on documents to anon", "policies", "anon has a right"),
        ("drop function app.access_token_hook(jsonb)", "token hook", "not there"),
        ("revoke usage on schema app from supabase_auth_admin", "token hook", "may not call"),
        ("grant execute on function app.access_token_hook(jsonb) to service_role", "token hook", "service_role"),
    ],
)  # fmt: skip
async def test_what_is_wrong_inside_is_found(own: Own, spoilt: str, name: str, said: str) -> None:
    """One failure with its remedy."""
    await own.spoil(spoilt)
    found = await own.findings()
    assert said in found[name].found
    failed = [one.name for one in found.values() if one.status == "failed"]
    assert failed == [name]


async def test_an_empty_database_is_not_called_sound(own: Own) -> None:
    """Nothing is migrated, so nothing else is looked at."""
    await own.spoil("drop schema supabase_migrations cascade; drop schema chatsmart_migrations cascade")
    assert list(await own.findings())[-1] == "migrations"


@pytest.mark.parametrize("role", ["postgres", "service_role", "plain", "stranger"])
async def test_a_login_that_must_not_serve_is_told(own: Own, role: str) -> None:
    """A superuser, one with BYPASSRLS, one that may become such a one, and one that may act for nobody."""
    name = f"{role}_{RandomIds().uuid().hex[-12:]}"
    made = {
        "postgres": "superuser",
        "service_role": "bypassrls",
        "plain": "noinherit in role service_role, authenticated",
        "stranger": "",
    }[role]
    await own.spoil(f"create role {name} login {made}")
    try:
        found = await named(own.app.replace("chatsmart_app", name), own.admin)
    finally:
        await own.spoil(f"drop role {name}")
    assert found["role"].status == "failed"
    assert name in found["role"].found
    assert ("act for tenants" if role == "stranger" else "every tenant's rows") in found["role"].found
    assert ("as service_role" in found["role"].found) is (role == "plain")


@pytest.mark.parametrize(
    ("app", "said", "advice"),
    [
        ("postgresql://chatsmart_app:hunter2@127.0.0.1:9/d", "127.0.0.1:9", "DATABASE_URL"),
        ("postgresql://chatsmart_app:hunter2@nowhere.invalid/d", "nowhere.invalid:5432", "DATABASE_URL"),
        ("hunter2", "no address", "DATABASE_URL"),
    ],
)
async def test_one_that_is_not_there_is_told_without_its_password(app: str, said: str, advice: str) -> None:
    """Host and port, and nothing else of the address."""
    found = await named(app, "")
    assert list(found) == ["postgres"]
    assert said in found["postgres"].found
    assert advice in found["postgres"].advice
    assert "hunter2" not in f"{found}"


async def test_a_login_that_is_refused_is_told(own: Own) -> None:
    """With where its password comes from."""
    found = await named(own.app.replace("chatsmart_app", "nobody_at_all"), own.admin)
    assert list(found) == ["postgres"]
    assert "nobody_at_all" in found["postgres"].found
    assert "password" in found["postgres"].advice


async def test_a_wrong_administrator_is_told_beside_the_rest(own: Own) -> None:
    """What the app's login can tell is told."""
    found = await named(own.app, "postgresql://postgres:hunter2@127.0.0.1:9/d")
    assert found["role"].status == "ok"
    assert "DATABASE_ADMIN_URL" in found["migrations"].advice
    assert "hunter2" not in f"{found}"


async def test_it_works_through_a_pooler_of_transactions(own: Own) -> None:
    """And finds the administrator's address wrong where that names one."""
    async with pooler(own.app) as door:
        found = await named(door.dsn, own.admin)
        assert {one.status for one in found.values()} == {"ok"}, found
        assert (found["pooler"].found, found["tls"].found) == (
            "none: the address names no pooler",
            "not needed: the address is this machine's",
        )
        assert await door.left() == []
        spoilt = await named(door.dsn, "postgresql://postgres@127.0.0.1:6543/d")
        assert spoilt["pooler"].status == "failed"
        assert "5432" in spoilt["pooler"].advice


async def test_a_wrong_password_is_told_with_where_it_comes_from(own: Own) -> None:
    """Neither the right one nor the wrong one is shown."""
    async with pooler(own.app) as door:
        door.password = "right-hunter2"
        found = await named(door.dsn.replace("@", ":wrong-hunter2@"), own.admin)
        assert list(found) == ["postgres"]
        assert "password authentication failed" in found["postgres"].found
        assert "chatsmart migrate" in found["postgres"].advice
        assert "hunter2" not in f"{found}"
        assert (await named(door.dsn.replace("@", ":right-hunter2@"), ""))["role"].status == "ok"


async def test_another_machine_that_speaks_no_tls_is_told(own: Own, tmp_path: Path) -> None:
    """Passwords and documents would travel in the open. Where it is spoken, the address should insist on it."""
    async with pooler(own.app, host="127.0.0.2") as door:
        assert (await named(door.dsn, ""))["tls"].status == "failed"
    _, context = certified(tmp_path / "certificates")
    async with pooler(own.app, host="127.0.0.2", tls=context) as door:
        spoken = (await named(door.dsn, ""))["tls"]
        assert (spoken.status, spoken.found) == ("ok", "spoken, not insisted on (sslmode=prefer)")
        assert "sslmode=require" in spoken.advice
        insisted = (await named(f"{door.dsn}?sslmode=require", ""))["tls"]
        assert (insisted.status, insisted.found) == ("ok", "sslmode=require")


POOLED = "postgresql://chatsmart_app.ref:x@aws-0-eu-central-1.pooler.supabase.com:"
DIRECT = "postgresql://postgres:x@db.ref.supabase.co:5432/postgres"


@pytest.mark.parametrize(
    ("app", "admin", "status", "said"),
    [
        (POOLED + "6543/postgres", DIRECT, "ok", "of transactions"),
        (POOLED + "6543/postgres", POOLED + "5432/postgres", "ok", "of transactions"),
        (POOLED + "5432/postgres", DIRECT, "failed", "of sessions"),
        (POOLED + "6543/postgres", POOLED + "6543/postgres", "failed", "DATABASE_ADMIN_URL"),
        ("postgresql://u@10.0.0.1:6432/d", DIRECT, "ok", "no prepared statement is kept"),
        (DIRECT, DIRECT, "ok", "own address"),
    ],
)
def test_each_address_is_at_the_port_that_works_for_it(app: str, admin: str, status: str, said: str) -> None:
    """The app's at the pooler of transactions, the administrator's at one that keeps its session."""
    found = pooler_finding(app, admin)
    assert found.status == status
    assert said in found.found
    assert bool(found.advice) is (status == "failed" or app == DIRECT)
