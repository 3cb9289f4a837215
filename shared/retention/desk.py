"""The verbs on what is kept: show the rules, sweep, erase one run, hold and release, and the evidence of what went."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core.faults import BadRequest, Conflict, Fault, Forbidden, Gone, NotYours
from shared.core.ids import RunId, TenantId
from shared.core.lines import LINES
from shared.core.rules import DataClass, Rules
from shared.core.tenant import Limits, Principal
from shared.core.text import sound
from shared.ports.clock import Clock, Ids
from shared.ports.log import Log
from shared.ports.retention import Expiring, Hold, Removal, Retained, Tombstone
from shared.ports.shelf import Shelf
from shared.retention.rules import Rule, in_force

SWEEPER = "sweep"
"""Who removed what age removed."""
ON_DEMAND = "deletion on demand"
_PAGE = 100
"""Tenants asked for at once."""
_BATCH: Mapping[str, int] = {"bodies": 25}
_BATCH_ELSE = 500
"""How many go in one transaction: of runs few, for each has many rows, and a long transaction holds back the seals."""
_SECONDS = 60.0
"""How long a sweep goes on before it leaves the rest to the next."""
_LONGEST_REASON = 500
_MOST_HOLDS = 10_000
_LOST = timedelta(days=1)
"""A run without an end that began longer ago than this is over: its process died."""
_LAST: tuple[DataClass, ...] = ("documents", "bodies")
"""Erased last, in this order: where there are tombstones, all else is gone."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did, or, `dry`, what it would do. `failed` are tenants that it could not do; `unfinished`: its time
    was up, and another one goes on from there."""

    figures: Mapping[DataClass, int]
    tenants: int = 0
    held: int = 0
    failed: int = 0
    unfinished: bool = False
    dry: bool = False

    @property
    def total(self) -> int:
        """Of all classes."""
        return sum(self.figures.values())


@dataclass(frozen=True, slots=True)
class Kept:
    """One class of a tenant: its rule, when the oldest of what is there was made, and when that is due."""

    rule: Rule
    oldest: datetime | None = None
    next_due: datetime | None = None
    """None: nothing is there, nothing is due by age, or a hold keeps all of it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it for one tenant."""

    kept: Sequence[Kept]
    policy_hold: bool
    holds: Sequence[Hold]


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed of one run, by class."""

    run: RunId
    removal: Removal
    figures: Mapping[DataClass, int]


