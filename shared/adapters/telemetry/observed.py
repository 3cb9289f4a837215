"""A log that tells telemetry what was written, after it was written."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId
from shared.ports.log import Log
from shared.ports.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class ObservedLog:
    """`ports.log.Log` around another."""

    inner: Log
    telemetry: Telemetry

    async def append(self, entries: Sequence[Entry]) -> None:
        """Write, then tell."""
        await self.inner.append(entries)
        self.telemetry.observe(entries)

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """As the inner log has it."""
        return await self.inner.tape(tenant, run)
