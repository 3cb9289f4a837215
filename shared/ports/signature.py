"""Whether a message comes from whom it says."""

from typing import Protocol


class Signature(Protocol):
    """One sender's way of signing what it sends."""

    def check(self, body: bytes, signature: str) -> None:
        """Raises Forbidden where the signature is missing, too old or not theirs."""
        ...
