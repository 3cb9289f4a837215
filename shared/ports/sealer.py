"""Secrets at rest."""

from typing import Protocol

from shared.core.ids import TenantId


class Sealer(Protocol):
    """Encrypts what has to be stored and read again: another service's key, a customer's secret.

    A sealed text opens only for the tenant and the name that it was sealed for, so that a row which is copied to
    another tenant, or to another column, is worth nothing.
    """

    def seal(self, tenant: TenantId, name: str, text: str) -> bytes:
        """`text`, sealed. Two seals of one text differ. Raises OurFault where no key is set."""
        ...

    def unseal(self, tenant: TenantId, name: str, sealed: bytes) -> str:
        """The text. Raises OurFault where it was sealed for something else, with another key, or was changed."""
        ...
