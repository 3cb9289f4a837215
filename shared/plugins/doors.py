"""What a plugin can reach: the host's `fetch` and `log`. Secrets are filled in here, outside the program, and taken out
of whatever comes back, so that no program ever holds one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from shared.core.faults import BadRequest, Fault, NotGranted, PluginStopped
from shared.ports.fetch import Fetch, FetchRequest
from shared.ports.plugins import Grants
from shared.ports.sandbox import Door

MOST_BYTES = 2 * 1024 * 1024
"""Of one answer, and of one request."""
MOST_LOGGED = 200
"""Lines that one call may log."""
_LINE = 2000
_SECONDS = 10.0
"""Of one request."""
_MARK = re.compile(r"\{\{\s*secret:([a-z0-9_-]+)\s*\}\}")
_SHORTEST = 6
"""Characters of a secret that is looked for in answers: a shorter one would be found in anything."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_MOST_DEEP = 50
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Filling:
    """The secrets of one call: marks become values on the way out, values are taken out on the way in.

    A mark `{{secret:NAME}}` counts only where the plugin's author wrote it: `armed` gives those in its text a tag that
    nobody else can know, and only marks with the tag are filled. So a title that a model wrote, or a page that was
    fetched, can't have a secret sent along.
    """

    def __init__(self, granted: tuple[str, ...], values: Mapping[str, str]) -> None:
        """`values` are the granted secrets that are set."""
        self._granted, self._values = granted, values
        # Derived, not drawn: the armed text of a version stays the same from call to call.
        told = orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS)
        self._tag = blake2b(told, digest_size=12, person=b"plugin-secrets").hexdigest()
        self._armed = re.compile(rf"\{{{{1,2}}secret:([a-z0-9_-]+):{self._tag}\}}{{1,2}}")
        shown = ((form, f"[secret:{name}]") for name, value in values.items() for form in _forms(value))
        self._shown = sorted(
            (pair for pair in shown if len(pair[0]) >= _SHORTEST), key=lambda pair: -len(pair[0])
        )

    def armed(self, written: str) -> str:
        """An author's own text with its marks tagged. Lines stay lines."""
        return _MARK.sub(lambda mark: f"{{{{secret:{mark[1]}:{self._tag}}}}}", written)

    def into(self, text: str, shape: Callable[[str], str] = str) -> str:
        """`text` with its tagged marks filled. Raises NotGranted for a secret that is not granted, BadRequest
        for one that is not set."""
        return self._armed.sub(lambda mark: shape(self._value(mark[1])), text) if self._tag in text else text

    def into_url(self, url: str) -> str:
        """An address with its marks filled, escaped; its host must be plain, or a secret could be looked up as one."""
        scheme, colon, rest = url.partition("://")
        cut = next((at for at, letter in enumerate(rest) if letter in "/?#\\"), len(rest))
        host, path = rest[:cut], rest[cut:]
        if self._tag in scheme or self._tag in host:
            raise BadRequest("A secret can't stand in the host of an address.", param="url")
        path, question, query = path.partition("?")
        path = self.into(path, lambda value: quote(value, safe="/"))
        return scheme + colon + host + path + question + self.into(query, lambda value: quote(value, safe=""))

    def into_json(self, value: Any, deep: int = 0) -> Any:
        """A JSON value with the marks in its texts filled."""
        if deep > _MOST_DEEP:
            raise BadRequest("'json' is nested too deeply.", param="json")
        if isinstance(value, str):
            return self.into(value)
        if isinstance(value, list | tuple):
            return [self.into_json(item, deep + 1) for item in value]
        if isinstance(value, dict):
            return {str(name): self.into_json(item, deep + 1) for name, item in value.items()}
        return value

    def out_of(self, text: str) -> str:
        """`text` without the values of secrets and their tag: an asked host may send them back."""
        for value, mark in self._shown:
            text = text.replace(value, mark)
        return text.replace(f":{self._tag}", "")

    def out_of_fault(self, fault: Fault) -> None:
        """The same for what a fault says."""
        fault.args = (self.out_of(fault.message), *fault.args[1:])

    def out_of_json(self, value: Any) -> Any:
        """A JSON value whose texts hold neither. `value` has passed a sandbox, so it is no deeper than JSON may be."""
        if isinstance(value, str):
            return self.out_of(value)
        if isinstance(value, list):
            return [self.out_of_json(item) for item in value]
        if isinstance(value, dict):
            return {self.out_of(name): self.out_of_json(item) for name, item in value.items()}
        return value

    def _value(self, name: str) -> str:
        if name not in self._granted:
            raise NotGranted(f"The secret '{name[:60]}' is not granted to this plugin.")
        if name not in self._values:
            raise BadRequest(f"The secret '{name}' is not set: PUT /v1/plugins/secrets/{name} sets it.")
        return self._values[name]


def _forms(value: str) -> set[str]:
    """How a secret may come back: as it is, escaped for an address, for JSON."""
    return {value, quote(value, safe=""), quote(value, safe="/"), orjson.dumps(value).decode()[1:-1]}


def marked(written: str) -> frozenset[str]:
    """The secrets that an author's text names."""
    return frozenset(_MARK.findall(written))


@dataclass(slots=True)
class Trail:
    """What a call did outside, as it goes on."""

    hosts: list[str] = field(default_factory=list)
    fetches: int = 0
    size: int = 0
    """Bytes that came back."""
    logged: list[str] = field(default_factory=list)
    passing: bool = False
    """Whether the last request failed in a way that passes: the host was busy, or out of reach."""


