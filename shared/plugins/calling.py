"""Calling plugins: within their grants, a few at a time for each tenant, and none without a record."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

import orjson

from shared.core.faults import Fault, OurFault, PluginError, PluginFault, PluginStopped, TooFast
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.tenant import Principal
from shared.plugins.doors import MOST_LOGGED, Filling, Outward, Trail, fetching, logging
from shared.plugins.found import Finding, arguments, checked, findings
from shared.plugins.manifest import ENTRIES
from shared.plugins.mcp import McpClient
from shared.ports.clock import Clock, Ids
from shared.ports.fetch import Fetch
from shared.ports.plugins import (
    Called,
    Grants,
    PluginCalls,
    Plugins,
    PluginSecrets,
    PluginVersions,
    Purpose,
    Version,
)
from shared.ports.sandbox import Bounds, Program, Ran, Sandbox
from shared.ports.sealer import Sealer

AT_ONCE = 4
"""Calls of one tenant's plugins in one process; further ones wait."""
WAIT_SECONDS = 10.0
DOOR_SECONDS = 30.0
"""What all requests of one call may take together."""
SOURCE_SECONDS = 30.0
"""What all sources together may take for one question."""
_PAUSES = (0.2, 1.0)
"""Seconds before an action whose host was busy or out of reach is tried again."""
_OUTPUT = 1024 * 1024
_MESSAGE = 2000


@dataclass(frozen=True, slots=True)
class PluginRan:
    """One call: its record, for the run's log too, and what came of it."""

    called: Called
    value: Any = None
    printed: str = ""
    logged: tuple[str, ...] = ()
    fault: Fault | None = None
    """Why there is no value."""
    passing: bool = False
    """Whether it failed in a way that passes."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """What all source plugins brought for one question; those that failed are among `ran` with their fault."""

    findings: tuple[Finding, ...]
    ran: tuple[PluginRan, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a plugin is called, and for whom: goes into the record."""

    actor: str
    purpose: Purpose
    trace: TraceId | None = None
    run: RunId | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Stores:
    """Where plugins are kept."""

    plugins: Plugins
    versions: PluginVersions
    secrets: PluginSecrets
    calls: PluginCalls


