"""Redis over a network: TLS, passwords, proxies that hang up, servers that restart, wrong answers in words."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis as SyncRedis

from shared.adapters.clock import SystemClock
from shared.adapters.redis.address import BadAddress, address_of
from shared.adapters.redis.bus import RedisBus
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.inspect import inspect
from shared.adapters.redis.ledger import RedisLedger
from shared.adapters.redis.line import Script
from shared.core.faults import Unavailable
from shared.core.ids import TenantId
from shared.core.money import Micros
from tests.contract.samples import event, month, run
from tests.redis_relay import certified, relay
from tests.redis_servers import Server, asked, cluster, server

COUNT = Script("return tostring(redis.call('INCR', KEYS[1]))")
CAP = 1_000
_USER = ("--user", "app", "on", ">secret", "~*", "+@all")


async def nothing(*_: object) -> Micros:
    return Micros(0)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path / "redis") as one:
        yield one


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(url)
    try:
        yield connection
    finally:
        await connection.close()


async def fault(url: str) -> str:
    """What a start is told, by either way in."""
    async with connected(url) as connection:
        began = time.monotonic()
        with pytest.raises(Unavailable) as told:
            await connection.ready()
        with pytest.raises(Unavailable) as again:
            await connection.line.run(COUNT, ["k"], [])
        assert time.monotonic() - began < 12
        assert again.value.message == told.value.message
        return told.value.message


async def refusal(url: str) -> str:
    """What a start is told, once."""
    async with connected(url) as connection:
        with pytest.raises(Unavailable) as told:
            await connection.line.run(COUNT, ["k"], [])
        return told.value.message


async def test_tls_is_checked(redis: Server, tmp_path: Path) -> None:
    """Every adapter's way goes through it, where the authority is known; else nothing is sent."""
    ca, context = certified(tmp_path / "good")
    other, _ = certified(tmp_path / "other")
    async with relay(redis.port, context) as door:
        url = f"rediss://127.0.0.1:{door.port}/0"
        async with connected(f"{url}?ssl_ca_certs={ca}") as connection:
            await connection.ready()
            assert await connection.line.run(COUNT, ["tls"], []) == "1"
            bus = RedisBus(connection)
            await bus.publish(TenantId("t"), run(), [event(1, "started"), event(2, "finished")])
            assert [one.position async for one in bus.follow(TenantId("t"), run())] == [1, 2]
        assert "ssl_ca_certs" in await fault(f"{url}?ssl_ca_certs={other}")
        assert "ssl_ca_certs" in await fault(url)
        assert "rediss://" in await fault(f"redis://127.0.0.1:{door.port}/0")


async def test_an_expired_certificate_is_told(redis: Server, tmp_path: Path) -> None:
    """As that, and not as an authority that is not known."""
    ca, context = certified(tmp_path / "old", days=-1)
    async with relay(redis.port, context) as door:
        assert "has expired" in await fault(f"rediss://127.0.0.1:{door.port}/0?ssl_ca_certs={ca}")


async def test_tls_to_a_port_of_plain_text_is_told(redis: Server) -> None:
    """With what to write instead."""
    assert "redis://" in await fault(f"rediss://127.0.0.1:{redis.port}/0")


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_check_hostname=false"])
def test_checking_cannot_be_switched_off(query: str) -> None:
    """Not by the address either; and the refusal tells no password."""
    with pytest.raises(BadAddress) as refused:
        address_of(f"rediss://u:hush@h/0?{query}")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "redis://h/0?foo=1",
        "unix:///s?foo=1",
        "redis://h?ssl_ca_certs=/ca",
        "redis+cluster://h/3",
        "redis://h:port",
        "redis+cluster://",
        "h:6379",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """At once."""
    with pytest.raises(BadAddress):
        address_of(url)


async def test_passwords(tmp_path: Path) -> None:
    """User and password come from the address; a wrong one, or none, is told at once, and never shown."""
    with server(tmp_path / "r", "--requirepass", "right", *_USER) as redis:
        where = f"127.0.0.1:{redis.port}/0"
        for good in ("redis://:right@", "redis://app:secret@"):
            async with connected(good + where) as connection:
                await connection.ready()
                assert int(await connection.line.run(COUNT, ["k"], []))
        for bad in ("redis://:hush@", "redis://app:hush@"):
            message = await fault(bad + where)
            assert "password" in message
            assert "hush" not in message
        assert "wants a password" in await fault("redis://" + where)


