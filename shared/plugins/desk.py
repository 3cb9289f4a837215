"""The verbs on a tenant's plugins: add, look at, switch, try, call, and the secrets that they use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.core.faults import BadRequest, Conflict, NotYours
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.tenant import Principal
from shared.core.text import sound
from shared.plugins.calling import Caller, Cause, PluginRan, Sourced, Stores, by, sealing
from shared.plugins.manifest import ENTRIES, Draft, digest_of, manifest_of, secret_named
from shared.ports.clock import Clock, Ids
from shared.ports.fetch import Fetch
from shared.ports.plugins import (
    Called,
    Plugin,
    Version,
)
from shared.ports.sandbox import Program, Sandbox
from shared.ports.sealer import Sealer

MOST_PLUGINS = 100
MOST_SECRETS = 100
"""Of one tenant."""
_MOST_SECRET = 8192


class Desk:
    """Where plugins are kept and called. Everything of another tenant is not there."""

    def __init__(
        self,
        stores: Stores,
        sealer: Sealer,
        sandbox: Sandbox,
        fetch: Fetch,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._plugins, self._versions = stores.plugins, stores.versions
        self._secrets, self._calls = stores.secrets, stores.calls
        self._sealer, self._sandbox, self._fetch, self._clock = sealer, sandbox, fetch, clock
        self._caller = Caller(stores, sealer, sandbox, fetch, clock, ids)

    async def close(self) -> None:
        """End the sandbox's workers and let go of connections."""
        await self._sandbox.close()
        await self._fetch.close()

    # -- what is there -------------------------------------------------------------------------------------------------

    async def add(self, who: Principal, draft: Draft) -> tuple[Plugin, Version]:
        """Store a version; the plugin where it is new. Nothing is stored where anything is refused: BadRequest,
        NotGranted, TooLarge, BadPlugin with line and column, Conflict for another kind or too many plugins."""
        version = await self.drafted(who, draft)
        if await self._plugins.get(who.tenant, draft.name) is None:
            there = await self._plugins.listed(who.tenant, None, MOST_PLUGINS)
            if len(there) >= MOST_PLUGINS:
                raise Conflict(f"There are {MOST_PLUGINS} plugins already: remove one first.")
        plugin = await self._plugins.add(version, activate=draft.activate)
        return plugin, await self.version(who, draft.name, plugin.latest)

    async def drafted(self, who: Principal, draft: Draft) -> Version:
        """The version that a draft would be, unnumbered and not stored. Raises what `add` does."""
        manifest = manifest_of(draft)
        digest = digest_of(draft.source, manifest)
        if manifest.remote is None:
            await self._sandbox.check(Program(draft.source, ENTRIES[manifest.kind], digest))
        now = self._clock.now()
        return Version(who.tenant, draft.name, 0, draft.source, digest, manifest, now, who.actor)

    async def get(self, who: Principal, name: str) -> tuple[Plugin, Version]:
        """A plugin and its active version. Raises NotYours."""
        plugin = await self._plugins.get(who.tenant, _sought(name))
        if plugin is None:
            raise _not_there(name)
        return plugin, await self.version(who, name, plugin.active)

    async def listed(self, who: Principal, after: str | None, limit: int) -> Sequence[Plugin]:
        """A page, newest first."""
        return await self._plugins.listed(who.tenant, after, limit)

    async def version(self, who: Principal, name: str, number: int | None = None) -> Version:
        """A version; without a number the active one. Raises NotYours."""
        found = await self._versions.get(who.tenant, _sought(name), number)
        if found is None:
            raise _not_there(name) if number is None else NotYours(f"'{name[:60]}' has no version {number}.")
        return found

    async def versions(self, who: Principal, name: str, before: int | None, limit: int) -> Sequence[Version]:
        """A page, newest first. Raises NotYours."""
        await self.get(who, name)
        return await self._versions.listed(who.tenant, name, before, limit)

    async def switch(self, who: Principal, name: str, *, on: bool) -> Plugin:
        """Enable it or disable it: the next call sees that. Raises NotYours."""
        return _there(
            name, await self._plugins.change(who.tenant, _sought(name), self._clock.now(), enabled=on)
        )

    async def activate(self, who: Principal, name: str, number: int) -> Plugin:
        """Have another version called from now on. Raises NotYours where there is none of that number."""
        await self.version(who, name, number)
        return _there(name, await self._plugins.change(who.tenant, name, self._clock.now(), active=number))

    async def remove(self, who: Principal, name: str) -> None:
        """Forget it with all its versions; the record of its calls stays. Raises NotYours."""
        if not await self._plugins.remove(who.tenant, _sought(name)):
            raise _not_there(name)

    async def calls(self, who: Principal, name: str, before: str | None, limit: int) -> Sequence[Called]:
        """A page of its calls, newest first; those of a plugin that was removed too. Raises NotYours where there is
        neither plugin nor call."""
        found = await self._calls.listed(who.tenant, _sought(name), before, limit)
        if not found:
            await self.get(who, name)
        return found

    # -- secrets -------------------------------------------------------------------------------------------------------

    async def keep_secret(self, who: Principal, name: str, value: str) -> None:
        """Store a secret, or another value for it, sealed. It is never shown."""
        secret_named(name)
        if not 0 < len(sound(value, "value")) <= _MOST_SECRET or any(ord(letter) < 32 for letter in value):
            raise BadRequest(
                f"'value' must be 1 to {_MOST_SECRET} characters on one line, without control characters.",
                param="value",
            )
        there = {one for one, _ in await self._secrets.names(who.tenant)}
        if name not in there and len(there) >= MOST_SECRETS:
            raise Conflict(f"There are {MOST_SECRETS} secrets already: remove one first.")
        sealed = self._sealer.seal(who.tenant, sealing(name), value)
        await self._secrets.put(who.tenant, name, sealed, self._clock.now())

    async def secret_names(self, who: Principal) -> Sequence[tuple[str, datetime]]:
        """Which there are and when each was last set."""
        return await self._secrets.names(who.tenant)

    async def forget_secret(self, who: Principal, name: str) -> None:
        """Forget one. Raises NotYours."""
        if not await self._secrets.remove(who.tenant, _sought(name)):
            raise NotYours("There is no such secret.")

    # -- calling -------------------------------------------------------------------------------------------------------

    async def try_(self, who: Principal, version: Version, given: Any) -> PluginRan:
        """Call a version, stored or only drafted, to see what it does. A plugin's fault is in the result. Raises
        BadRequest where the input is not what it takes, TooFast, OurFault."""
        return await self._caller.once(version, given, by(who, "test"))

    async def call(
        self, who: Principal, name: str, given: Any, trace: TraceId | None = None, run: RunId | None = None
    ) -> PluginRan:
        """Call the active version. Raises NotYours, Conflict where it is disabled, BadRequest, TooFast, OurFault, and
        PluginFault where the plugin fails; the record is written either way."""
        plugin, version = await self.get(who, name)
        if not plugin.enabled:
            raise Conflict(f"The plugin '{name}' is disabled.")
        ran = await self._caller.once(version, given, Cause(who.actor, "call", trace, run))
        if ran.fault is not None:
            raise ran.fault
        return ran

    async def sources(
        self, tenant: TenantId, query: str, trace: TraceId | None, run: RunId | None, actor: str = "run"
    ) -> Sourced:
        """What all enabled sources of a tenant say to a question, within 30 seconds; failing ones are reported beside.
        The texts are a stranger's. Raises Unavailable where it can't be seen which plugins there are."""
        return await self._caller.sources(tenant, query, trace, run, actor)

    async def act(
        self,
        tenant: TenantId,
        event: str,
        payload: Mapping[str, Any],
        trace: TraceId | None,
        run: RunId | None = None,
        actor: str = "run",
    ) -> tuple[PluginRan, ...]:
        """Tell an event to all enabled actions that are for it. The last try of each."""
        return await self._caller.act(tenant, event, payload, trace, run, actor)


def _sought(name: str) -> str:
    """A name to look for: one that can't be a name finds nothing, and never reaches the store as it is."""
    return name if name.isascii() and name.isprintable() else ""


def _there(name: str, plugin: Plugin | None) -> Plugin:
    if plugin is None:
        raise _not_there(name)
    return plugin


def _not_there(name: str) -> NotYours:
    return NotYours(f"There is no plugin '{name[:60]}'.")
