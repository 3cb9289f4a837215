"""The verbs on a tenant's move: set it, look at it, end it, report on it; and what every request asks of it."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from shared.core.faults import BadRequest, Conflict, Fault, Forbidden, NotYours
from shared.core.ids import TenantId
from shared.core.lines import LINES
from shared.core.tenant import Principal
from shared.core.text import sound
from shared.cutover import address
from shared.cutover.mirrors import Mirrors
from shared.cutover.recorder import Recorder
from shared.cutover.report import Report, report
from shared.models.catalogue import Catalogue
from shared.ports.clock import Clock
from shared.ports.comparisons import Comparisons
from shared.ports.cutovers import Cutover, Cutovers
from shared.ports.oldpath import OldPath
from shared.ports.sealer import Sealer

REMEMBERED_SECONDS = 2.0
"""How long another process may still follow the shares of before."""
_STALE_SECONDS = 300.0
"""How long the last known answer stands in while the store is away."""
_REMEMBERED = 10_000
KEPT = timedelta(days=30)
"""How long comparisons are kept."""
_ROWS = 10_000
_MODELS = 100
_SECRET = "cutover.api_key"  # noqa: S105  # the name of a secret, not one


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change; None leaves a field as it is. `api_key` is `""` to forget the key."""

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    serve_percent: int | None = None
    mirror_percent: int | None = None
    shadow_percent: int | None = None
    models: Mapping[str, str] | None = None
    keep_samples: bool | None = None


