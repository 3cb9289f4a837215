"""Migrations are applied once, in order, whole, and history is not rewritten."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.migrate import MIGRATIONS, CannotMigrate, Interrupted, found, migrate
from shared.adapters.clock import RandomIds
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.address import pooled
from shared.adapters.postgres.database import Database
from shared.core.faults import OurFault
from tests.postgres_pooler import pooler
from tests.stores import Addresses, place
from tests.structure.tree import ROOT

ONE = "20260101000001_one.sql"
TWO = "20260101000002_two.sql"
THREE = "20260101000003_three.sql"


@pytest.fixture
async def empty(addresses: Addresses) -> AsyncIterator[str]:
    """The superuser's address of a database with nothing in it."""
    name = f"empty_{RandomIds().uuid().hex[-12:]}"
    connection = await asyncpg.connect(addresses.admin)
    await connection.execute(f'create database "{name}" template template0')
    head, _, query = addresses.admin.partition("?")
    yield f"{head.rsplit('/', 1)[0]}/{name}?{query}"
    await connection.execute(f'drop database "{name}" with (force)')
    await connection.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / ONE).write_text("create table one (n int);\ninsert into one values (1);\n")
    (tmp_path / TWO).write_text(
        "alter table one add m int;\ncreate function f() returns int language sql as $$ select 1; $$;\n"
    )
    return tmp_path


async def ask(dsn: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def test_each_is_applied_once_in_order(empty: str, files: Path) -> None:
    """And a later run applies what is new."""
    assert await migrate(empty, folder=files) == [ONE, TWO]
    assert await migrate(empty, folder=files) == []
    (files / THREE).write_text("insert into one values (3, 3);")
    assert await migrate(empty, folder=files) == [THREE]
    assert await ask(empty, "select n from one order by n") == [(1,), (3,)]


async def test_the_record_is_the_supabase_clis(empty: str, files: Path) -> None:
    """Version, name and statements, so that the CLI sees what is applied."""
    await migrate(empty, folder=files)
    rows = await ask(
        empty, "select version, name, statements from supabase_migrations.schema_migrations order by 1"
    )
    assert rows == [
        ("20260101000001", "one", [(files / ONE).read_text()]),
        ("20260101000002", "two", [(files / TWO).read_text()]),
    ]


async def test_what_the_cli_applied_is_not_applied_again(empty: str, files: Path) -> None:
    """Its record has no checksum of ours: the file as it is now becomes the record."""
    await migrate(empty, folder=files)
    await ask(empty, "delete from chatsmart_migrations.checksums")
    assert await migrate(empty, folder=files) == []
    (files / ONE).write_text("-- changed\n")
    with pytest.raises(CannotMigrate, match=ONE):
        await migrate(empty, folder=files)


async def test_a_failure_half_way_leaves_nothing_of_its_file(empty: str, files: Path) -> None:
    """The files before it stay, its own statements go, and the message names file, line and reason."""
    (files / TWO).write_text(
        "create table half (n int);\ninsert into half values (1);\n\nselect 1 / 0 from nowhere;\n"
    )
    (files / THREE).write_text("create table three (n int);")
    with pytest.raises(CannotMigrate, match=f'{TWO}, line 4: relation "nowhere" does not exist') as caught:
        await migrate(empty, folder=files)
    assert "Nothing of this file was applied" in str(caught.value)
    assert await ask(
        empty, "select to_regclass('one')::text, to_regclass('half')::text, to_regclass('three')::text"
    ) == [("one", None, None)]
    (files / TWO).write_text("create table half (n int);")
    assert await migrate(empty, folder=files) == [TWO, THREE]


async def test_edited_history_is_refused(empty: str, files: Path) -> None:
    """Naming the file; nothing later is applied either. Line ends don't count."""
    await migrate(empty, folder=files)
    text = (files / ONE).read_text()
    (files / ONE).write_bytes(text.replace("\n", "\r\n").encode())
    assert await migrate(empty, folder=files) == []
    (files / ONE).write_text(text + " ")
    (files / THREE).write_text("create table three (n int);")
    with pytest.raises(CannotMigrate, match=f"{ONE} was changed after it was applied"):
        await migrate(empty, folder=files)
    assert await ask(empty, "select to_regclass('three')::text") == [(None,)]


async def test_a_file_that_arrives_late_is_refused(empty: str, files: Path) -> None:
    """A version between two that are applied would run in another order elsewhere."""
    (files / THREE).write_text("select 1;")
    (files / TWO).rename(files / "two.later")
    await migrate(empty, folder=files)
    (files / "two.later").rename(files / TWO)
    with pytest.raises(CannotMigrate, match=f"{TWO} is not applied, and the later {THREE} is"):
        await migrate(empty, folder=files)


async def test_a_file_that_is_gone_is_missed(empty: str, files: Path) -> None:
    """The database is newer than this checkout."""
    await migrate(empty, folder=files)
    (files / TWO).unlink()
    with pytest.raises(
        CannotMigrate, match="20260101000002 was applied to this database, and its file is gone"
    ):
        await migrate(empty, folder=files)


@pytest.mark.parametrize(
    "name", ["one.sql", "2026_one.sql", "20260101000004_Upper.sql", "20260101000004.sql"]
)
def test_a_name_that_the_cli_would_not_take_is_refused(files: Path, name: str) -> None:
    """Rather than left out in silence."""
    (files / name).write_text("select 1;")
    with pytest.raises(CannotMigrate, match=name):
        found(files)


def test_a_version_is_used_once(files: Path) -> None:
    """Two branches that chose the same time meet here."""
    (files / "20260101000002_other.sql").write_text("select 1;")
    with pytest.raises(CannotMigrate, match="same version 20260101000002"):
        found(files)


@pytest.mark.parametrize("statement", ["commit;", "  BEGIN ;", "rollback;", "start transaction;"])
def test_a_file_has_no_transaction_of_its_own(files: Path, statement: str) -> None:
    """It would end ours, and half a file could stay."""
    (files / THREE).write_text(f"create table t (n int);\n{statement}\nselect 1;\n")
    with pytest.raises(CannotMigrate, match="opens or ends a transaction"):
        found(files)


async def test_migrators_side_by_side_apply_each_file_once(empty: str, files: Path) -> None:
    """Several deployments at once: together they apply all, none twice."""
    for number in range(3, 12):
        (files / f"202601010000{number:02}_more.sql").write_text(
            "insert into one values (7); select pg_sleep(0.01);"
        )
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(migrate(empty, folder=files)) for _ in range(4)]
    applied = sorted(name for one in runs for name in one.result())
    assert applied == [one.path.name for one in found(files)]
    assert len(applied) == 11
    assert await ask(empty, "select count(*) from one where n = 7") == [(9,)]


