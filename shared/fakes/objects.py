"""Files, in memory."""

from collections.abc import Sequence
from datetime import datetime

from shared.core.faults import Conflict, NotYours
from shared.core.ids import TenantId
from shared.ports.clock import Clock
from shared.ports.objects import Act, Bucket, Entry, Link, check_body, checked, checked_prefix


class MemoryObjects:
    """`ports.objects.Objects`. Nothing serves them, so there are no links."""

    def __init__(self, clock: Clock) -> None:
        """The clock dates what is written."""
        self._clock = clock
        self._kept: dict[tuple[Bucket, str], tuple[bytes, datetime]] = {}

    async def put(
        self,
        tenant: TenantId,
        bucket: Bucket,
        path: str,
        body: bytes,
        media_type: str,
        *,
        replace: bool = False,
    ) -> None:
        """See the port."""
        place = (bucket, checked(tenant, path))
        check_body(bucket, body, media_type)
        if place in self._kept and not replace:
            raise Conflict(f"There is a file '{path}' already.")
        self._kept[place] = (body, self._clock.now())

    async def get(self, tenant: TenantId, bucket: Bucket, path: str) -> bytes:
        """See the port."""
        place = (bucket, checked(tenant, path))
        if place not in self._kept:
            raise NotYours(f"There is no file '{path}'.")
        return self._kept[place][0]

    async def delete(self, tenant: TenantId, bucket: Bucket, path: str) -> None:
        """See the port."""
        self._kept.pop((bucket, checked(tenant, path)), None)

    async def list(
        self, tenant: TenantId, bucket: Bucket, prefix: str = "", *, limit: int = 1000
    ) -> Sequence[Entry]:
        """See the port."""
        start = checked_prefix(tenant, prefix)
        found = sorted(key for key in self._kept if key[0] == bucket and key[1].startswith(start))[:limit]
        return tuple(
            Entry(key[1].removeprefix(f"{tenant}/"), len(self._kept[key][0]), self._kept[key][1])
            for key in found
        )

    async def link(self, tenant: TenantId, bucket: Bucket, path: str, act: Act) -> Link | None:
        """See the port."""
        place = (bucket, checked(tenant, path))
        if (act == "download") != (place in self._kept):
            if act == "download":
                raise NotYours(f"There is no file '{path}'.")
            raise Conflict(f"There is a file '{path}' already.")
        return None