@dataclass(slots=True)
class _Tally:
    """A sweep under way."""

    until: float
    figures: dict[DataClass, int] = field(default_factory=dict)
    tenants: int = 0
    held: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept, for how long, and what must not go. `kinds` are the classes that are swept here; `rules` are those
    of a tenant's policy in force."""

    retained: Retained
    kinds: Sequence[Expiring]
    rules: Callable[[TenantId], Awaitable[Rules]]
    log: Log
    shelf: Shelf
    clock: Clock
    ids: Ids

    async def sweep(self, now: datetime, *, dry: bool = False, seconds: float = _SECONDS) -> Swept:
        """Remove, of all tenants, what is due at `now`: batch by batch, each whole, so that a sweep that dies is gone
        on with by the next one. A tenant whose policy can't be read keeps all. Raises Unavailable where the list of
        tenants can't be had."""
        tally = _Tally(self.clock.monotonic() + seconds, {kind.name: 0 for kind in self.kinds})
        after: TenantId | None = None
        over = False
        while not over and (page := await self.retained.tenants(after, _PAGE)):
            for tenant in page:
                over = self.clock.monotonic() >= tally.until
                if over:
                    break
                tally.tenants += 1
                try:
                    over = not await self._tenant(tenant, now, tally, dry=dry)
                except Fault as fault:
                    # The others' data is due all the same.
                    tally.failed += 1
                    LINES.warning("tenant not swept", tenant=tenant, fault=fault.code, message=fault.message)
            after = page[-1]
        return Swept(tally.figures, tally.tenants, tally.held, tally.failed, over, dry)

    async def _tenant(self, tenant: TenantId, now: datetime, tally: _Tally, *, dry: bool) -> bool:
        """One tenant's share. False where the time was up before its end."""
        rules = await self.rules(tenant)
        if rules.legal_hold:
            tally.held += 1
            return True
        found = in_force(rules)
        for kind in self.kinds:
            rule = found[kind.name]
            before = rule.before(now)
            if before is None:
                continue
            if dry:
                tally.figures[kind.name] += await kind.due(tenant, before, now)
                continue
            removal, limit = Removal(str(rule), SWEEPER, now), _BATCH.get(kind.name, _BATCH_ELSE)
            while gone := await kind.expire(tenant, before, removal, limit):
                tally.figures[kind.name] += gone
                if gone < limit:
                    break
                if self.clock.monotonic() >= tally.until:
                    return False
        return True

    async def overview(self, principal: Principal) -> Overview:
        """The rules in force for the caller's tenant, what is due next, and its holds."""
        tenant = principal.tenant
        rules, holds = await self.rules(tenant), await self.retained.holds(tenant)
        kinds = {kind.name: kind for kind in self.kinds}
        still = rules.legal_hold or any(hold.covers(None) for hold in holds)
        kept = []
        for rule in in_force(rules).values():
            there = kinds.get(rule.kind)
            oldest = None if there is None else await there.oldest(tenant)
            due = None
            if oldest is not None and rule.days is not None and not still:
                due = oldest + timedelta(days=rule.days)
            kept.append(Kept(rule, oldest, due))
        return Overview(kept, rules.legal_hold, holds)

    async def erase(self, principal: Principal, run: RunId) -> Erased:
        """Remove the words of one run now: cached answers made from it, its stream, what its placeholders stand for,
        its text, and, at last, its rows' words, behind tombstones. Asked again it does what is left to do. Raises
        NotYours, and Conflict for one that is still going on or on legal hold."""
        tenant = principal.tenant
        if (await self.rules(tenant)).legal_hold:
            raise Conflict("All of this tenant is on legal hold by its policy: nothing may be deleted.")
        for hold in await self.retained.holds(tenant):
            if hold.covers(run):
                raise Conflict(f"On legal hold since {hold.at:%Y-%m-%d} ({hold.id}): {hold.reason}")
        await self._over(tenant, run)
        removal = Removal(ON_DEMAND, principal.actor, self.clock.now())
        figures: dict[DataClass, int] = {}
        for kind in sorted(self.kinds, key=lambda kind: kind.name in _LAST and 1 + _LAST.index(kind.name)):
            figures[kind.name] = await kind.erase(tenant, run, removal)
        return Erased(run, removal, figures)

    async def _over(self, tenant: TenantId, run: RunId) -> None:
        """Raises NotYours for a run that the tenant does not have, Conflict for one that is going on."""
        document = await self.shelf.get(tenant, run)
        if document is not None:
            if document.status == "running":
                raise Conflict("It is still being written: cancel it first.")
            return
        try:
            tape = await self.log.tape(tenant, run)
        except Gone:
            return
        if not tape:
            raise NotYours(f"There is no run '{run}'.")
        if tape[-1].kind != "end" and tape[0].at > self.clock.now() - _LOST:
            raise Conflict("It is still being answered: wait for its end.")

    async def hold(self, principal: Principal, run: RunId | None, reason: str) -> Hold:
        """Keep a run, or all that the tenant has, whatever the rules say. Raises Forbidden for a key with limits of its
        own, BadRequest, Conflict over the most holds that a tenant may have, and NotYours."""
        if principal.key_limits != Limits() and "operator" not in principal.scopes:
            raise Forbidden("A key with limits of its own can't put legal holds.")
        said = " ".join(sound(reason, "reason").split())
        if not 0 < len(said) <= _LONGEST_REASON:
            raise BadRequest(f"'reason' must have 1 to {_LONGEST_REASON} characters.", param="reason")
        if run is not None:
            await self._there(principal.tenant, run)
        if len(await self.retained.holds(principal.tenant)) >= _MOST_HOLDS:
            raise Conflict("There are as many holds as a tenant may have.")
        name = f"hold_{self.ids.uuid().hex}"
        found = Hold(name, principal.tenant, run, said, principal.actor, self.clock.now())
        await self.retained.hold(found)
        return found

    async def _there(self, tenant: TenantId, run: RunId) -> None:
        if await self.shelf.get(tenant, run) is not None:
            return
        try:
            if await self.log.tape(tenant, run):
                return
        except Gone:
            pass
        raise NotYours(f"There is no run '{run}' with anything to keep.")

    async def release(self, principal: Principal, id: str) -> Hold:
        """End a hold: what is due goes with the next sweep. Raises Forbidden for whoever is no operator: what it kept
        can be destroyed then; and NotYours."""
        if "operator" not in principal.scopes:
            raise Forbidden("Releasing a legal hold takes an operator: what it keeps can be destroyed then.")
        found = await self.retained.release(principal.tenant, id, principal.actor, self.clock.now())
        if found is None:
            raise NotYours(f"There is no hold '{id[:80]}'.")
        return found

    async def tombstones(
        self, principal: Principal, run: RunId | None, limit: int, after: tuple[RunId, int] | None = None
    ) -> Sequence[Tombstone]:
        """What was removed, when, by whom, under which rule."""
        return await self.retained.tombstones(principal.tenant, run, limit, after)
