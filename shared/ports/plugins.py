"""Where tenants' plugins, their secrets and the record of their calls are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.core.ids import RunId, TenantId, TraceId

Kind = Literal["source", "action", "mcp"]
"""What a plugin is for: it brings sources, acts on an event, or is another server that brings sources."""
Purpose = Literal["source", "action", "test", "call"]
"""Why a plugin was called."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What a plugin may reach and use: nothing that is not named here."""

    hosts: tuple[str, ...] = ()
    """Names that the host's `fetch` may ask, exact; `*.example.com` for those below one."""
    secrets: tuple[str, ...] = ()
    """Names of the tenant's secrets that may be put into a request for it."""
    seconds: float = 2.0
    """Of its own; the time in which a request is under way does not count."""
    memory_mib: int = 64
    fetches: int = 20
    """Requests in one call."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Another server that speaks the Model Context Protocol."""

    url: str
    tools: tuple[str, ...]
    """The tools of it that may be called."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request; `{{secret:NAME}}` in a value is filled in by the host."""
    argument: str = "query"
    """The tool's argument that takes the question."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a version but its text."""

    kind: Kind
    grants: Grants = field(default_factory=Grants)
    events: tuple[str, ...] = ()
    """What an action is called on."""
    remote: Remote | None = None
    """Of the kind `mcp`, and of that alone."""
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One text of a plugin with what it is granted. It never changes."""

    tenant: TenantId
    name: str
    number: int
    """From 1; 0 where the store has not numbered it yet."""
    source: str
    sha256: str
    """Of text and manifest together, hex: names what ran, for logs and for cache keys."""
    manifest: Manifest
    made: datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin: which of its versions is called, and whether any is."""

    tenant: TenantId
    name: str
    kind: Kind
    active: int
    latest: int
    enabled: bool
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a plugin, as it is recorded. Neither what was given nor what came out is kept."""

    id: str
    """`call_` and 32 hex digits: sorts by time."""
    tenant: TenantId
    plugin: str
    version: int
    """0: a text that was only tried, never stored."""
    sha256: str
    purpose: Purpose
    actor: str
    trace: TraceId | None
    run: RunId | None
    at: datetime
    input_sha256: str
    outcome: str
    """`ok`, or the code of the fault."""
    message: str = ""
    """What went wrong, in words."""
    ms: int = 0
    hosts: tuple[str, ...] = ()
    fetches: int = 0
    size: int = 0
    """Bytes that were fetched."""
    attempt: int = 1
    """Which try it was: an action is tried again where the fault may pass."""


class Plugins(Protocol):
    """A tenant's plugins. Raises Unavailable where the store can't be reached, as do all below."""

    async def add(self, version: Version, *, activate: bool) -> Plugin:
        """Store a version under the next number, with its plugin where that is new. `activate` makes it the one that is
        called; a first version always is. All or nothing. Raises Conflict where the plugin is of another kind."""
        ...

    async def get(self, tenant: TenantId, name: str) -> Plugin | None:
        """One of them; None where the tenant has none of that name."""
        ...

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Plugin]:
        """Newest first, past the one named `after`; a cursor that names none gives an empty page."""
        ...

    async def change(
        self,
        tenant: TenantId,
        name: str,
        at: datetime,
        *,
        active: int | None = None,
        enabled: bool | None = None,
    ) -> Plugin | None:
        """Switch it, or name another version to be called. None where there is no such plugin or version."""
        ...

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """Forget it with all its versions; the record of its calls stays. False where there was none."""
        ...


class PluginVersions(Protocol):
    """What was stored, version by version."""

    async def get(self, tenant: TenantId, name: str, number: int | None = None) -> Version | None:
        """A version; without a number the active one. None where there is none."""
        ...

    async def listed(self, tenant: TenantId, name: str, before: int | None, limit: int) -> Sequence[Version]:
        """Newest first, below the number `before`."""
        ...

    async def enabled(self, tenant: TenantId, kinds: Sequence[Kind]) -> Sequence[Version]:
        """The active version of each enabled plugin of these kinds, by name."""
        ...


class PluginSecrets(Protocol):
    """A tenant's secrets by name: they come in and go to the host's `fetch`, never to a reader."""

    async def put(self, tenant: TenantId, name: str, sealed: bytes, at: datetime) -> None:
        """Store one in place of the one before."""
        ...

    async def names(self, tenant: TenantId) -> Sequence[tuple[str, datetime]]:
        """Which there are and when each was last set, by name."""
        ...

    async def sealed(self, tenant: TenantId, names: Sequence[str]) -> Mapping[str, bytes]:
        """Those of these names that there are."""
        ...

    async def remove(self, tenant: TenantId, name: str) -> bool:
        """Forget one. False where there was none."""
        ...


class PluginCalls(Protocol):
    """Which plugin was called for what, and how it ended. Nothing is changed once written."""

    async def note(self, called: Called) -> None:
        """Write one down."""
        ...

    async def listed(self, tenant: TenantId, plugin: str, before: str | None, limit: int) -> Sequence[Called]:
        """A plugin's calls, newest first, before the one with the id `before`."""
        ...
