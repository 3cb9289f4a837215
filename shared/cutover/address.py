"""Which addresses a tenant may have us call. A base URL is a stranger's input: it must never lead inside.

The name is looked at when it is set, so that a mistake is told at once. What protects is `permitted`: it is asked for
the very address that a connection is about to be made to, so that a name which resolves to another address later, or
to several, gains nothing.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from shared.core.faults import BadRequest

_LONGEST = 500
_NAME = re.compile(
    r"(?=.{1,253}$)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)\.?", re.IGNORECASE
)
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
"""A last label that is a number: resolvers read such names as addresses, in forms that nobody checks (0x7f.1)."""
_INSIDE = ("localhost", "local", "internal", "lan", "home", "corp", "intranet", "home.arpa", "in-addr.arpa")
_PARAM = "base_url"

# IANA's registries of special-purpose addresses, multicast, and one cloud's address for its metadata in public space.
# Written out: what `ipaddress` calls global differs between patch versions of Python.
_CLOSED_4 = tuple(
    map(
        ip_network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 "
        "198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32".split(),
    )
)
_OPEN_6 = ip_network("2000::/3")
_CLOSED_6 = tuple(map(ip_network, "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()))
_NAT64 = ip_network("64:ff9b::/96")


def base_url(text: str, *, local: bool) -> str:
    """The address without a slash at its end. `local`: this machine's own is allowed, and plain HTTP. Raises
    BadRequest saying what is wrong with it."""
    if not text.isascii() or not text.isprintable() or re.search(r"[\s\\]", text) or len(text) > _LONGEST:
        raise _bad("must be an address in plain ASCII, without spaces")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _bad("is no address") from None
    if parts.scheme not in ("https", "http"):
        raise _bad("must begin with https://")
    if parts.scheme == "http" and not local:
        raise _bad("must begin with https://: plain HTTP would carry keys and answers in the open")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _bad("must not hold a user name or password; the key goes into 'api_key'")
    if "?" in text or "#" in text or ".." in parts.path or "%" in text:
        raise _bad("must end with its path, as in https://api.example.com/v1")
    if port == 0:
        raise _bad("names port 0")
    _check_host(host, local)
    return text.rstrip("/")


def permitted(address: str, *, local: bool) -> bool:
    """Whether a connection may be made to this IP address: a public one; `local`: loopback as well."""
    try:
        found = ip_address(address)
    except ValueError:  # a zone, a name: nothing that a resolver gives for a public host
        return False
    if local and (found.is_loopback):
        return True
    if isinstance(found, IPv4Address):
        return _public_4(found)
    return _public_6(found)


def _public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _CLOSED_4)


def _public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:  # how a network without IPv4 names the public hosts that have nothing else
        return _public_4(IPv4Address(address.packed[-4:]))
    # IPv4 inside IPv6 (mapped, compatible, 6to4, Teredo) lies outside 2000::/3 or is listed.
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


def _check_host(host: str, local: bool) -> None:
    bare = host.lower().rstrip(".")
    if not bare:
        raise _bad("names no host")
    try:
        ip_address(bare)
    except ValueError:
        _check_name(host, bare, local)
        return
    if not permitted(bare, local=local):
        raise _bad(f"leads to {bare}, which is no public address")


def _check_name(host: str, bare: str, local: bool) -> None:
    if not _NAME.fullmatch(host) or _NUMERIC_END.fullmatch(host):
        raise _bad("names no host that can be looked up")
    if local and bare == "localhost":
        return
    if "." not in bare or any(bare == end or bare.endswith("." + end) for end in _INSIDE):
        raise _bad(f"names '{bare}', which is no public host")


def _bad(what: str) -> BadRequest:
    return BadRequest(f"'base_url' {what}.", param=_PARAM)
