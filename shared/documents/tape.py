"""A run's log entries as JSON and back: what `GET /v1/audit/{run}/tape` gives and `chatsmart replay` reads."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from shared.core.entry import Entry
from shared.core.faults import BadRequest
from shared.core.usage import Usage

_BYTES = ("request", "response")


def entries_to_json(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Entries as JSON objects: bytes in base64, times in RFC 3339, everything else as it is."""
    return [_to_json(entry) for entry in entries]


def _to_json(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: getattr(entry, field.name) for field in fields(entry)}
    row["at"] = entry.at.isoformat()
    row["body"] = dict(entry.body)
    row["usage"] = None if entry.usage is None else asdict(entry.usage)
    for name in _BYTES:
        row[name] = b64encode(row[name]).decode()
    return row


def entries_from_json(rows: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The entries that `entries_to_json` wrote. Raises BadRequest where a row is not one of them."""
    try:
        return tuple(_from_json(row) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"This is no tape: {error!r}.") from None


def _from_json(row: Mapping[str, Any]) -> Entry:
    values = {field.name: row[field.name] for field in fields(Entry)}
    values["at"] = datetime.fromisoformat(values["at"])
    values["usage"] = None if values["usage"] is None else Usage(**values["usage"])
    for name in _BYTES:
        values[name] = b64decode(values[name])
    return Entry(**values)
