"""Tenants' plugins, their secrets and their calls in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.core.faults import Conflict
from shared.core.ids import TenantId
from shared.ports.plugins import Called, Kind, Plugin, Version


class MemoryPlugins:
    """`ports.plugins.Plugins`."""

    def __init__(self) -> None:
        self.plugins: dict[tuple[TenantId, str], Plugin] = {}
        self.versions: dict[tuple[TenantId, str], list[Version]] = {}

    async def add(self, version: Version, *, activate: bool) -> Plugin:
        """See the port."""
        name, kind, at = (version.tenant, version.name), version.manifest.kind, version.made
        found = self.plugins.get(name) or Plugin(*name, kind, 1, 0, enabled=True, created=at, changed=at)
        if found.kind != kind:
            raise Conflict(
                f"The plugin '{version.name}' is of another kind; remove it, or take another name."
            )
        number = found.latest + 1
        active = number if activate else found.active
        self.plugins[name] = replace(found, latest=number, active=active, changed=at)
        self.versions.setdefault(name, []).append(replace(version, number=number))
        return self.plugins[name]

    async def get(self, tenant: TenantId, name: str) -> Plugin | None:
        """See the port."""
        return self.plugins.get((tenant, name))

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Plugin]:
        """See the port."""
        own = [plugin for (owner, _), plugin in self.plugins.items() if owner == tenant]
        own.sort(key=lambda plugin: (plugin.created, plugin.name), reverse=True)
        if after is not None:
            names = [plugin.name for plugin in own]
            own = own[names.index(after) + 1 :] if after in names else []
        return tuple(own[:limit])

    async def change(
        self,
        tenant: TenantId,
        name: str,
        at: datetime,
        *,
        active: int | None = None,
        enabled: bool | None = None,
    ) -> Plugin | None:
        """See the port."""
        found = self.plugins.get((tenant, name))
        if found is None or (active is not None and not 0 < active <= found.latest):
            return None
        switched = replace(
            found,
            active=found.active if active is None else active,
            enabled=found.enabled if enabled is None else enabled,
            changed=at,
        )
        self.plugins[tenant, name] = switched
        return switched

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """See the port."""
        self.versions.pop((tenant, name), None)
        return self.plugins.pop((tenant, name), None) is not None


class MemoryPluginVersions:
    """`ports.plugins.PluginVersions`, of plugins in memory."""

    def __init__(self, plugins: MemoryPlugins) -> None:
        self._of = plugins

    async def get(self, tenant: TenantId, name: str, number: int | None = None) -> Version | None:
        """See the port."""
        plugin = self._of.plugins.get((tenant, name))
        if plugin is None:
            return None
        wanted = plugin.active if number is None else number
        return next((one for one in self._of.versions[tenant, name] if one.number == wanted), None)

    async def listed(self, tenant: TenantId, name: str, before: int | None, limit: int) -> Sequence[Version]:
        """See the port."""
        found = self._of.versions.get((tenant, name), [])[::-1]
        return tuple(one for one in found if before is None or one.number < before)[:limit]

    async def enabled(self, tenant: TenantId, kinds: Sequence[Kind]) -> Sequence[Version]:
        """See the port."""
        return tuple(
            self._of.versions[owner, name][plugin.active - 1]
            for (owner, name), plugin in sorted(self._of.plugins.items())
            if owner == tenant and plugin.enabled and plugin.kind in kinds
        )


class MemoryPluginSecrets:
    """`ports.plugins.PluginSecrets`."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[TenantId, str], tuple[bytes, datetime]] = {}

    async def put(self, tenant: TenantId, name: str, sealed: bytes, at: datetime) -> None:
        """See the port."""
        self._secrets[tenant, name] = (sealed, at)

    async def names(self, tenant: TenantId) -> Sequence[tuple[str, datetime]]:
        """See the port."""
        return tuple(
            sorted((name, at) for (owner, name), (_, at) in self._secrets.items() if owner == tenant)
        )

    async def sealed(self, tenant: TenantId, names: Sequence[str]) -> Mapping[str, bytes]:
        """See the port."""
        return {name: self._secrets[tenant, name][0] for name in names if (tenant, name) in self._secrets}

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """See the port."""
        return self._secrets.pop((tenant, name), None) is not None


class MemoryPluginCalls:
    """`ports.plugins.PluginCalls`."""

    def __init__(self) -> None:
        self._calls: dict[tuple[TenantId, str], Called] = {}

    async def note(self, called: Called) -> None:
        """See the port."""
        self._calls[called.tenant, called.id] = called

    async def listed(self, tenant: TenantId, plugin: str, before: str | None, limit: int) -> Sequence[Called]:
        """See the port."""
        found = [one for (owner, _), one in self._calls.items() if owner == tenant and one.plugin == plugin]
        found.sort(key=lambda one: one.id, reverse=True)
        return tuple(one for one in found if before is None or one.id < before)[:limit]
