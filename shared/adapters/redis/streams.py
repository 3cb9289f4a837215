"""Event streams as a class of data that expires: by themselves, in Redis, and at once where a run is erased."""

from datetime import datetime

from shared.adapters.redis.bus import RedisBus
from shared.core.ids import RunId, TenantId
from shared.core.rules import DataClass
from shared.ports.retention import Removal


class ExpiringStreams:
    """`ports.retention.Expiring`. No stream outlives its time to live, so that a sweep finds none due; a stream tells
    what the log holds, so that a hold on it loses nothing."""

    name: DataClass = "streams"

    def __init__(self, bus: RedisBus) -> None:
        self._bus = bus

    async def oldest(self, tenant: TenantId) -> datetime | None:
        """See the port. None: Redis sees to the end of each."""
        return None

    async def due(self, tenant: TenantId, before: datetime, now: datetime) -> int:
        """See the port."""
        return 0

    async def expire(self, tenant: TenantId, before: datetime, removal: Removal, limit: int) -> int:
        """See the port."""
        return 0

    async def erase(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """See the port."""
        return int(await self._bus.forget(tenant, run))
