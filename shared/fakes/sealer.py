"""Secrets at rest, in memory."""

from shared.core.faults import OurFault
from shared.core.ids import TenantId


class MemorySealer:
    """`ports.sealer.Sealer`: a sealed text is the number of a drawer."""

    def __init__(self) -> None:
        self._drawers: list[tuple[TenantId, str, str]] = []

    def seal(self, tenant: TenantId, name: str, text: str) -> bytes:
        """See the port."""
        self._drawers.append((tenant, name, text))
        return b"drawer %d" % len(self._drawers)

    def unseal(self, tenant: TenantId, name: str, sealed: bytes) -> str:
        """See the port."""
        number = sealed.removeprefix(b"drawer ")
        if number.isdigit() and 0 < int(number) <= len(self._drawers):
            owner, called, text = self._drawers[int(number) - 1]
            if (owner, called) == (tenant, name):
                return text
        raise OurFault("A stored secret can't be read: it was changed, or is not this tenant's.")
