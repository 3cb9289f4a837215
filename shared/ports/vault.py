"""What the placeholders of redacted text stand for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from shared.core.ids import RunId, TenantId


class Vault(Protocol):
    """Encrypted, a tenant's own, run by run. Once a run's entries have expired its text keeps its placeholders."""

    async def keep(
        self, tenant: TenantId, run: RunId, marks: Mapping[str, str], until: datetime | None
    ) -> None:
        """Add placeholders of a run, each with what it stands for. One that is there keeps what it has. `until` None
        is as long as the house keeps such things. Raises Unavailable."""
        ...

    async def marks(self, tenant: TenantId, run: RunId) -> Mapping[str, str]:
        """A run's placeholders and what they stand for; empty where there are none (any longer)."""
        ...

    async def forget(self, tenant: TenantId, run: RunId) -> bool:
        """Drop a run's entries for good. False where it had none."""
        ...
