"""What of a request goes to the old path, and what of its answer comes back: bodies byte for byte, headers by rule.

Inward a list of what may pass, because what stands before us adds headers of its own. A client adds any other with
`x-cutover-NAME: …`, which arrives there as NAME. The Authorization header is a ChatSmart key: it never passes.
"""

from collections.abc import Iterable

from starlette.types import Scope

from functions.web.body import header
from shared.core.faults import BadRequest
from shared.ports.oldpath import Header

HOP = b"x-chatsmart-hop"
"""On everything sent to an old path. One that arrives with it is not passed on again: two homes that name each other
as the old path would send it round for ever."""
OWN = b"x-cutover-"
_INWARD = {
    b"accept", b"accept-encoding", b"accept-language", b"content-type", b"content-encoding", b"user-agent",
    b"idempotency-key", b"traceparent", b"tracestate", b"x-client-request-id",
}  # fmt: skip
_INWARD_FAMILIES = (b"openai-", b"anthropic-", b"x-stainless-")
_OF_THE_CONNECTION = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade", b"host", b"content-length", b"expect",
}  # fmt: skip
_NOT_OUTWARD = _OF_THE_CONNECTION - {b"content-length"} | {
    # Ours stand in their place, or they speak of another host than the one that the caller sees.
    b"date", b"server", b"set-cookie", b"strict-transport-security", b"alt-svc", b"location",
    b"x-content-type-options",
}  # fmt: skip
_RENAMED = {b"x-request-id": b"x-cutover-request-id"}
"""Every answer has a request id of ours: the old path's stands beside it."""


def inward(given: Iterable[Header], key: str, secret: str) -> list[Header]:
    """The headers for the old path. `key` is the stored credential, `secret` the caller's own key here. Raises
    BadRequest where a header would carry that one along."""
    found = [(HOP, b"1")]
    for name, value in given:
        if name.startswith(OWN):
            name = name[len(OWN) :]
            if name in _OF_THE_CONNECTION or not name or (key and name == b"authorization"):
                continue
        elif name not in _INWARD and not name.startswith(_INWARD_FAMILIES):
            continue
        if secret and secret.encode("latin-1") in value:
            raise BadRequest(
                f"The header for '{name.decode('latin-1')}' holds the ChatSmart key: it stays here."
            )
        found.append((name, value))
    if key:
        found.append((b"authorization", b"Bearer " + key.encode("latin-1")))
    return found


def plain(headers: Iterable[Header]) -> list[Header]:
    """The same, for an answer that we read ourselves: uncompressed, and not counted as the caller's own request."""
    left_out = (b"accept-encoding", b"idempotency-key")
    return [
        *((name, value) for name, value in headers if name not in left_out),
        (b"accept-encoding", b"identity"),
    ]


def outward(given: Iterable[Header]) -> list[Header]:
    """The old path's headers for the caller."""
    found = []
    for name, value in given:
        name = name.lower()
        if name not in _NOT_OUTWARD and not name.startswith(b"x-chatsmart-"):
            found.append((_RENAMED.get(name, name), value))
    return found


def secret_of(scope: Scope) -> str:
    """The caller's own credential, as it came."""
    words = (header(scope, b"authorization") or b"").decode("latin-1").split()
    return words[-1] if words else ""