@dataclass(frozen=True, slots=True)
class Got:
    """An answer from outside, as the program may see it."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str

    def header(self, name: str) -> str:
        """A header by its name, whatever its case; empty where it is missing."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


class Outward:
    """Requests of one call: counted, bounded, only to granted hosts, with its secrets."""

    def __init__(self, fetch: Fetch, grants: Grants, filling: Filling, trail: Trail) -> None:
        self._fetch, self._grants, self.filling, self.trail = fetch, grants, filling, trail

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None, json: Any = None
    ) -> Got:
        """One request. Raises PluginStopped past the granted number, BadRequest for what was asked wrong, and what
        `ports.fetch` raises; none of them tells a secret."""
        if self.trail.fetches >= self._grants.fetches:
            raise PluginStopped(
                f"The plugin may make {self._grants.fetches} requests in one call.", limit="fetches"
            )
        self.trail.fetches += 1
        filled = {name: _header(name, self.filling.into(value)) for name, value in headers.items()}
        sent = b"" if body is None else self.filling.into(body).encode()
        if json is not None:
            sent = orjson.dumps(self.filling.into_json(json))
            if "content-type" not in {name.lower() for name in filled}:
                filled["Content-Type"] = "application/json"
        if len(sent) > MOST_BYTES:
            raise BadRequest(f"The body of a request may have {MOST_BYTES} bytes.", param="body")
        request = FetchRequest(
            url=self.filling.into_url(url),
            method=method,
            headers=filled,
            body=sent,
            hosts=frozenset(self._grants.hosts),
            seconds=_SECONDS,
            most=MOST_BYTES,
        )
        try:
            fetched = await self._fetch.fetch(request)
        except Fault as fault:
            self.trail.passing = fault.retryable
            # An address that is named in the fault may hold a secret by now.
            self.filling.out_of_fault(fault)
            raise
        self.trail.size += len(fetched.body)
        self.trail.passing = fetched.status in _PASSING
        host = (urlsplit(url).hostname or "")[:255]
        if host not in self.trail.hosts:
            self.trail.hosts.append(host)
        return Got(
            fetched.status,
            {name: self.filling.out_of(value) for name, value in fetched.headers.items()},
            self.filling.out_of(fetched.body.decode("utf-8", "replace")),
            self.filling.out_of(fetched.url),
        )


def _header(name: str, value: str) -> str:
    if not name.replace("-", "").isalnum() or not name.isascii() or any(ord(letter) < 32 for letter in value):
        raise BadRequest(f"'{name[:60]}' is no header that can be sent.", param="headers")
    if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
        raise BadRequest(f"The header '{name}' is the host's own to set.", param="headers")
    return value


def fetching(outward: Outward) -> Door:
    """`fetch(url, method="GET", headers=None, body=None, json=None, params=None)` ->
    {status, headers, text, json, url}.

    `params` are put into the query of the address, escaped."""

    async def fetch(_name: str, args: Mapping[str, Any]) -> Any:
        given = _by_name(args, ("url", "method", "headers", "body", "json", "params"))
        url, method = given.get("url"), given.get("method") or "GET"
        headers, body = given.get("headers") or {}, given.get("body")
        if not isinstance(url, str) or not isinstance(method, str) or method.upper() not in _METHODS:
            raise BadRequest(f"fetch takes an address, and a method out of: {', '.join(_METHODS)}.")
        if not isinstance(headers, dict) or not all(
            isinstance(part, str) for pair in headers.items() for part in pair
        ):
            raise BadRequest("The headers of fetch must be texts by name.", param="headers")
        if body is not None and not isinstance(body, str):
            raise BadRequest("The body of fetch must be a text; 'json' takes any value.", param="body")
        got = await outward.send(
            method.upper(), _asked(url, given.get("params")), headers, body, given.get("json")
        )
        return {
            "status": got.status,
            "headers": {name.lower(): value for name, value in got.headers.items()},
            "text": got.text,
            "json": _parsed(got),
            "url": got.url,
        }

    return fetch


def _by_name(args: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    """A door's arguments by name. Raises BadRequest for one that it does not take."""
    found: dict[str, Any] = {}
    for key, value in args.items():
        name = names[int(key)] if key.isdigit() and int(key) < len(names) else key
        if name not in names or name in found:
            raise BadRequest(f"There is no such argument, or it is given twice: {key[:60]}.")
        found[name] = value
    return found


def _asked(url: str, params: Any) -> str:
    if not params:
        return url
    if not isinstance(params, dict) or not all(
        isinstance(part, str | int | float) for part in params.values()
    ):
        raise BadRequest("The params of fetch must be texts or numbers by name.", param="params")
    # A tagged mark stays as it is: it is escaped once it is filled.
    pairs = "&".join(
        f"{quote(str(name), safe='')}={quote(str(part), safe='{}:')}" for name, part in params.items()
    )
    return url + ("&" if "?" in url else "?") + pairs


def logging(trail: Trail) -> Door:
    """`log(text)`: a line beside what is printed."""

    async def log(_name: str, args: Mapping[str, Any]) -> Any:
        if len(trail.logged) < MOST_LOGGED:
            trail.logged.append(str(_by_name(args, ("text",)).get("text"))[:_LINE])

    return log


def _parsed(got: Got) -> Any:
    """The JSON of an answer that says it is such; None where it is not."""
    if "json" not in got.header("content-type"):
        return None
    try:
        return orjson.loads(got.text)
    except ValueError:
        return None
