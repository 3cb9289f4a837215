"""The hash chain over the log, in Postgres: rows are digested where they lie (`20261101000004_seals.sql`)."""

from collections.abc import Sequence
from datetime import datetime

from shared.adapters.postgres.database import Database, Record
from shared.adapters.postgres.queries import load
from shared.core.ids import TenantId
from shared.ports.seals import Verdict

_SQL = load("seals")


class PostgresSeals:
    """`ports.seals.Seals`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seal(self, tenant: TenantId, at: datetime) -> int:
        """See the port. Rows newer than the oldest transaction that is still open anywhere on the server wait for the
        next time."""
        total = 0
        while sealed := int((await self._database.call(_SQL["seal"], tenant, at))[0][0]):
            total += sealed
        return total

    async def verify(self, tenant: TenantId) -> Verdict:
        """See the port."""
        seals = await self._database.call(_SQL["check_seals"], tenant)
        head = (await self._database.call(_SQL["check_head"], tenant))[0]
        broken = next(filter(None, map(_complaint, seals)), "")
        if not broken and not head["fits"]:
            broken = (
                f"Seal {head['number']}, which the head of the chain names, is not the last one that is there: "
                "seals were cut off or changed."
            )
        return Verdict(
            tenant=tenant,
            seals=len(seals),
            entries=sum(row["found"] for row in seals),
            unsealed=head["unsealed"],
            broken=broken,
            tombstones=head["tombstones"],
        )

    async def due(self, limit: int) -> Sequence[TenantId]:
        """See the port."""
        return tuple(TenantId(str(row["due"])) for row in await self._database.call(_SQL["due"], limit))


def _complaint(seal: Record) -> str:
    number, said, found = seal["number"], seal["entries"], seal["found"]
    if number != seal["before"] + 1:
        return f"Seal {seal['before'] + 1} is missing."
    if not seal["linked"]:
        return f"Seal {number} does not follow from seal {seal['before']}: one of the two was changed."
    if found < said:
        return f"Seal {number} covers {said} entries and {found} are there: entries were removed."
    if found > said:
        return f"Seal {number} covers {said} entries and {found} are there: entries were added."
    if not seal["fits"]:
        return f"Seal {number} does not fit its {said} entries: an entry, or the seal itself, was changed."
    return ""
