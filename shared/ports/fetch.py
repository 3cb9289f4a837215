"""The only way out for plugins: requests to hosts that are granted, and to no address of our own networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What is asked, and within which bounds."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hosts: frozenset[str] = frozenset()
    """Granted: names, exact (`api.example.com`) or all below one (`*.example.com`, which is not `example.com` itself);
    with a port where it is another than 443 (`api.example.com:8443`)."""
    seconds: float = 10.0
    """For all of it, redirects among it."""
    most: int = 2 * 2**20
    """Bytes of the answer's body, both as sent and as unpacked."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case. Cookies, and what is about one connection only, are taken out."""
    body: bytes
    """Unpacked."""
    url: str
    """Of the last answer, after redirects."""


class Fetch(Protocol):
    """Asks a host on behalf of a plugin: no cookies, no proxies, no credentials but those in the request."""

    async def fetch(self, request: FetchRequest) -> Fetched:
        """The answer, whatever its status.

        Raises NotGranted for a host or an address that may not be asked (nothing has been sent to it then), BadRequest
        for what is no request, PluginStopped past `seconds` or `most`, and Overloaded or Cut where the host can't be
        reached or breaks off.
        """
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...