class Caller:
    """Calls versions. What a plugin does wrong stays with its own call."""

    def __init__(
        self,
        stores: Stores,
        sealer: Sealer,
        sandbox: Sandbox,
        fetch: Fetch,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._versions, self._secrets, self._calls = stores.versions, stores.secrets, stores.calls
        self._sealer, self._sandbox, self._fetch = sealer, sandbox, fetch
        self._clock, self._ids = clock, ids
        self._places: WeakValueDictionary[TenantId, asyncio.Semaphore] = WeakValueDictionary()

    async def once(self, version: Version, given: Any, cause: Cause) -> PluginRan:
        """Call a version with its input, and write that down. A plugin's fault is in the result, never raised.

        Raises BadRequest where the input is not what it takes, TooFast where too many calls of the tenant are under
        way, OurFault where the house can't run or record it.
        """
        named = arguments(version, given)
        place = self._places.setdefault(version.tenant, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await place.acquire()
        except TimeoutError:
            raise TooFast("Too many of your plugins are running.", retry_after=WAIT_SECONDS) from None
        try:
            return await self._recorded(version, named, cause)
        finally:
            place.release()

    async def sources(
        self, tenant: TenantId, query: str, trace: TraceId | None, run: RunId | None, actor: str
    ) -> Sourced:
        """Ask every enabled source of the tenant at once. One that fails, or is not done in time, is reported."""
        versions = await self._versions.enabled(tenant, ("source", "mcp"))
        cause = Cause(actor, "source", trace, run)
        try:
            async with asyncio.timeout(SOURCE_SECONDS):
                ran = await _all([self._bounded(one, {"query": query}, cause) for one in versions])
        except TimeoutError:
            raise OurFault("The sources did not end in their time.") from None
        found = [
            finding
            for version, one in zip(versions, ran, strict=True)
            if one.fault is None
            for finding in findings(version, one.value)
        ]
        return Sourced(tuple(found), ran)

    async def act(
        self,
        tenant: TenantId,
        event: str,
        payload: Mapping[str, Any],
        trace: TraceId | None,
        run: RunId | None,
        actor: str,
    ) -> tuple[PluginRan, ...]:
        """Call every enabled action that is for this event, again where its host was busy: at least once, so an action
        may be done twice. The last try of each."""
        versions = await self._versions.enabled(tenant, ("action",))
        given = {**payload, "name": event, "trace": trace, "run": run}
        cause = Cause(actor, "action", trace, run)
        return await _all(
            [self._acted(one, given, cause) for one in versions if event in one.manifest.events]
        )

    async def _acted(self, version: Version, given: Any, cause: Cause) -> PluginRan:
        ran = await self._bounded(version, given, cause)
        for attempt, pause in enumerate(_PAUSES, start=2):
            if not ran.passing:
                break
            await asyncio.sleep(pause)
            ran = await self._bounded(version, given, replace(cause, attempt=attempt))
        return ran

    async def _bounded(self, version: Version, given: Any, cause: Cause) -> PluginRan:
        """One of several: a fault of any kind is its own."""
        try:
            async with asyncio.timeout(SOURCE_SECONDS - 1):
                return await self.once(version, given, cause)
        except TimeoutError:
            fault: Fault = PluginStopped("The plugin was not done in time.")
        except Fault as error:
            fault = error
        called = self._called(version, given, cause)
        return PluginRan(replace(called, outcome=fault.code, message=fault.message[:_MESSAGE]), fault=fault)

    async def _recorded(self, version: Version, given: Mapping[str, Any], cause: Cause) -> PluginRan:
        called, trail = self._called(version, given, cause), Trail()
        begun = self._clock.monotonic()
        fault: Fault | None = None
        ran = Ran(None, "", 0)
        try:
            ran = await self._run(version, given, trail)
        except asyncio.CancelledError:
            ended = self._ended(called, begun, trail, PluginStopped("The call was broken off."))
            # What it did outside is done: the record is written all the same.
            await asyncio.shield(self._calls.note(ended))
            raise
        except Fault as error:
            fault = _of_the_plugin(error)
        except TimeoutError:
            fault = PluginStopped(
                f"All requests of one call may take {DOOR_SECONDS:g} s together.", limit="doors"
            )
        except Exception as error:
            # A defect of ours is written down as any other end, and stays with this call.
            await asyncio.shield(self._calls.note(self._ended(called, begun, trail, OurFault())))
            raise OurFault(f"The plugin '{version.name}' could not be called.") from error
        ended = self._ended(called, begun, trail, fault)
        await asyncio.shield(self._calls.note(ended))
        if isinstance(fault, OurFault):
            raise fault
        passing = fault is not None and trail.passing
        return PluginRan(ended, ran.value, ran.printed, tuple(trail.logged), fault, passing)

    async def _run(self, version: Version, given: Mapping[str, Any], trail: Trail) -> Ran:
        manifest = version.manifest
        grants = manifest.grants
        filling = Filling(grants.secrets, await self._values(version))
        outward = Outward(self._fetch, grants, filling, trail)
        if manifest.remote is not None:
            async with asyncio.timeout(DOOR_SECONDS):
                said = await McpClient(outward, manifest.remote).ask(given["query"])
            value = [{"title": one.title, "url": one.url, "text": one.text} for one in said]
            return Ran(checked(version, value), "", 0)
        source = filling.armed(version.source)
        # The armed text is another one than what is stored: named by its own digest where a sandbox keeps programs.
        armed = version.sha256 if source == version.source else sha256(source.encode()).hexdigest()
        try:
            ran = await self._in_the_sandbox(
                Program(source, ENTRIES[manifest.kind], armed), given, outward, grants
            )
        except Fault as fault:
            filling.out_of_fault(fault)
            raise
        finally:
            trail.logged[:] = [filling.out_of(line) for line in trail.logged]
        value = checked(version, filling.out_of_json(ran.value))
        return replace(ran, value=value, printed=filling.out_of(ran.printed))

    async def _in_the_sandbox(
        self, program: Program, given: Mapping[str, Any], outward: Outward, grants: Grants
    ) -> Ran:
        return await self._sandbox.run(
            program,
            given,
            {"fetch": fetching(outward), "log": logging(outward.trail)},
            Bounds(
                seconds=grants.seconds,
                memory=grants.memory_mib * 2**20,
                output=_OUTPUT,
                fetches=grants.fetches + MOST_LOGGED,
                door_seconds=DOOR_SECONDS,
            ),
        )

    async def _values(self, version: Version) -> dict[str, str]:
        sealed = await self._secrets.sealed(version.tenant, version.manifest.grants.secrets)
        return {name: self._sealer.unseal(version.tenant, sealing(name), box) for name, box in sealed.items()}

    def _called(self, version: Version, given: Any, cause: Cause) -> Called:
        return Called(
            id=f"call_{self._ids.uuid().hex}",
            tenant=version.tenant,
            plugin=version.name,
            version=version.number,
            sha256=version.sha256,
            purpose=cause.purpose,
            actor=cause.actor,
            trace=cause.trace,
            run=cause.run,
            at=self._clock.now(),
            input_sha256=sha256(orjson.dumps(given, option=orjson.OPT_SORT_KEYS)).hexdigest(),
            outcome="ok",
            attempt=cause.attempt,
        )

    def _ended(self, called: Called, begun: float, trail: Trail, fault: Fault | None) -> Called:
        return replace(
            called,
            outcome="ok" if fault is None else fault.code,
            message="" if fault is None else fault.message.replace("\x00", "")[:_MESSAGE],
            ms=max(round((self._clock.monotonic() - begun) * 1000), 0),
            hosts=tuple(trail.hosts),
            fetches=trail.fetches,
            size=trail.size,
        )


def sealing(name: str) -> str:
    """What a secret is sealed under."""
    return f"plugin.secret.{name}"


def by(
    principal: Principal, purpose: Purpose, trace: TraceId | None = None, run: RunId | None = None
) -> Cause:
    """A call that somebody asked for."""
    return Cause(principal.actor, purpose, trace, run)


def _of_the_plugin(fault: Fault) -> Fault:
    """A fault that a door raised and the program let through is the plugin's own, and not its caller's."""
    if isinstance(fault, PluginFault | OurFault):
        return fault
    return PluginError(fault.message)


async def _all(calls: Sequence[Any]) -> tuple[PluginRan, ...]:
    """Every call, at once; where this is cancelled, so are they."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in calls]
    return tuple(task.result() for task in tasks)
