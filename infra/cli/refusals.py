"""What a refusal says to a person at a command line: the server's reason, and advice that can be followed here."""

import re
from collections.abc import Mapping
from typing import Any

from infra.cli.trouble import Trouble

_HTTP = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE) /|\bsend the request|\bAuthorization:", re.IGNORECASE)
"""Advice for whoever writes HTTP requests."""
_LINE = re.compile(r"\s*\b(?:See )?(?:GET|POST|PUT|PATCH|DELETE) /[^.]*\.")
"""The same as a sentence within the reason."""
_HERE = {"over_budget": "Raise --budget-micros, or ask for less."}


class Refusal(Trouble):
    """A server's no. `slug` is the fault's code on the wire, empty where it named none."""

    def __init__(self, message: str, slug: str = "") -> None:
        super().__init__(message)
        self.slug = slug


def sentence(said: str, advice: str = "", slug: str = "") -> str:
    """Reason and advice as sentences; advice on HTTP requests is left out, or said in terms of options."""
    if _HTTP.search(advice):
        advice = _HERE.get(slug, "")
    said = _LINE.sub("", said).strip() or said.strip()
    if advice and said and said[-1] not in ".!?…":
        said += "."
    return f"{said} {advice}".strip()


def fields_of(pipelines: list[Mapping[str, Any]], name: str) -> str:
    """A line on the fields that a pipeline takes; empty where it is not among `pipelines`."""
    for pipeline in pipelines:
        if pipeline.get("name") == name:
            fields = pipeline.get("fields") or {}
            needed = fields.get("required") or []
            told = [
                _field(one, schema, one in needed) for one, schema in (fields.get("properties") or {}).items()
            ]
            return f"{name} takes {', '.join(told)}." if told else ""
    return ""


def _field(name: str, schema: Mapping[str, Any], needed: bool) -> str:
    notes = ["needed"] if needed else []
    if schema.get("type") == "array":
        notes.append(f"""a list: --field '{name}=["a","b"]'""")
    return f"{name} ({', '.join(notes)})" if notes else name
