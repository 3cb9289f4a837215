"""Tenants' moves in memory."""

from shared.core.ids import TenantId
from shared.ports.cutovers import Cutover


class MemoryCutovers:
    """`ports.cutovers.Cutovers`."""

    def __init__(self) -> None:
        self._rows: dict[TenantId, Cutover] = {}

    async def get(self, tenant: TenantId) -> Cutover | None:
        """See the port."""
        return self._rows.get(tenant)

    async def put(self, cutover: Cutover) -> None:
        """See the port."""
        self._rows[cutover.tenant] = cutover

    async def remove(self, tenant: TenantId) -> bool:
        """See the port."""
        return self._rows.pop(tenant, None) is not None