async def test_only_an_administrator_migrates(addresses: Addresses) -> None:
    """An owner that forced row-level security binds would make functions that find nothing."""
    with pytest.raises(CannotMigrate, match="BYPASSRLS"):
        await migrate(addresses.app)


async def test_a_postgres_of_ones_own_is_given_the_roles_first(testrun_uid: str, worker_id: str) -> None:
    """One that is no Supabase project is told how, and is then as good as one."""
    with Servers(
        place(testrun_uid, f"{worker_id}b"), names=("postgres",), durable=False, ephemeral=True
    ) as bare:
        admin = bare.postgres_dsn("postgres")
        with pytest.raises(CannotMigrate, match=r"psql .* -f (\S+/supabase\.sql)") as told:
            await migrate(admin)
        file = re.search(r"-f (\S+)", str(told.value))
        assert file is not None
        connection = await asyncpg.connect(admin)
        await connection.execute((ROOT / file[1].rstrip(",")).read_text("utf-8"))
        await connection.close()
        assert len(await migrate(admin)) == len(found())


async def test_the_apps_password_comes_from_its_address(addresses: Addresses) -> None:
    """Set where the address has one; it never stands in a file."""
    held = "select rolpassword from pg_authid where rolname = 'chatsmart_app'"
    assert await migrate(addresses.admin, app_dsn="postgresql://chatsmart_app@host/db") == []
    try:
        await migrate(addresses.admin, app_dsn="postgresql://chatsmart_app:p%40ss'w@host/db")
        assert str((await ask(addresses.admin, held))[0][0]).startswith("SCRAM-SHA-256$")
    finally:
        await ask(addresses.admin, "alter role chatsmart_app password null")


async def test_our_migrations_are_the_ones_that_are_applied(addresses: Addresses) -> None:
    """The database that every other test uses holds exactly the files of this checkout."""
    rows = await ask(
        addresses.admin, "select version, name from supabase_migrations.schema_migrations order by 1"
    )
    assert [f"{version}_{name}.sql" for version, name in rows] == [one.path.name for one in found(MIGRATIONS)]


