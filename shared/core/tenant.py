"""Who asks."""

from dataclasses import dataclass
from typing import Literal

from shared.core.ids import KeyId, TenantId

Scope = Literal["member", "operator"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller: the tenant comes from a key or a signed token, never from the request's own words."""

    tenant: TenantId
    actor: str
    """`key_…` for an API key, the subject of the token for a person."""
    key: KeyId | None = None
    scopes: frozenset[Scope] = frozenset({"member"})
