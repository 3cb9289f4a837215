"""REDIS_URL, read: one server, or a cluster; in plain text, or under TLS with the certificate checked.

  redis://user:password@host:6379/0      rediss://…  the same under TLS
  redis+cluster://user:password@host     rediss+cluster://…  any node of a cluster, or its one endpoint
  unix:///path/of/the.sock

A cluster is said, not found out: nothing is asked before the first command, and a server that turns out to be a node of
one says so in words (`troubles`). Whose certificate is not signed by a public authority names its authority's file:
`?ssl_ca_certs=/path/ca.pem`. Checking can't be switched off.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import certifi

SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
_UNCHECKED = ("ssl_cert_reqs", "ssl_check_hostname")
_TAKEN = ("client_name", "db", "health_check_interval", "password", "username")
_TAKEN_UNDER_TLS = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_keyfile_password")


class BadAddress(ValueError):
    """A text that is no address of a Redis that may be used. Tells no password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is. `url` is as the driver takes it, `options` goes with it."""

    url: str = field(repr=False)
    cluster: bool
    tls: bool
    options: dict[str, Any]


def address_of(url: str) -> Address:
    """Raises BadAddress."""
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        port = parts.port
    except ValueError:
        raise BadAddress("REDIS_URL is no address.") from None
    if parts.scheme not in SCHEMES:
        raise BadAddress(f"REDIS_URL has to begin with one of: {', '.join(f'{one}://' for one in SCHEMES)}.")
    for name in _UNCHECKED:
        if name in asked:
            raise BadAddress(
                f"REDIS_URL: {name} is not taken, a certificate is always checked. "
                "Name the authority's file instead: ?ssl_ca_certs=/path/ca.pem"
            )
    scheme, _, cluster = parts.scheme.partition("+")
    tls = scheme == "rediss"
    taken = (*_TAKEN, *_TAKEN_UNDER_TLS) if tls else _TAKEN
    for name in asked:
        if name not in taken:
            raise BadAddress(
                f"REDIS_URL: {name} is not taken with {parts.scheme}://; these are: {', '.join(taken)}."
            )
    if cluster and (parts.path.strip("/") not in ("", "0") or "db" in asked or not parts.hostname):
        raise BadAddress("REDIS_URL: a cluster has a host, and one database only, 0.")
    del port
    # What the URL says goes before this.
    options: dict[str, Any] = {}
    if scheme != "unix":
        options["socket_keepalive"] = (
            True  # what a proxy drops without a word is found dead before it is needed
        )
    if tls and "ssl_ca_certs" not in asked:
        options["ssl_ca_certs"] = certifi.where()
    return Address(parts._replace(scheme=scheme).geturl(), bool(cluster), tls, options)