class Desk:
    """Where moves are made. `old` calls the old path; `mirrors` and `recorder` work in the background."""

    def __init__(
        self,
        cutovers: Cutovers,
        comparisons: Comparisons,
        sealer: Sealer,
        old: OldPath,
        clock: Clock,
        catalogue: Catalogue,
        env: Literal["local", "staging", "production"],
    ) -> None:
        self.old = old
        self.recorder = Recorder(comparisons, clock)
        self.mirrors = Mirrors(self.recorder, catalogue)
        self.clock = clock
        self._cutovers, self._comparisons, self._sealer = cutovers, comparisons, sealer
        self._catalogue, self._local = catalogue, env == "local"
        self._known: OrderedDict[TenantId, tuple[Cutover | None, float]] = OrderedDict()
        self._asking: dict[TenantId, asyncio.Task[Cutover | None]] = {}

    async def of(self, tenant: TenantId) -> Cutover | None:
        """The tenant's move, as of two seconds ago at most; None where it has none. One look-up at a time."""
        known = self._known.get(tenant)
        if known is not None and known[1] > self.clock.monotonic():
            return known[0]
        asking = self._asking.get(tenant)
        if asking is None:
            asking = self._asking[tenant] = asyncio.create_task(self._ask(tenant))
            asking.add_done_callback(lambda _: self._asking.pop(tenant, None))
        # Shielded: one client that leaves must not fail the others that wait for the same look-up.
        return await asyncio.shield(asking)

    def key(self, cutover: Cutover) -> str:
        """The old path's API key; empty where none is stored."""
        if not cutover.sealed_key:
            return ""
        return self._sealer.unseal(cutover.tenant, _SECRET, cutover.sealed_key)

    async def get(self, principal: Principal) -> Cutover:
        """The caller's move. Raises NotYours where there is none."""
        found = await self._cutovers.get(_allowed(principal).tenant)
        if found is None:
            raise NotYours("No move from another path is set up. PUT /v1/cutover begins one.")
        return found

    async def set(self, principal: Principal, change: Change) -> Cutover:
        """Begin a move or change it: at once in this process, in all others within two seconds. Raises BadRequest."""
        tenant = _allowed(principal).tenant
        before = await self._cutovers.get(tenant)
        if before is None and change.base_url is None:
            raise BadRequest("'base_url' is missing: the address of the path used so far.", param="base_url")
        found = self._changed(before or Cutover(tenant, ""), change)
        found = found.with_(changed=self.clock.now(), changed_by=principal.actor)
        await self._cutovers.put(found)
        self._known.pop(tenant, None)
        LINES.info(
            "cutover set",
            tenant=tenant,
            serve=found.serve_percent,
            mirror=found.mirror_percent,
            by=principal.actor,
        )
        return found

    async def remove(self, principal: Principal) -> None:
        """End the move: ChatSmart answers everything. Raises NotYours where there is none."""
        tenant = _allowed(principal).tenant
        if not await self._cutovers.remove(tenant):
            raise NotYours("No move from another path is set up.")
        self._known.pop(tenant, None)
        LINES.info("cutover removed", tenant=tenant, by=principal.actor)

    async def report(self, principal: Principal, hours: int) -> Report:
        """What was seen in the last hours."""
        tenant, until = _allowed(principal).tenant, self.clock.now()
        since = until - timedelta(hours=hours)
        rows = await self._comparisons.since(tenant, since, _ROWS)
        return report(rows, await self._comparisons.counts(tenant, since), since, until, _ROWS)

    async def sweep(self) -> int:
        """Forget comparisons that are older than they are kept. The number forgotten."""
        before, gone = self.clock.now() - KEPT, 0
        while found := await self._comparisons.sweep(before, 5_000):
            gone += found
        return gone

    async def close(self) -> None:
        """End background requests and write down what was measured."""
        await self.mirrors.close()
        await self.recorder.close()

    def _changed(self, before: Cutover, change: Change) -> Cutover:
        found = before
        if change.base_url is not None:
            found = found.with_(base_url=address.base_url(change.base_url, local=self._local))
            moved = urlsplit(found.base_url)[:2] != urlsplit(before.base_url)[:2]
            if before.sealed_key and moved and change.api_key is None:
                # Else whoever may change the address could have the key sent to a place of their own.
                raise Conflict(
                    f"The stored key belongs to {before.base_url}: send 'api_key' with the new address, or \"\"."
                )
        if change.api_key is not None:
            sealed = self._sealer.seal(found.tenant, _SECRET, _key(change.api_key)) if change.api_key else b""
            found = found.with_(
                sealed_key=sealed, key_hint=change.api_key[-4:] if len(change.api_key) > 11 else ""
            )
        for name in ("serve_percent", "mirror_percent", "shadow_percent"):
            share = getattr(change, name)
            if share is not None:
                if not 0 <= share <= 100:
                    raise BadRequest(f"'{name}' must be a whole number from 0 to 100.", param=name)
                found = found.with_(**{name: share})
        if change.models is not None:
            found = found.with_(models=self._models(change.models))
        if change.keep_samples is not None:
            found = found.with_(keep_samples=change.keep_samples)
        return found

    def _models(self, models: Mapping[str, str]) -> Mapping[str, str]:
        if len(models) > _MODELS:
            raise BadRequest(f"'models' has more than {_MODELS} names.", param="models")
        known = self._catalogue.names()
        for theirs, ours in models.items():
            if not 0 < len(sound(theirs, "models")) <= 200:
                raise BadRequest("A name in 'models' must have 1 to 200 characters.", param="models")
            if ours not in known:
                raise BadRequest(
                    f"'models' sends '{theirs}' to '{ours[:100]}', which is no model here: GET /v1/models lists them.",
                    param="models",
                )
        return dict(models)

    async def _ask(self, tenant: TenantId) -> Cutover | None:
        # The time is taken first: a change while we wait for the store must not be remembered away.
        asked = self.clock.monotonic()
        before = self._known.get(tenant)
        try:
            found = await self._cutovers.get(tenant)
        except Fault:
            if before is None or before[1] + _STALE_SECONDS < asked:
                raise
            # A store that is away is no reason to send a tenant's callers elsewhere than a moment ago.
            found = before[0]
            self._known[tenant] = (found, before[1])
            return found
        self._known.pop(tenant, None)
        self._known[tenant] = (found, asked + REMEMBERED_SECONDS)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found


def _allowed(principal: Principal) -> Principal:
    if not principal.scopes & {"member", "operator"}:
        raise Forbidden("This credential may not look at or change where requests go.")
    return principal


def _key(text: str) -> str:
    """A key that fits into a header. Raises BadRequest."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > 2_000:
        raise BadRequest(
            "'api_key' must be plain letters, digits and signs, without spaces.", param="api_key"
        )
    return text
