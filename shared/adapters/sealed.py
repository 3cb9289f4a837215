"""Secrets at rest: AES-256-GCM, with tenant and name as associated data.

What is stored: one byte for the format, four that tell which key, twelve of nonce, the text and its tag. A nonce is 96
random bits, so one key is good for some 2^32 seals (NIST SP 800-38D, 8.3).
"""

import base64
import binascii
import os
from hashlib import sha256

from shared.core.faults import OurFault
from shared.core.ids import TenantId

_FORMAT = b"\x01"
_KEY = 32
_MARK = 4
_NONCE = 12
_HEAD = 1 + _MARK + _NONCE


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys in CHATSMART_SECRET_KEY: 32 bytes each in URL-safe base64, the current one first, older ones behind
    commas. Raises ValueError."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            key = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY:
            raise ValueError("a secret key is 32 random bytes in URL-safe base64 (43 characters)")
        found.append(key)
    return tuple(found)


def fresh_key() -> str:
    """A new key, as the setting holds it."""
    return base64.urlsafe_b64encode(os.urandom(_KEY)).decode().rstrip("=")


class AesSealer:
    """`ports.sealer.Sealer`. The first key seals; all of them unseal, so that a key can be replaced."""

    def __init__(self, secret_key: str) -> None:
        """`secret_key` as the setting holds it; empty: nothing can be sealed. Raises ValueError."""
        self._keys = {sha256(key).digest()[:_MARK]: key for key in keys_of(secret_key)}

    def seal(self, tenant: TenantId, name: str, text: str) -> bytes:
        """See the port."""
        if not self._keys:
            raise OurFault("Nothing secret can be stored here: CHATSMART_SECRET_KEY is not set.")
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        mark, key = next(iter(self._keys.items()))
        nonce = os.urandom(_NONCE)
        return _FORMAT + mark + nonce + AESGCM(key).encrypt(nonce, text.encode(), _about(tenant, name))

    def unseal(self, tenant: TenantId, name: str, sealed: bytes) -> str:
        """See the port."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(sealed[1 : 1 + _MARK])
        if key is None or sealed[:1] != _FORMAT:
            raise OurFault(
                "A stored secret was sealed with a key that is not in CHATSMART_SECRET_KEY any more."
            )
        try:
            nonce = sealed[1 + _MARK : _HEAD]
            return AESGCM(key).decrypt(nonce, sealed[_HEAD:], _about(tenant, name)).decode()
        except (InvalidTag, ValueError):
            raise OurFault(
                "A stored secret can't be read: it was changed, or is not this tenant's."
            ) from None


def _about(tenant: TenantId, name: str) -> bytes:
    return f"{tenant}\x1f{name}".encode()
