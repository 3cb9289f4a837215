"""The world outside, in memory."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.core.faults import BadRequest, Fault, NotGranted, Overloaded, PluginStopped, Unavailable
from shared.ports.fetch import Fetched, FetchRequest


class FakeFetch:
    """`ports.fetch.Fetch`: pages by their address. What was asked, and let through, is kept in `asked`."""

    def __init__(self, pages: Mapping[str, Fetched | Fault] | None = None) -> None:
        """A Fault is raised in place of an answer; an address without a page can't be reached."""
        self.pages = dict(pages or {})
        self.asked: list[FetchRequest] = []
        self._closed = False

    async def fetch(self, request: FetchRequest) -> Fetched:
        """See the port."""
        if self._closed:
            raise Unavailable("The client is closed.")
        try:
            parts = urlsplit(request.url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if not host or parts.username is not None or parts.scheme not in ("http", "https"):
            raise BadRequest("The address must be an address that begins with https://.", param="url")
        if request.method.upper() not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            raise BadRequest("There is no such method.", param="method")
        if not any(_fits(pattern, host, port) for pattern in request.hosts):
            raise NotGranted(f"The host '{host}' is not granted.")
        self.asked.append(request)
        page = self.pages.get(request.url)
        if isinstance(page, Fault):
            raise page
        if page is None:
            raise Overloaded(f"'{host}' can't be reached.")
        if len(page.body) > request.most:
            raise PluginStopped(f"The answer of '{host}' is over {request.most // 1024} KiB.", limit="output")
        return page

    async def close(self) -> None:
        """See the port."""
        self._closed = True


def _fits(pattern: str, host: str, port: int | None) -> bool:
    name, _, digits = pattern.partition(":")
    if digits and int(digits) != port:
        return False
    below = name.startswith("*.") and name.count(".") > 1 and not host.rpartition(".")[2].isdigit()
    return host.endswith(name[1:]) if below else host == name
