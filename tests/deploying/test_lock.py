"""One deploy at a time."""

import asyncio

import asyncpg
import pytest

from infra.deploying.lock import Lock
from infra.deploying.stopped import Stopped
from tests.stores import Addresses


async def test_a_second_deploy_is_refused_and_told_who_has_the_lock(addresses: Addresses) -> None:
    """Two at once would undo one another; once the first has ended, the second may."""
    first, second = Lock(addresses.admin, "staging"), Lock(addresses.admin, "staging")
    await first.take()
    try:
        with pytest.raises(Stopped, match=r"Another deploy of staging is going on .*since \d\d:\d\d"):
            await second.take()
    finally:
        await first.free()
    await second.take()
    await second.free()


async def _cut(addresses: Addresses) -> None:
    """End the sessions of deploys, as a restart of the server does."""
    admin = await asyncpg.connect(addresses.admin)
    try:
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'chatsmart deploy' and datname = current_database()"
        )
    finally:
        await admin.close()


async def test_a_lock_lost_with_the_database_is_taken_again(addresses: Addresses) -> None:
    """A restart in the middle of a deploy does not open the door to another."""
    lock, other = Lock(addresses.admin, "staging"), Lock(addresses.admin, "staging")
    await lock.take()
    await _cut(addresses)
    await lock.sure()
    try:
        with pytest.raises(Stopped):
            await other.take()
    finally:
        await lock.free()


async def test_a_lock_that_somebody_else_took_meanwhile_stops_us(addresses: Addresses) -> None:
    """Whoever was faster after the restart deploys; we stop."""
    lock, other = Lock(addresses.admin, "staging"), Lock(addresses.admin, "staging")
    await lock.take()
    await _cut(addresses)
    async with asyncio.timeout(5):
        await _taken(other)
    try:
        with pytest.raises(Stopped, match="Another deploy"):
            await lock.sure()
    finally:
        await other.free()
        await lock.free()


async def _taken(lock: Lock) -> None:
    while not lock.held:
        try:
            await lock.take()
        except Stopped:
            await asyncio.sleep(0.01)
