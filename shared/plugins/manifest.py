"""What a plugin may be called, ask for and be made of: everything that is refused before it is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson

from shared.core.faults import BadRequest, NotGranted, TooLarge
from shared.core.schema import Schema
from shared.core.text import sound
from shared.plugins.doors import marked
from shared.ports.plugins import Grants, Kind, Manifest, Remote

EVENTS = ("document.finished",)
"""What an action can be called on."""
ENTRIES: Mapping[Kind, str] = {"source": "fetch_sources", "action": "run"}
"""The function that is called."""
MOST_SOURCE = 64 * 1024
"""Bytes of a plugin's text."""
MOST_SECONDS, MOST_MEMORY, MOST_FETCHES = 10.0, 256, 50
"""The house's bounds of one call: seconds of the program's own, MiB, requests."""
MOST_NAMED = 20
"""Hosts, and as many secrets and tools, of one plugin."""
NAME = r"^[a-z][a-z0-9-]{0,47}$"
"""The form of a plugin's name."""
OF_SECRETS = r"^[a-z][a-z0-9_-]{0,47}$"
"""The form of a secret's name."""
_HOST = re.compile(
    r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::\d{1,5})?"
)
_DEFINED = re.compile(r"^(?:async[ \t]+)?def[ \t]+(fetch_sources|run)[ \t]*\(", re.MULTILINE)
_TOOL = re.compile(r"[\w./-]{1,128}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_RESERVED = frozenset({"secrets"})
"""An address of its own below /v1/plugins."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A version as its author hands it in. None is the default."""

    name: str
    source: str = ""
    kind: str | None = None
    """None: by the function that the text defines, or by `remote`."""
    hosts: tuple[str, ...] | None = None
    secrets: tuple[str, ...] = ()
    seconds: float | None = None
    memory_mib: int | None = None
    fetches: int | None = None
    events: tuple[str, ...] | None = None
    remote: Remote | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    activate: bool = True


def named(name: str) -> str:
    """A plugin's name. Raises BadRequest for what can't be one."""
    if not re.fullmatch(NAME, name) or name in _RESERVED:
        raise BadRequest(
            "'name' must be 1 to 48 of a-z, 0-9 and '-', must begin with a letter, and can't be 'secrets'.",
            param="name",
        )
    return name


def secret_named(name: str, param: str = "name") -> str:
    """A secret's name. Raises BadRequest for what can't be one."""
    if not re.fullmatch(OF_SECRETS, name):
        raise BadRequest(
            f"'{name[:60]}' can't name a secret: 1 to 48 of a-z, 0-9, '_' and '-', a letter first.",
            param=param,
        )
    return name


def manifest_of(draft: Draft) -> Manifest:
    """The manifest that a draft asks for. Raises BadRequest that names the field, NotGranted, TooLarge."""
    named(draft.name)
    kind = _kind(draft)
    if len(sound(draft.source, "source").encode()) > MOST_SOURCE:
        raise TooLarge(f"'source' has more than {MOST_SOURCE} bytes.", param="source")
    remote = None if kind != "mcp" else _remote(draft)
    _granted(draft)
    schemas = {"input_schema": draft.input_schema, "output_schema": draft.output_schema}
    for name, schema in schemas.items():
        if schema is not None:
            Schema(name, schema)
    return Manifest(
        kind=kind,
        grants=_grants(draft, remote),
        events=_events(draft, kind),
        remote=remote,
        input_schema=draft.input_schema,
        output_schema=draft.output_schema,
    )


def _granted(draft: Draft) -> None:
    """Raises NotGranted for a secret that the text names and the draft does not."""
    written = [draft.source] if draft.remote is None else list(draft.remote.headers.values())
    for name in sorted(frozenset[str]().union(*map(marked, written)) - set(draft.secrets)):
        raise NotGranted(f"The text uses the secret '{name}', which 'grants.secrets' does not name.")


def digest_of(source: str, manifest: Manifest) -> str:
    """Names what runs: equal for equal text under equal grants. Hex of SHA-256."""
    stated = orjson.dumps(asdict(manifest), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return sha256(stated + b"\0" + source.encode()).hexdigest()


def _kind(draft: Draft) -> Kind:
    if draft.remote is not None or draft.kind == "mcp":
        if draft.remote is None or draft.source or draft.kind not in (None, "mcp"):
            raise BadRequest("A plugin of the kind 'mcp' has 'mcp' and no 'source'.", param="mcp")
        return "mcp"
    if not draft.source.strip():
        raise BadRequest("'source' is missing: the plugin's text.", param="source")
    defined = set(_DEFINED.findall(draft.source))
    for kind, entry in ENTRIES.items():
        if draft.kind == kind or (draft.kind is None and defined == {entry}):
            if entry not in defined:
                raise BadRequest(f"A plugin of the kind '{kind}' must define {entry}(…).", param="source")
            return kind
    if draft.kind is not None:
        raise BadRequest(f"'{draft.kind[:60]}' is no kind; there are: source, action, mcp.", param="kind")
    raise BadRequest(
        "The text must define one of fetch_sources(query) and run(event); with both, say which 'kind' it is.",
        param="source",
    )


def _grants(draft: Draft, remote: Remote | None) -> Grants:
    hosts = draft.hosts
    if hosts is None:
        hosts = () if remote is None else (_authority(remote.url),)
    if len(hosts) > MOST_NAMED or len(draft.secrets) > MOST_NAMED:
        raise BadRequest(f"At most {MOST_NAMED} hosts and as many secrets can be granted.", param="grants")
    house = Grants()
    return Grants(
        hosts=tuple(dict.fromkeys(_host(host) for host in hosts)),
        secrets=tuple(dict.fromkeys(secret_named(name, "grants.secrets") for name in draft.secrets)),
        seconds=_within("seconds", draft.seconds, house.seconds, 0.05, MOST_SECONDS),
        memory_mib=int(_within("memory_mib", draft.memory_mib, house.memory_mib, 4, MOST_MEMORY)),
        fetches=int(_within("fetches", draft.fetches, house.fetches, 0, MOST_FETCHES)),
    )


def _host(host: str) -> str:
    lowered = host.strip().lower().rstrip(".").removesuffix(":443")
    if len(lowered) > 255 or not _HOST.fullmatch(lowered):
        raise BadRequest(
            f"'{host[:60]}' is no host: a name as in 'api.example.com', or '*.example.com' for all below it, without "
            "'https://' and path.",
            param="grants.hosts",
        )
    if lowered.startswith("*.") and lowered.count(".") < 2:  # '*.com' would be half the world
        raise BadRequest(f"'{host[:60]}' is too wide: name the domain.", param="grants.hosts")
    return lowered


def _within(name: str, given: float | None, default: float, least: float, most: float) -> float:
    value = default if given is None else given
    if not least <= value <= most:
        raise BadRequest(f"'grants.{name}' must be from {least:g} to {most:g}.", param=f"grants.{name}")
    return value


def _events(draft: Draft, kind: Kind) -> tuple[str, ...]:
    if kind != "action":
        if draft.events:
            raise BadRequest("Only an action has 'events'.", param="events")
        return ()
    events = (EVENTS[0],) if draft.events is None else tuple(dict.fromkeys(draft.events))
    _known(events, EVENTS, "events")
    return events


def _known(given: Sequence[str], known: Sequence[str], param: str) -> None:
    for name in given:
        if name not in known:
            raise BadRequest(f"'{name[:60]}' is no event; there are: {', '.join(known)}.", param=param)


def _remote(draft: Draft) -> Remote:
    remote = draft.remote
    assert remote is not None
    _authority(remote.url)
    if "{{" in remote.url or len(remote.url) > 2000:  # characters
        raise BadRequest("'mcp.url' must be a plain address of at most 2000 characters.", param="mcp.url")
    if not 0 < len(remote.tools) <= MOST_NAMED or not all(_TOOL.fullmatch(tool) for tool in remote.tools):
        raise BadRequest(
            f"'mcp.tools' must name 1 to {MOST_NAMED} tools that may be called.", param="mcp.tools"
        )
    for name, value in remote.headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable() or len(value) > 2000:
            raise BadRequest("'mcp.headers' must be names and printable texts.", param="mcp.headers")
    if not 0 < len(remote.argument) <= 64:  # characters
        raise BadRequest(
            "'mcp.argument' must name the argument that takes the question.", param="mcp.argument"
        )
    return Remote(remote.url, tuple(dict.fromkeys(remote.tools)), dict(remote.headers), remote.argument)


def _authority(url: str) -> str:
    """Host and, where it is not the scheme's own, port of an address."""
    try:
        parts = urlsplit(sound(url, "mcp.url"))
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        raise BadRequest("'mcp.url' must be an address: https://host/path.", param="mcp.url")
    return host if port in (None, 443) else f"{host}:{port}"
