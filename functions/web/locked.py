"""Answers that are kept for a repeat of their request, so that the request's own credential alone opens them.

An answer may hold a secret that is shown once and stored nowhere (`POST /v1/keys`). What is kept of it is encrypted
under a key made of the caller's credential, which we don't have: only its digest.
"""

import os

from shared.ports.idempotency import Keyed

_NONCE = 12
_PURPOSE = b"chatsmart idempotent answer 1"


def lock(credential: bytes, asked: Keyed, answer: bytes) -> bytes:
    """`answer`, for whoever comes with `credential` and this key of this tenant. Two locks of one answer differ."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(credential, asked)).encrypt(nonce, answer, asked.fingerprint)


def unlock(credential: bytes, asked: Keyed, locked: bytes) -> bytes | None:
    """The answer; None where it was locked with another credential, for another request, or was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(_key(credential, asked)).decrypt(locked[:_NONCE], locked[_NONCE:], asked.fingerprint)
    except InvalidTag:
        return None


def _key(credential: bytes, asked: Keyed) -> bytes:
    """256 bits. HKDF does for a credential, which is random; it would not do for a password."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=asked.tenant.encode() + asked.name, info=_PURPOSE).derive(credential)
