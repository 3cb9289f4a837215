"""Where a tenant's traffic comes from: the old path that ChatSmart is to replace, and how much of it it has by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from shared.core.ids import TenantId


@dataclass(frozen=True, slots=True)
class Cutover:
    """A tenant's move. Shares are whole per cents.

    `serve_percent` of the requests ChatSmart answers, the others the old path. Of what ChatSmart answers,
    `mirror_percent` also goes to the old path; of what the old path answers, `shadow_percent` also to ChatSmart, at the
    tenant's cost. Callers see neither.
    """

    tenant: TenantId
    base_url: str
    """As its clients have it, without a slash at its end: `https://api.openai.com/v1`."""
    sealed_key: bytes = field(default=b"", repr=False)
    """The old path's API key, sealed; empty: each request brings its own."""
    key_hint: str = ""
    """The key's last four characters."""
    serve_percent: int = 0
    mirror_percent: int = 0
    shadow_percent: int = 0
    models: Mapping[str, str] = field(default_factory=dict)
    """The old path's names of models, and what they are called here."""
    keep_samples: bool = False
    """Whether comparisons keep the texts, or only what was measured on them."""
    changed: datetime | None = None
    changed_by: str = ""

    def with_(self, **changes: Any) -> "Cutover":
        """A copy with some fields changed."""
        return replace(self, **changes)


class Cutovers(Protocol):
    """At most one for each tenant."""

    async def get(self, tenant: TenantId) -> Cutover | None:
        """The tenant's; None where it has none. Raises Unavailable where the store can't be reached."""
        ...

    async def put(self, cutover: Cutover) -> None:
        """Store it in place of the one before."""
        ...

    async def remove(self, tenant: TenantId) -> bool:
        """Forget it, and its key. False where there was none."""
        ...
