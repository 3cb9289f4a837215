"""Stripe's webhook signatures: HMAC-SHA256 over time and body, several secrets while one is rotated.

The SDK does the check; it is loaded with the first webhook, since it takes a fifth of a second to import.
"""

from shared.core.faults import Forbidden

_TOLERANCE = 300
"""Seconds: how old a signature may be. Stripe's own figure; an older one is a replay."""


class StripeSignature:
    """`ports.signature.Signature` with the endpoint's secrets (`whsec_…`), newest first."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def check(self, body: bytes, signature: str) -> None:
        """See the port."""
        from stripe import SignatureVerificationError, WebhookSignature

        for secret in self._secrets:
            try:
                WebhookSignature.verify_header(body.decode(), signature, secret, _TOLERANCE)
            except (SignatureVerificationError, UnicodeDecodeError):
                continue
            return
        raise Forbidden("This was not signed with the endpoint's secret, or too long ago.")