async def test_a_database_without_migrations_is_refused_in_words(empty: str) -> None:
    """Whoever forgot to migrate is told so."""
    with pytest.raises(OurFault, match="apply the migrations first"):
        await Database.open(empty.replace("postgres@", "chatsmart_app@"))


async def test_each_file_is_told_as_it_is_applied(empty: str, files: Path) -> None:
    """Not only at the end: whoever watches a long one sees where it is."""
    seen: list[list[tuple[object, ...]]] = []
    told: list[str] = []
    (files / THREE).write_text("select 1 / 0;")
    with pytest.raises(CannotMigrate, match=f"Applied and kept: {ONE}, {TWO}. Not applied: {THREE}."):
        await migrate(empty, folder=files, tell=told.append)
    assert told == [ONE, TWO]
    seen.append(await ask(empty, "select count(*) from supabase_migrations.schema_migrations"))
    assert seen == [[(2,)]]


async def test_a_database_that_goes_away_half_way_is_told_with_what_is_applied(
    empty: str, files: Path
) -> None:
    """What is applied, what is not, and that it may be asked again; and again goes on from there."""
    (files / TWO).write_text("alter table one add m int;\nselect pg_sleep(30);\n")
    (files / THREE).write_text("select 1;")
    told: list[str] = []

    async def restart() -> None:
        await ask(
            empty,
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()",
        )

    def tell(name: str) -> None:
        told.append(name)

    work = asyncio.ensure_future(migrate(empty, folder=files, tell=tell))
    while not work.done():
        await asyncio.sleep(0.02)
        if told:
            await restart()
    with pytest.raises(Interrupted) as caught:
        await work
    said = str(caught.value)
    assert f"Applied and kept: {ONE}. Not applied: {TWO} and the 1 after it." in said
    assert "Run it again" in said
    assert (
        await ask(empty, "select 1 from pg_attribute where attrelid = 'one'::regclass and attname = 'm'")
        == []
    )
    (files / TWO).write_text("alter table one add m int;")
    assert await migrate(empty, folder=files) == [TWO, THREE]


@pytest.mark.parametrize("late", [False, True])
async def test_a_file_whose_end_is_not_known_is_told_so(empty: str, files: Path, late: bool) -> None:
    """The connection is lost as it commits: only the next run can tell, and applies it once either way."""
    (files / ONE).write_text("create table one (n int); insert into one values (1);")
    (files / TWO).unlink()
    async with pooler(empty) as door:
        door.cut, door.late = b"COMMIT", late
        with pytest.raises(Interrupted, match=f"{ONE} was being committed: whether it is applied"):
            await migrate(door.dsn, folder=files)
        door.cut = b""
        assert await migrate(door.dsn, folder=files) == ([] if late else [ONE])
    assert await ask(empty, "select n from one") == [(1,)]


async def test_who_waits_for_another_migrator_says_so_and_gives_up(empty: str, files: Path) -> None:
    """A migrator that hangs does not hang the next one for ever."""
    (files / TWO).write_text("select pg_sleep(1);")
    started, told = asyncio.Event(), list[str]()
    first = asyncio.ensure_future(migrate(empty, folder=files, tell=lambda _: started.set()))
    await started.wait()
    sleeping = "select 1 from pg_stat_activity where query = 'select pg_sleep(1);'"
    while not await ask(empty, sleeping):  # noqa: ASYNC110 - the server tells nobody when it begins a statement
        await asyncio.sleep(0.01)
    with pytest.raises(CannotMigrate, match=r"Another migrator has been at work for 0\.05 seconds"):
        await migrate(empty, folder=files, tell=told.append, patience=0.05)
    assert told == ["waiting: another migrator is at work"]
    assert await migrate(empty, folder=files) == []
    assert await first == [ONE, TWO]


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://postgres.ref:pw@aws-0-eu.pooler.supabase.com:6543/postgres",
        "postgresql://postgres:pw@host:6543",
        "postgresql:///db?host=h&port=6543",
    ],
)
async def test_a_pooler_of_transactions_is_no_administrators_way(dsn: str, files: Path) -> None:
    """It is refused before anything is asked of it, with the port that will do."""
    with pytest.raises(CannotMigrate, match=r"port 6543.*Name port 5432"):
        await migrate(dsn, folder=files)


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:6543@h:5432/d", "postgresql://h/6543", "postgresql:///d?host=/6543&port=5432"]
)
def test_another_6543_is_no_port(dsn: str) -> None:
    """A password or a name may hold it."""
    assert not pooled(dsn)
