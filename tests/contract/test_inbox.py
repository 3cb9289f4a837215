"""What every `ports.inbox.Inbox` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.postgres.inbox import PostgresInbox
from shared.core.ids import TenantId
from shared.fakes.inbox import MemoryInbox
from shared.ports.inbox import Inbox, Notice
from tests.contract.samples import AT
from tests.stores import Stores


@pytest.fixture(params=["postgres", "memory"])
def inbox(request: pytest.FixtureRequest) -> Inbox:
    if request.param == "memory":
        return MemoryInbox()
    stores: Stores = request.getfixturevalue("stores")
    return PostgresInbox(stores.database)


def notice(source: str, name: str, seconds: int = 0, body: bytes = b'{"a": 1}\x00') -> Notice:
    return Notice(source, name, "invoice.paid", AT + timedelta(seconds=seconds), body)


async def test_a_notice_is_kept_once(inbox: Inbox, tenant: TenantId) -> None:
    """The first to come stands, byte for byte, whatever a repeat says."""
    first = notice(tenant, "evt_1")
    assert await inbox.put(first)
    assert not await inbox.put(replace(first, body=b"{}", received=AT + timedelta(days=1)))
    assert list(await inbox.waiting(tenant, 10)) == [first]


async def test_of_many_at_once_one_is_new(inbox: Inbox, tenant: TenantId) -> None:
    """Repeats that arrive together are one notice."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(inbox.put(notice(tenant, "evt_1"))) for _ in range(8)]
    assert sorted(task.result() for task in tasks) == [False] * 7 + [True]


async def test_what_waits_is_told_oldest_first(
    inbox: Inbox, tenant: TenantId, other_tenant: TenantId
) -> None:
    """At most as many as asked for, of this sender alone."""
    late, early, same = notice(tenant, "evt_1", 9), notice(tenant, "evt_2", 1), notice(tenant, "evt_0", 1)
    for one in (late, early, same, notice(other_tenant, "evt_3")):
        assert await inbox.put(one)
    assert list(await inbox.waiting(tenant, 10)) == [same, early, late]
    assert list(await inbox.waiting(tenant, 2)) == [same, early]
