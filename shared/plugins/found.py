"""What a source brought, checked and bounded: its words are a stranger's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.faults import BadRequest, PluginFault
from shared.core.schema import Schema
from shared.ports.plugins import Version

MOST_FINDINGS = 20
"""Of one plugin in one call."""
MOST_TEXT = 20_000
"""Code points of one finding."""
_TITLE, _URL = 300, 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """One source out of a plugin. Nobody here vouches for its words: fence them before a model reads them."""

    plugin: str
    version: int
    title: str
    url: str
    """Of the web, or empty."""
    text: str


def arguments(version: Version, given: Any) -> dict[str, Any]:
    """What the plugin's function is called with. Raises BadRequest where `given` is not what the plugin takes."""
    schema = version.manifest.input_schema
    problems = () if schema is None else Schema("input", schema).problems(given)
    if problems:
        raise BadRequest(f"'input' is not what the plugin takes: {problems[0]}", param="input")
    if version.manifest.kind == "action":
        if not isinstance(given, dict):
            raise BadRequest("'input' must be an object: the event.", param="input")
        return {"event": given}
    query = given.get("query") if isinstance(given, dict) else given
    if not isinstance(query, str):
        raise BadRequest("'input' must be a text, or {\"query\": text}.", param="input")
    return {"query": query}


def checked(version: Version, value: Any) -> Any:
    """A value as the plugin promised it. Raises PluginFault where it is not."""
    schema = version.manifest.output_schema
    problems = () if schema is None else Schema("output", schema).problems(value)
    if problems:
        raise PluginFault(f"The value is not what the plugin's output_schema says: {problems[0]}")
    if version.manifest.kind != "action":
        findings(version, value)
    return value


def findings(version: Version, value: Any) -> tuple[Finding, ...]:
    """A source's value as findings; those without a text are left out. Raises PluginFault for another form."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise PluginFault("A source must return a list of {title, url, text}.")
    found = []
    for item in value[:MOST_FINDINGS]:
        title, url, text = (_said(item, name) for name in ("title", "url", "text"))
        if text.strip():
            shown = url[:_URL] if url.startswith(("https://", "http://")) else ""
            title = " ".join(title.split())[:_TITLE] or version.name
            found.append(Finding(version.name, version.number, title, shown, text[:MOST_TEXT]))
    return tuple(found)


def _said(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PluginFault(f"'{name}' of a source's finding must be a text.")
    # What Postgres or a wire would choke on.
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
