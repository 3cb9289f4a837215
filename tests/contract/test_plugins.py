"""What every store of plugins, of their versions, secrets and calls promises."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from shared.adapters.postgres.plugins import (
    PostgresPluginCalls,
    PostgresPlugins,
    PostgresPluginSecrets,
    PostgresPluginVersions,
)
from shared.core.faults import Conflict
from shared.core.ids import RunId, TenantId, TraceId
from shared.fakes.plugins import MemoryPluginCalls, MemoryPlugins, MemoryPluginSecrets, MemoryPluginVersions
from shared.ports.plugins import (
    Called,
    Grants,
    Kind,
    Manifest,
    PluginCalls,
    Plugins,
    PluginSecrets,
    PluginVersions,
    Remote,
    Version,
)
from tests.contract.samples import AT
from tests.stores import Stores

LATER = AT + timedelta(minutes=1)


@dataclass(frozen=True)
class Shelf:
    """The four stores over one place."""

    plugins: Plugins
    versions: PluginVersions
    secrets: PluginSecrets
    calls: PluginCalls


@pytest.fixture(params=["postgres", "memory"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "memory":
        plugins = MemoryPlugins()
        return Shelf(plugins, MemoryPluginVersions(plugins), MemoryPluginSecrets(), MemoryPluginCalls())
    stores: Stores = request.getfixturevalue("stores")
    database = stores.database
    return Shelf(
        PostgresPlugins(database),
        PostgresPluginVersions(database),
        PostgresPluginSecrets(database),
        PostgresPluginCalls(database),
    )


def version(
    tenant: TenantId, name: str = "news", kind: Kind = "source", source: str = "pass  # ünï"
) -> Version:
    """Every field set."""
    manifest = Manifest(
        kind=kind,
        grants=Grants(("a.example", "*.b.example"), ("key",), 2.5, 32, 3),
        events=("document.finished",),
        remote=Remote("https://a.example/mcp", ("find",), {"Authorization": "Bearer {{secret:key}}"}, "q"),
        input_schema={"type": "object"},
        output_schema={"type": "array", "items": {}},
    )
    return Version(tenant, name, 0, source, "ab" * 32, manifest, AT, "key_1")


async def test_what_is_added_is_got(shelf: Shelf, tenant: TenantId) -> None:
    """Every field, under the number 1, active and enabled; nothing before."""
    assert await shelf.plugins.get(tenant, "news") is None
    assert await shelf.versions.get(tenant, "news") is None
    made = await shelf.plugins.add(version(tenant), activate=False)
    assert (made.active, made.latest, made.enabled, made.kind) == (1, 1, True, "source")
    assert await shelf.plugins.get(tenant, "news") == made
    expected = replace(version(tenant), number=1)
    assert await shelf.versions.get(tenant, "news") == expected
    assert await shelf.versions.get(tenant, "news", 1) == expected
    assert await shelf.versions.get(tenant, "news", 2) is None


async def test_a_further_version_is_called_where_it_is_to_be(shelf: Shelf, tenant: TenantId) -> None:
    """Numbers go up; the active one stays unless the new one is activated."""
    await shelf.plugins.add(version(tenant), activate=True)
    kept = await shelf.plugins.add(version(tenant, source="two"), activate=False)
    assert (kept.active, kept.latest) == (1, 2)
    moved = await shelf.plugins.add(version(tenant, source="three"), activate=True)
    assert (moved.active, moved.latest) == (3, 3)
    found = await shelf.versions.listed(tenant, "news", None, 2)
    assert [(one.number, one.source) for one in found] == [(3, "three"), (2, "two")]
    assert [one.number for one in await shelf.versions.listed(tenant, "news", 2, 9)] == [1]


async def test_versions_that_come_at_once_get_numbers_of_their_own(shelf: Shelf, tenant: TenantId) -> None:
    """None is lost, none is written over."""
    await asyncio.gather(
        *(shelf.plugins.add(version(tenant, source=f"{n}"), activate=True) for n in range(8))
    )
    found = await shelf.versions.listed(tenant, "news", None, 20)
    assert [one.number for one in found] == list(range(8, 0, -1))
    assert {one.source for one in found} == {f"{n}" for n in range(8)}


async def test_a_plugin_keeps_its_kind(shelf: Shelf, tenant: TenantId) -> None:
    """A version of another kind is a conflict, and nothing of it is stored."""
    await shelf.plugins.add(version(tenant), activate=True)
    with pytest.raises(Conflict):
        await shelf.plugins.add(version(tenant, kind="action"), activate=True)
    assert [one.number for one in await shelf.versions.listed(tenant, "news", None, 9)] == [1]


async def test_a_plugin_is_switched(shelf: Shelf, tenant: TenantId) -> None:
    """Off and on, and to any version that there is; to no other."""
    for _ in range(2):
        await shelf.plugins.add(version(tenant), activate=True)
    off = await shelf.plugins.change(tenant, "news", LATER, enabled=False)
    assert off is not None
    assert (off.enabled, off.active, off.changed, off.created) == (False, 2, LATER, AT)
    back = await shelf.plugins.change(tenant, "news", LATER, active=1)
    assert back is not None
    assert (back.enabled, back.active) == (False, 1)
    assert (await shelf.plugins.change(tenant, "news", LATER, enabled=True) or off).enabled
    assert await shelf.plugins.change(tenant, "news", LATER, active=3) is None
    assert await shelf.plugins.change(tenant, "other", LATER, enabled=True) is None
    assert (await shelf.plugins.get(tenant, "news") or off).active == 1


async def test_the_enabled_ones_are_the_active_versions(shelf: Shelf, tenant: TenantId) -> None:
    """Of the kinds that are asked for, by name."""
    for name, kind in (("b", "source"), ("a", "mcp"), ("c", "action"), ("d", "source")):
        await shelf.plugins.add(version(tenant, name, kind), activate=True)  # type: ignore[arg-type]
    await shelf.plugins.add(version(tenant, "b", source="two"), activate=False)
    await shelf.plugins.change(tenant, "d", LATER, enabled=False)
    found = await shelf.versions.enabled(tenant, ("source", "mcp"))
    assert [(one.name, one.number) for one in found] == [("a", 1), ("b", 1)]


async def test_pages_go_from_the_newest_on(shelf: Shelf, tenant: TenantId) -> None:
    """Past the cursor; a cursor that names nothing ends the list."""
    for number, name in enumerate(("a", "b", "c")):
        await shelf.plugins.add(
            replace(version(tenant, name), made=AT + timedelta(seconds=number)), activate=True
        )
    assert [one.name for one in await shelf.plugins.listed(tenant, None, 2)] == ["c", "b"]
    assert [one.name for one in await shelf.plugins.listed(tenant, "b", 2)] == ["a"]
    assert not await shelf.plugins.listed(tenant, "zzz", 2)


async def test_a_removed_plugin_is_gone_with_its_versions(shelf: Shelf, tenant: TenantId) -> None:
    """Once: a second removal finds nothing; a new one of that name begins at 1."""
    for _ in range(2):
        await shelf.plugins.add(version(tenant), activate=True)
    assert await shelf.plugins.remove(tenant, "news")
    assert await shelf.versions.get(tenant, "news", 1) is None
    assert not await shelf.versions.enabled(tenant, ("source",))
    assert not await shelf.plugins.remove(tenant, "news")
    assert (await shelf.plugins.add(version(tenant, kind="action"), activate=True)).latest == 1


async def test_secrets_are_put_and_taken_by_name(shelf: Shelf, tenant: TenantId) -> None:
    """A second put replaces the first; names are told, and bytes only to who asks for them by name."""
    assert not await shelf.secrets.names(tenant)
    await shelf.secrets.put(tenant, "key", b"one", AT)
    await shelf.secrets.put(tenant, "key", bytes(range(256)), LATER)
    await shelf.secrets.put(tenant, "a", b"two", AT)
    assert await shelf.secrets.names(tenant) == (("a", AT), ("key", LATER))
    assert await shelf.secrets.sealed(tenant, ("key", "none")) == {"key": bytes(range(256))}
    assert await shelf.secrets.sealed(tenant, ()) == {}
    assert await shelf.secrets.remove(tenant, "key")
    assert not await shelf.secrets.remove(tenant, "key")
    assert await shelf.secrets.sealed(tenant, ("key",)) == {}


def called(tenant: TenantId, number: int, plugin: str = "news") -> Called:
    """Every field set."""
    return Called(
        id=f"call_{number:032x}",
        tenant=tenant,
        plugin=plugin,
        version=2,
        sha256="cd" * 32,
        purpose="source",
        actor="key_1",
        trace=TraceId("ab" * 16),
        run=RunId("doc_" + "ab" * 16),
        at=AT,
        input_sha256="ef" * 32,
        outcome="plugin_failed",
        message="KeyError: 'ü'",
        ms=12,
        hosts=("a.example", "b.example"),
        fetches=3,
        size=2**40,
        attempt=2,
    )


async def test_calls_are_kept_whole(shelf: Shelf, tenant: TenantId) -> None:
    """Every field, newest first, a page at a time, a plugin's own; they outlive the plugin."""
    await shelf.plugins.add(version(tenant), activate=True)
    for number in (1, 3, 2):
        await shelf.calls.note(called(tenant, number))
    bare = replace(called(tenant, 4, "other"), trace=None, run=None)
    await shelf.calls.note(bare)
    await shelf.plugins.remove(tenant, "news")
    assert await shelf.calls.listed(tenant, "news", None, 2) == (called(tenant, 3), called(tenant, 2))
    assert await shelf.calls.listed(tenant, "news", called(tenant, 2).id, 2) == (called(tenant, 1),)
    assert await shelf.calls.listed(tenant, "other", None, 9) == (bare,)