async def test_a_restart_is_survived(redis: Server, tenant: TenantId) -> None:
    """On the same port, with every script forgotten: who asks afterwards is answered; who asked meanwhile was told."""
    async with connected(redis.url) as connection:
        ledger = RedisLedger(connection, SystemClock(), nothing)
        await ledger.hold(tenant, run(1), Micros(10), month(tenant, CAP))
        await asyncio.to_thread(redis.stop)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await ledger.hold(tenant, run(2), Micros(10), month(tenant, CAP))
        assert time.monotonic() - began < 10
        await asyncio.to_thread(redis.start)
        await ledger.hold(tenant, run(2), Micros(10), month(tenant, CAP))
        assert await ledger.settle(tenant, run(2), Micros(5))


async def test_idle_connections_that_a_proxy_closed_are_not_noticed(redis: Server, tenant: TenantId) -> None:
    """By no adapter: each connects again and goes on."""
    async with relay(redis.port) as door, connected(door.url) as connection:
        ledger, bus = RedisLedger(connection, SystemClock(), nothing), RedisBus(connection)
        for number in range(1, 4):
            await ledger.hold(tenant, run(number), Micros(10), month(tenant, CAP))
            await bus.publish(tenant, run(), [event(number)])
            door.hang_up()
            assert await ledger.settle(tenant, run(number), Micros(1))
        assert len(await bus.so_far(tenant, run())) == 3
        assert door.ever > 3


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
async def test_a_command_that_is_cut_is_done_once(redis: Server, tenant: TenantId, late: bool) -> None:
    """Whether the server had done it or not: no hold counts twice, no settlement is lost, no event is doubled."""
    async with relay(redis.port) as door, connected(door.url) as connection:
        ledger, bus = RedisLedger(connection, SystemClock(), nothing), RedisBus(connection)
        door.late = late
        await ledger.hold(tenant, run(1), Micros(1), month(tenant, CAP))
        for number in (2, 3):
            door.cut = b"EVAL"
            await ledger.hold(tenant, run(number), Micros(100), month(tenant, CAP))
        (now,) = await ledger.balance(tenant, month(tenant, CAP))
        assert (now.spent, now.held) == (0, 201)
        door.cut = b"EVAL"
        await ledger.settle(tenant, run(2), Micros(70))
        door.cut = b"XADD"
        await bus.publish(tenant, run(), [event(1), event(2)])
        assert [one.position for one in await bus.so_far(tenant, run())] == [1, 2]
        (now,) = await ledger.balance(tenant, month(tenant, CAP))
        assert now.held == 101
        assert door.cuts == 4


async def test_a_server_that_stalls_is_unavailable_in_time(redis: Server, tenant: TenantId) -> None:
    """Nobody waits for ever, and what comes late is nobody else's answer."""
    async with relay(redis.port) as door, connected(door.url) as connection:
        assert await connection.line.run(COUNT, [tenant], []) == "1"
        door.stalled = True
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await connection.line.run(COUNT, [tenant], [])
        assert time.monotonic() - began < 8
        door.stalled = False
        assert await connection.line.run(COUNT, [tenant], []) == "3"


async def test_a_replica_and_a_full_house_are_told(redis: Server, tmp_path: Path, tenant: TenantId) -> None:
    """A primary that became a replica is asked again by name, and told when it stays one; so is one without room."""
    async with connected(redis.url) as connection:
        await connection.ready()
        with server(tmp_path / "primary") as primary:
            await connection.commands.replicaof("127.0.0.1", primary.port)
            with pytest.raises(Unavailable, match="replica"):
                await connection.line.run(COUNT, [tenant], [])
            with pytest.raises(Unavailable, match="replica"):
                await RedisBus(connection).publish(tenant, run(), [event(1)])
            await connection.commands.replicaof("NO", "ONE")
            assert await connection.line.run(COUNT, [tenant], []) == "1"
        await connection.commands.config_set("maxclients", "1")
        # The server says so and hangs up: what reaches us first, its words or the end, is the network's to decide.
        told = [await refusal(redis.url) for _ in range(20)]
        assert any("no connection left" in message for message in told), told


async def test_a_cluster_is_said(redis: Server, tenant: TenantId) -> None:
    """One that is none is told so."""
    assert "no cluster" in await fault(f"redis+cluster://127.0.0.1:{redis.port}")


