"""What is kept for a while, what must not go, and the evidence of what went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.faults import Gone
from shared.core.ids import RunId, TenantId
from shared.core.rules import DataClass


@dataclass(frozen=True, slots=True)
class Removal:
    """Why something goes: under which rule, by whom, when."""

    rule: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stood in a row of the log whose words were removed: their SHA-256, which the hash chain is made of.

    `at` is the time of the row itself. The row's figures (model, usage, cost, timing, who) are still in the log.
    """

    tenant: TenantId
    run: RunId
    position: int
    at: datetime
    request: bytes
    response: bytes
    body: bytes
    removal: Removal


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of a run, or of the tenant where `run` is None, expires or is deleted until it is released."""

    id: str
    tenant: TenantId
    run: RunId | None
    reason: str
    by: str
    at: datetime
    released: datetime | None = None
    released_by: str = ""

    def covers(self, run: RunId | None) -> bool:
        """Whether it keeps this run; of None, whether it keeps all that the tenant has."""
        return self.released is None and (self.run is None or self.run == run)


class Expiring(Protocol):
    """One class of data that is kept for a while. What is on legal hold is never counted and never goes."""

    @property
    def name(self) -> DataClass:
        """Its name in a tenant's rules."""
        ...

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """When the oldest of what is there was made; None where nothing is. Raises Unavailable."""
        ...

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """How many were made before a time, or have an end of their own that is past. Raises Unavailable."""
        ...

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """Remove the oldest of those, `limit` at most, all or none; the number. Fewer than `limit` says that no more
        are due. Raises Unavailable."""
        ...

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """Remove what belongs to one run, whatever its age; the number, 0 where nothing was there. Raises Conflict for
        one that is on legal hold, and Unavailable."""
        ...


class Retained(Protocol):
    """Holds and evidence, tenant by tenant. Both outlive what they speak of."""

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        """Tenants that have something which can expire, in order, past `after`."""
        ...

    async def tombstones(
        self, tenant: TenantId, run: RunId | None, limit: int, after: tuple[RunId, int] | None = None
    ) -> Sequence[Tombstone]:
        """Evidence of what was removed, of one run or of all: by run and position, past `after`."""
        ...

    async def hold(self, hold: Hold) -> None:
        """Put a hold in force. The same one a second time is no change."""
        ...

    async def release(self, tenant: TenantId, id: str, by: str, at: datetime) -> Hold | None:
        """End a hold; it stays readable. None where the tenant has none of that id; one that is released stays as it
        is."""
        ...

    async def holds(self, tenant: TenantId) -> Sequence[Hold]:
        """All holds of a tenant, released ones too, the newest first."""
        ...


def removed(run: str, rule: str, at: datetime | None) -> Gone:
    """The fault for a run whose words are gone."""
    when = "" if at is None else f" on {at:%Y-%m-%d}"
    under = f" under {rule}" if rule else ""
    return Gone(
        f"The words of run '{run}' were removed{under}{when}; its figures and the digests of its rows are kept."
    )
