"""What a plugin may ask: which address text, which host, and which IP address behind its name.

The text is taken apart here, once, by rules narrower than any parser's, and the request is built out of the parts: no
second parser can read another host in it. A name is granted or not before it is looked up; every address that it has
must be public before one of them is connected to.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import quote, urljoin

from shared.core.faults import BadRequest, NotGranted
from shared.cutover.address import permitted

LONGEST = 8000
"""Characters of an address."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
CONNECTION = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade host content-length content-encoding accept-encoding expect".split()
)
"""Headers about one connection, or ours to set: never taken from a plugin, never given to one."""
_UNTOLD = CONNECTION | {"set-cookie", "set-cookie2", "clear-site-data", "alt-svc"}
_HARMLESS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""What goes along to another host; any other header may hold a secret that is for the first one."""
_MOST_HEADERS = 64
_MOST_HEADER_BYTES = 16 * 1024
_ADDRESS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""A last label that is a number: resolvers read such names as addresses, in forms that nobody checks (0x7f.1)."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_NAT64 = ip_network("64:ff9b::/96")
_HTTPS = 443
_MOST_ADDRESSES = 16


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, in parts that need no further reading."""

    scheme: str
    host: str
    """ASCII, lower case, without a dot at its end."""
    port: int
    path: str
    """Escaped, from its slash."""
    query: str
    """Escaped, without its mark."""
    local: bool
    """Of the operator's own list: loopback, and plain HTTP, for it alone."""

    @property
    def url(self) -> str:
        """The whole address, in one form."""
        usual = _HTTPS if self.scheme == "https" else 80
        port = "" if self.port == usual else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a secret is for."""
        return self.scheme, self.host, self.port


def target(url: str, granted: Collection[str], local: Collection[str]) -> Target:
    """What an address names. Raises BadRequest for what is no address, NotGranted for what may not be asked."""
    found = None if len(url) > LONGEST else _ADDRESS.fullmatch(url)
    if found is None or "\\" in url or any(map(_is_odd, url)):
        raise _bad("must be an address that begins with https://, without spaces or backslashes")
    scheme, place, path, query = found[1].lower(), found[2], found[3], (found[4] or "?")[1:]
    host, port = _place(place, scheme)
    here = host in local
    if not here:
        if _is_number(host):
            raise NotGranted("Hosts are asked by their names, not by an IP address.")
        if not _NAME.fullmatch(host):
            raise _bad(f"names no host that can be looked up: '{host[:60]}'")
        if scheme != "https":
            raise NotGranted(f"'{host}' may be asked over https only.")
    if not _is_granted(host, port, granted, here):
        raise NotGranted(f"The host '{host}'{'' if port == _HTTPS else f' at port {port}'} is not granted.")
    escaped = quote(path or "/", safe="/%:@!$&'()*+,;=~-._"), quote(query, safe="/?%:@!$&'()*+,;=~-._")
    return Target(scheme, host, port, *escaped, here)


def onward(here: Target, location: str, granted: Collection[str], local: Collection[str]) -> Target:
    """Where a redirect leads, under the same rules. Raises BadRequest, NotGranted."""
    try:
        url = urljoin(here.url, location)
    except ValueError:
        raise _bad("redirects to what is no address") from None
    there = target(url, granted, local)
    if here.scheme == "https" and there.scheme != "https":
        raise NotGranted(f"'{here.host}' redirects to plain http.")
    return there


def addresses(at: Target, found: Sequence[str]) -> tuple[str, ...]:
    """The addresses of a name, all of them public. Raises NotGranted where one is not: a name that has a private
    address beside a public one is made to lead inside."""
    for address in found:
        if not _public(address, at.local):
            raise NotGranted(f"'{at.host}' leads to an address that is not public.")
    return tuple(found[:_MOST_ADDRESSES])


def sent(headers: Mapping[str, str]) -> dict[str, str]:
    """A plugin's headers, as they may go out. Raises BadRequest."""
    kept = {}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
            raise BadRequest(f"'{name[:60]}' is no header that can be sent.", param="headers")
        if not value.isascii():
            raise BadRequest(f"The header '{name}' is not plain ASCII.", param="headers")
        if name.lower() not in CONNECTION:
            kept[name.lower()] = value.strip()
    if len(kept) > _MOST_HEADERS or sum(map(len, [*kept, *kept.values()])) > _MOST_HEADER_BYTES:
        raise BadRequest(
            f"A request may have {_MOST_HEADERS} headers of {_MOST_HEADER_BYTES // 1024} KiB together.",
            param="headers",
        )
    return kept


def harmless(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that may go to another host than they were written for."""
    return {name: value for name, value in headers.items() if name in _HARMLESS}


def told(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """An answer's headers, as a plugin may see them: those by one name joined."""
    kept: dict[str, str] = {}
    for name, value in headers[:_MOST_HEADERS]:
        lower = name.lower()
        if lower not in _UNTOLD:
            shown = value.encode("utf-8", "replace").decode()
            kept[lower] = f"{kept[lower]}, {shown}" if lower in kept else shown
    return kept


def named(host: str) -> str:
    """A host's name as it is looked up: ASCII, lower case. Raises BadRequest."""
    lower = host.lower()
    if not lower.isascii():
        import idna

        try:
            lower = idna.encode(host, uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise _bad("names no host that can be looked up") from None
    return lower.removesuffix(".")


def _place(place: str, scheme: str) -> tuple[str, int]:
    if "@" in place:
        raise _bad("must not hold a user name or password")
    if "[" in place or "]" in place:
        raise NotGranted("Hosts are asked by their names, not by an IP address.")
    host, colon, digits = place.partition(":")
    if colon and not re.fullmatch(r"[0-9]{1,5}", digits, re.ASCII):
        raise _bad("names no port")
    port = int(digits) if colon else _HTTPS if scheme == "https" else 80
    if not 0 < port < 2**16:
        raise _bad("names no port")
    return named(host), port


def _is_odd(letter: str) -> bool:
    """A blank, a control character, or half a character: parsers drop some of them without a word."""
    return letter <= " " or "\x7f" <= letter <= "\xa0" or "\ud800" <= letter <= "\udfff"


def _is_number(host: str) -> bool:
    return _NUMERIC.fullmatch(host) is not None


def _is_granted(host: str, port: int, granted: Collection[str], local: bool) -> bool:
    for pattern in granted:
        name, _, digits = pattern.partition(":")
        below = name.startswith("*.")
        try:
            ending = named(name.removeprefix("*."))
        except BadRequest:
            continue
        # All below a whole top-level domain is no grant of a host, and nothing is below a number.
        fits = (
            host.endswith("." + ending) and "." in ending and not _is_number(host)
            if below
            else host == ending
        )
        if fits and (digits == str(port) if digits else port == _HTTPS or local):
            return True
    return False


def _public(address: str, local: bool) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # A NAT64 prefix leads wherever the gateway leads, inside among it.
    return not (found.version == 6 and found in _NAT64) and permitted(address, local=local)


def _bad(what: str) -> BadRequest:
    return BadRequest(f"The address {what}.", param="url")