async def test_a_slot_that_moves_is_followed(tmp_path: Path) -> None:
    """While it moves, and after: by scripts and by commands; a node that is cut off is found again."""
    with (
        cluster(tmp_path / "nodes") as nodes,
        SyncRedis(port=nodes[0].port) as here,
        SyncRedis(port=nodes[1].port) as there,
    ):
        async with connected(f"redis+cluster://127.0.0.1:{nodes[2].port}") as connection:
            one, other = str(asked(here, "CLUSTER MYID").decode()), str(asked(there, "CLUSTER MYID").decode())
            assert await connection.line.run(COUNT, ["warm"], []) == "1"
            moved, moving = [key for n in range(200) if _slot(here, key := f"k{n}") < 5_000][:2]
            for client in (there, here):
                asked(client, "CLUSTER SETSLOT", _slot(here, moved), "NODE", other)
            asked(there, "CLUSTER SETSLOT", _slot(here, moving), "IMPORTING", one)
            asked(here, "CLUSTER SETSLOT", _slot(here, moving), "MIGRATING", other)
            assert await connection.line.run(COUNT, [moved], []) == "1"
            assert await connection.line.run(COUNT, [moving], []) == "1"
            assert await connection.commands.get(moved) == b"1"
            assert await connection.line.run(COUNT, [moved], []) == "2"
            here.client_kill_filter(_type="normal", skipme=True)
            there.client_kill_filter(_type="normal", skipme=True)
            assert await connection.line.run(COUNT, [moved], []) == "3"
            await asyncio.to_thread(nodes[1].stop)
            with pytest.raises(Unavailable):
                await connection.line.run(COUNT, [moved], [])


async def test_a_cluster_under_tls(tmp_path: Path, tenant: TenantId) -> None:
    """As the clouds' own have it: every node behind TLS at the address that it announces, the certificate checked."""
    ca, context = certified(tmp_path / "good")
    other, _ = certified(tmp_path / "other")
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(relay(0, context)) for _ in range(3)]
        announced = [door.port for door in doors]
        for door, node in zip(
            doors, stack.enter_context(cluster(tmp_path / "nodes", announced=announced)), strict=True
        ):
            door.target = node.port
        url = f"rediss+cluster://127.0.0.1:{doors[0].port}"
        async with connected(f"{url}?ssl_ca_certs={ca}") as connection:
            await connection.ready()
            for n in range(60):
                assert await connection.line.run(COUNT, [f"k{n}"], []) == "1"
                assert await connection.commands.get(f"k{n}") == b"1"
            bus = RedisBus(connection)
            await bus.publish(tenant, run(), [event(1, "started"), event(2, "finished")])
            assert [one.position async for one in bus.follow(tenant, run())] == [1, 2]
        assert all(door.ever for door in doors)
        assert "ssl_ca_certs" in await fault(f"{url}?ssl_ca_certs={other}")


async def answered(connection: RedisConnection) -> str:
    """What a script says, or why it says nothing."""
    try:
        return str(await connection.line.run(COUNT, ["kept"], []))
    except Unavailable as fault:
        return fault.message


async def test_a_server_that_is_still_loading_is_told(redis: Server) -> None:
    """Until it has its data again; nothing is lost by asking too early."""
    with SyncRedis(port=redis.port) as client:
        client.set("kept", "1")
        # A server that loads looks up after every two megabytes.
        client.config_set("rdbcompression", "no")
        asked(client, "DEBUG", "POPULATE", 400, "k", 64_000)
        client.save()
    async with connected(redis.url) as connection:
        await connection.ready()
        await asyncio.to_thread(redis.stop)
        slow = Server(redis.folder, "--key-load-delay", "10000", port=redis.port)
        try:
            await asyncio.to_thread(slow.start)
            with pytest.raises(Unavailable, match="still loading"):
                await connection.ready()
            async with asyncio.timeout(20):
                while (said := await answered(connection)) != "2":
                    assert "still loading" in said
        finally:
            await asyncio.to_thread(slow.stop)


def _slot(client: SyncRedis, key: str) -> int:
    return int(asked(client, "CLUSTER KEYSLOT", key))


async def test_what_doctor_is_told(redis: Server) -> None:
    """Version, TLS, kind, room and commands; of a Redis that is not there one sentence."""
    found = {one.name: one for one in await inspect(redis.url)}
    assert {one.status for one in found.values()} == {"ok"}
    assert "6.2" in found["redis"].what
    assert "noeviction" in found["redis memory"].what
    assert "plain text" in found["redis TLS"].what
    await asyncio.to_thread(redis.stop)
    (gone,) = await inspect(redis.url)
    assert (gone.status, gone.name) == ("failed", "redis")
    (bad,) = await inspect("rediss://u:hush@h/0?ssl_cert_reqs=none")
    assert bad.status == "failed"
    assert "hush" not in bad.what + bad.advice
