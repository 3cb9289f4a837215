"""The embedded home: starts anywhere, survives being killed, is shared, and leaves nothing running."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.local import home as local_home
from shared.adapters.clock import SystemClock
from shared.adapters.embedded.home import Servers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.core.faults import Unavailable
from tests.structure.tree import ROOT

AS_ROOT = os.geteuid() == 0
HOLD = """
import sys
from pathlib import Path
from typing import Any
from shared.adapters.embedded.home import Servers
with Servers(Path(sys.argv[1]), durable=False) as servers:
    print(servers.postgres_dsn("postgres"), servers.redis_dsn(), flush=True)
    sys.stdin.read()
"""


def running(home: Path) -> list[psutil.Process]:
    """Every process that belongs to a home: each has it in its command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if (
            str(home) in line
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and process.pid != os.getpid()
        ):
            found.append(process)
    return found


def eventually(true: Callable[[], object], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(home: Path) -> bool:
    """Whether nothing runs: a process that has closed its files takes another moment to leave the table."""
    return eventually(lambda: not running(home), 2)


def servers_of(home: Path, name: str) -> list[psutil.Process]:
    """The home's servers of one kind, without the keeper."""
    return [process for process in running(home) if process.name() == name]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home's folder with a short name; nothing of it may be running at the end."""
    made = Path(tempfile.mkdtemp(prefix="csh-"))
    yield made / "h"
    quiet = eventually(lambda: not running(made))
    for process in running(made):
        process.kill()
    shutil.rmtree(made, ignore_errors=True)
    assert quiet, "servers were left running"


def hold(folder: Path, python: str = sys.executable, **more: object) -> "subprocess.Popen[str]":
    """Another process that uses the home until its stdin closes."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        [python, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        **more,
    )
    made: subprocess.Popen[str] = process
    return made


def let_go(process: "subprocess.Popen[str]") -> str:
    """Its last words on stderr."""
    _, errors = process.communicate(timeout=60)
    return errors


def dsns(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    found = process.stdout.readline().split()
    assert len(found) == 2, process.communicate(timeout=60)
    return found


async def ask(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def asked(dsn: str, statement: str) -> object:
    return asyncio.run(ask(dsn, statement))


def test_a_home_starts_twice_and_keeps_its_data(folder: Path) -> None:
    """The second start is quick and finds what the first left, in both stores."""

    async def remember(url: str) -> object:
        redis = Redis.from_url(url, protocol=2)
        try:
            return await redis.incr("times")
        finally:
            await redis.aclose()

    for time_ in (1, 2, 3):
        with Servers(folder) as servers:
            asked(servers.postgres_dsn("postgres"), "create table if not exists times (n int)")
            asked(servers.postgres_dsn("postgres"), "insert into times values (1)")
            assert asked(servers.postgres_dsn("postgres"), "select count(*) from times") == time_
            assert asyncio.run(remember(servers.redis_dsn())) == time_
        assert gone(folder)


def test_nothing_listens_on_a_network(folder: Path) -> None:
    """Unix sockets in a folder that other users can't enter, and data that they can't read."""
    with Servers(folder, durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "show listen_addresses") == ""
        for process in running(folder):
            assert not [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        for private in (
            folder / "postgres",
            folder / "redis",
            folder / "logs",
            folder / "run" / "pg",
            folder / "run" / "rd",
        ):
            assert private.stat().st_mode & 0o077 == 0, private


def test_it_has_pgvector_and_what_streams_need(folder: Path) -> None:
    """The two extensions of the smallest home: vector in Postgres, streams and Lua in Redis."""

    async def redis_can(url: str) -> None:
        redis = Redis.from_url(url, protocol=2)
        try:
            await redis.xadd("s", {"a": "b"}, id="7-0")
            assert await redis.eval("return redis.call('XLEN', KEYS[1])", 1, "s") == 1
        finally:
            await redis.aclose()

    with Servers(folder, durable=False) as servers:
        dsn = servers.postgres_dsn("postgres")
        asked(dsn, "create extension vector")
        assert asked(dsn, "select '[1,2]'::vector <-> '[1,3]'::vector") == 1
        asyncio.run(redis_can(servers.redis_dsn()))


def test_a_user_that_is_killed_takes_the_servers_with_it(folder: Path) -> None:
    """kill -9 of the only user: the keeper ends both servers."""
    user = hold(folder)
    dsns(user)
    user.kill()
    let_go(user)
    assert eventually(lambda: not running(folder))


def test_a_keeper_that_is_killed_takes_the_servers_with_it(folder: Path) -> None:
    """kill -9 of the keeper: the system tells the servers; the user finds out, and a new start works."""
    servers = Servers(folder, durable=False)
    servers.start()
    keeper = next(one for one in running(folder) if "keeper" in " ".join(one.cmdline()))
    keeper.kill()
    assert eventually(lambda: not running(folder))
    servers.stop()
    with Servers(folder, durable=False) as again:
        assert asked(again.postgres_dsn("postgres"), "select 1") == 1


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.15, 0.4])
def test_a_start_after_everything_was_killed(folder: Path, pause: float) -> None:
    """kill -9 of every process of the home, at any moment of its first start: the next start works."""
    user = hold(folder)
    if pause:
        time.sleep(pause)
    else:
        dsns(user)
        asked_before = Servers(folder, durable=False)
        asked_before.start()
        asked(asked_before.postgres_dsn("postgres"), "create table kept as select 1 as one")
        asked_before.stop()
    for _ in range(3):
        for process in [psutil.Process(user.pid), *running(folder)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
    let_go(user)
    with Servers(folder, durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1
        if not pause:
            assert asked(servers.postgres_dsn("postgres"), "select one from kept") == 1


def test_stale_files_do_not_keep_it_from_starting(folder: Path) -> None:
    """Pid files that name a living stranger, old sockets, half a database: what a restarted container finds."""
    with Servers(folder, durable=False):
        pass
    (folder / "postgres" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{folder}/postgres\n1\n5432\n/nowhere\n\n0 0\nready\n"
    )
    (folder / "redis" / "redis.pid").write_text(f"{os.getpid()}\n")
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("1\n")
    (folder / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "run" / "keeper"))
    with Servers(folder, durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1


def test_two_homes_side_by_side(folder: Path) -> None:
    """Two copies of the program know nothing of each other."""
    one, other = folder / "one", folder / "other"
    with Servers(one, durable=False) as first, Servers(other, durable=False) as second:
        asked(first.postgres_dsn("postgres"), "create table mine (n int)")
        assert asked(second.postgres_dsn("postgres"), "select to_regclass('mine')") is None
        assert first.redis_dsn() != second.redis_dsn()


def test_processes_of_one_home_share_it(folder: Path) -> None:
    """Even when they start at once; the servers stay until the last one leaves."""
    users = [hold(folder) for _ in range(4)]
    found = [dsns(user) for user in users]
    assert all(one == found[0] for one in found)
    assert len(servers_of(folder, "redis-server")) == 1
    for user in users[:-1]:
        assert let_go(user) == ""
    assert asked(found[0][0], "select 1") == 1
    assert let_go(users[-1]) == ""
    assert gone(folder)


def test_an_interrupt_from_the_keyboard_does_not_reach_the_servers(folder: Path) -> None:
    """Ctrl-C goes to the program, which ends its work first and its servers last."""
    user = hold(folder, start_new_session=True)
    dsn = dsns(user)[0]
    with Servers(folder, durable=False):
        os.killpg(user.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in let_go(user)
        assert asked(dsn, "select 1") == 1


@pytest.mark.parametrize("name", ["postgres", "redis-server"])
def test_a_server_that_dies_is_started_again(folder: Path, name: str) -> None:
    """Killed for memory, for instance: the addresses stay."""
    with Servers(folder, durable=False) as servers:
        before = servers_of(folder, name)
        before[0].kill()
        dsn = servers.postgres_dsn("postgres")

        def back() -> bool:
            try:
                asyncio.run(both(dsn, servers.redis_dsn()))
            except (OSError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            return bool(set(servers_of(folder, name)) - set(before))

        assert eventually(back)


async def both(dsn: str, url: str) -> None:
    await ask(dsn, "select 1")
    redis = Redis.from_url(url, protocol=2)
    try:
        await redis.exists("x")
    finally:
        await redis.aclose()


def test_a_home_with_a_long_path(folder: Path) -> None:
    """A socket's path holds about a hundred bytes: then sockets lie elsewhere, and are gone afterwards."""
    deep = folder / ("d" * 100) / ("e" * 100)
    with Servers(deep, durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1
        sockets = Path((deep / "run.path").read_text())
        assert deep not in sockets.parents
    assert not sockets.exists()


def test_a_home_with_an_awkward_name(folder: Path) -> None:
    """Spaces, quotes, percent signs and other scripts."""
    with Servers(folder / "a b'c%20\"ü", durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1
        asyncio.run(both(servers.postgres_dsn("postgres"), servers.redis_dsn()))


def test_data_of_another_postgres_is_refused_in_words(folder: Path) -> None:
    """Never started upon, never removed."""
    with Servers(folder, durable=False):
        pass
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Unavailable, match="made by Postgres 16"):
        Servers(folder, durable=False).start()
    assert (folder / "postgres" / "base").exists()


def test_an_ephemeral_home_vanishes(folder: Path) -> None:
    """With its last user, killed or not."""
    with Servers(folder, durable=False, ephemeral=True):
        assert folder.exists()
    assert not folder.exists()


def test_a_stopped_home_says_so(folder: Path) -> None:
    """Addresses are known while it runs."""
    servers = Servers(folder)
    with pytest.raises(Unavailable, match="not started"):
        servers.postgres_dsn("postgres")
    with pytest.raises(Unavailable, match="not started"):
        servers.down("redis")
    servers.stop()


def stranger() -> pwd.struct_passwd:
    """An ordinary user, for tests that run as root."""
    return pwd.getpwnam("nobody")


def python_for_everybody() -> str:
    """An interpreter of this version that an ordinary user may run; skips loudly where there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        tried = (
            subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info[:2])"],
                user=stranger().pw_uid,
                group=stranger().pw_gid,
                extra_groups=[],
                capture_output=True,
                text=True,
                cwd="/",
            )
            if Path(candidate).exists() and reachable(candidate)
            else None
        )
        if tried is not None and tried.stdout.strip() == str(sys.version_info[:2]):
            return candidate
    pytest.skip("no Python of this version that an ordinary user may run")


def reachable(path: str) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in Path(path).resolve().parents)


@pytest.mark.skipif(not AS_ROOT, reason="these tests already run as an ordinary user")
def test_an_ordinary_user_has_a_home(folder: Path) -> None:
    """Twice in a row; and what root made, another user is refused in words."""
    python = python_for_everybody()
    who = {"user": stranger().pw_uid, "group": stranger().pw_gid, "extra_groups": []}
    folder.parent.chmod(0o755)
    folder.mkdir()
    os.chown(folder, stranger().pw_uid, stranger().pw_gid)
    for _ in range(2):
        user = hold(folder, python, **who)
        dsns(user)
        assert {one.username() for one in running(folder)} == {"nobody"}
        assert let_go(user) == ""
    with Servers(folder, durable=False) as servers:  # root may, and what it starts runs as the data's owner
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1
    with Servers(folder.parent / "roots", durable=False):
        pass
    refused = hold(folder.parent / "roots", python, **who)
    assert "belongs to another user" in let_go(refused)


@pytest.mark.skipif(not AS_ROOT, reason="only root can be asked to lower itself")
def test_root_lends_an_account_without_opening_folders(folder: Path) -> None:
    """A home below a folder that only root may enter works, and the folder stays shut."""
    shut = folder.parent
    shut.chmod(0o700)
    with Servers(folder, durable=False) as servers:
        assert asked(servers.postgres_dsn("postgres"), "select 1") == 1
        owners = {one.username() for one in running(folder) if "keeper" not in " ".join(one.cmdline())}
        assert "root" not in owners
    assert shut.stat().st_mode & 0o777 == 0o700


async def test_make_ups_home_seeds_once(folder: Path) -> None:
    """The same tenant and the same key at every start; the key is readable by its owner alone."""
    keys = []
    for _ in range(2):
        async with local_home(folder) as home:
            keys.append(home.key)
            database = await Database.open(home.database_url)
            try:
                listed = await PostgresKeys(database).listed(home.tenant, None, 10)
            finally:
                await database.close()
            assert len(listed) == 1
            assert listed[0].hint == home.key[-4:]
    assert keys[0] == keys[1]
    assert keys[0].startswith("cs_")
    for name in ("key", "secret.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


async def test_two_first_starts_at_once_agree(folder: Path) -> None:
    """Both make the same home."""

    async def visit(ready: asyncio.Barrier) -> str:
        async with local_home(folder) as home:
            await ready.wait()
            return home.key

    barrier = asyncio.Barrier(2)
    async with asyncio.TaskGroup() as group:
        visits = [group.create_task(visit(barrier)) for _ in range(2)]
    assert visits[0].result() == visits[1].result()


async def test_a_home_takes_addresses_that_are_given(folder: Path) -> None:
    """Nothing is started for a store whose address is set; the database is migrated and seeded all the same."""
    async with local_home(folder / "servers") as servers:
        given: dict[str, Any] = {
            "database_url": servers.database_url,
            "database_admin_url": servers.database_admin_url,
            "redis_url": servers.redis_url,
        }
        async with local_home(folder / "guest", **given) as guest:
            assert guest.servers is None
            assert (guest.database_url, guest.redis_url) == (servers.database_url, servers.redis_url)
            assert guest.key != servers.key
            database = await Database.open(guest.database_url)
            try:
                listed = await PostgresKeys(database).listed(guest.tenant, None, 10)
            finally:
                await database.close()
            assert len(listed) == 2
            assert all(key.created <= SystemClock().now() for key in listed)


async def test_a_revoked_demo_key_is_replaced(tmp_path: Path) -> None:
    """Whoever starts the home owns it: a start whose key was revoked makes a new one that works."""
    async with local_home(tmp_path / "home") as first:
        database = await Database.open(first.database_url, size=1)
        keys = PostgresKeys(database)
        known = await keys.principal(sha256(first.key.encode()).digest(), SystemClock().now())
        assert known is not None
        assert known.key is not None
        await keys.revoke(first.tenant, known.key, SystemClock().now())
        await database.close()
    async with local_home(tmp_path / "home") as second:
        assert second.key != first.key
        database = await Database.open(second.database_url, size=1)
        keys = PostgresKeys(database)
        assert await keys.principal(sha256(second.key.encode()).digest(), SystemClock().now()) is not None
        await database.close()