async def test_a_tenant_has_its_own(shelf: Shelf, tenant: TenantId, other_tenant: TenantId) -> None:
    """Another's plugin, secret and calls are neither seen, switched nor removed."""
    await shelf.plugins.add(version(tenant), activate=True)
    await shelf.secrets.put(tenant, "key", b"one", AT)
    await shelf.calls.note(called(tenant, 1))
    assert await shelf.plugins.get(other_tenant, "news") is None
    assert not await shelf.plugins.listed(other_tenant, None, 9)
    assert await shelf.plugins.change(other_tenant, "news", LATER, enabled=False) is None
    assert not await shelf.plugins.remove(other_tenant, "news")
    assert await shelf.versions.get(other_tenant, "news", 1) is None
    assert not await shelf.versions.listed(other_tenant, "news", None, 9)
    assert not await shelf.versions.enabled(other_tenant, ("source",))
    assert not await shelf.secrets.names(other_tenant)
    assert await shelf.secrets.sealed(other_tenant, ("key",)) == {}
    assert not await shelf.secrets.remove(other_tenant, "key")
    assert not await shelf.calls.listed(other_tenant, "news", None, 9)
    await shelf.plugins.add(version(other_tenant, kind="action"), activate=True)
    assert (await shelf.plugins.get(tenant, "news")) is not None
    assert await shelf.secrets.sealed(tenant, ("key",)) == {"key": b"one"}
