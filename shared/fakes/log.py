"""The call log in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from shared.core.entry import Entry
from shared.core.faults import OurFault
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.ports.retention import Removal, Tombstone, removed

REMOVED = {"removed": True}
"""What is left of a row whose words were removed."""


class MemoryLog:
    """`ports.log.Log`. `rows` are a tenant's entries as they were written: seals read them, tests may tamper."""

    def __init__(self) -> None:
        self.rows: dict[TenantId, list[Entry]] = defaultdict(list)
        self.tombstones: dict[TenantId, dict[tuple[RunId, int], Tombstone]] = defaultdict(dict)

    async def append(self, entries: Sequence[Entry]) -> None:
        """See the port. The very same entries a second time are taken as written."""
        if not entries:
            return
        tenant = one_tenant(entries)
        stored = [as_stored(entry) for entry in entries]
        known = {(entry.run, entry.position): entry for entry in self.rows[tenant]}
        taken = [entry for entry in stored if (entry.run, entry.position) in known]
        fresh = {(entry.run, entry.position) for entry in stored}
        if taken or len(fresh) != len(stored):
            for entry in stored:
                if known.get((entry.run, entry.position)) != entry:
                    raise OurFault(
                        f"Position {entry.position} of {entry.run} is already written, and otherwise."
                    )
            return
        self.rows[tenant].extend(stored)

    async def tape(self, tenant: TenantId, run: RunId) -> tuple[Entry, ...]:
        """See the port."""
        rows = self.rows.get(tenant, [])
        for (of, _), tombstone in self.tombstones.get(tenant, {}).items():
            if of == run:
                raise removed(run, tombstone.removal.rule, tombstone.removal.at)
        return tuple(sorted((row for row in rows if row.run == run), key=lambda row: row.position))

    def remove_words(self, tenant: TenantId, run: RunId, removal: Removal) -> int:
        """Put tombstones in the place of a run's words. The number of rows."""
        gone = 0
        for place, row in enumerate(self.rows.get(tenant, [])):
            if row.run == run and (run, row.position) not in self.tombstones[tenant]:
                digests = digests_of(row)
                found = Tombstone(tenant, run, row.position, row.at, *digests, removal)
                self.tombstones[tenant][run, row.position] = found
                self.rows[tenant][place] = replace(row, request=b"", response=b"", body=REMOVED)
                gone += 1
        return gone

    async def open_runs(self, kind: str, before: datetime, limit: int) -> Sequence[tuple[TenantId, RunId]]:
        """See the port."""
        rows = sorted((row for found in self.rows.values() for row in found), key=lambda row: row.at)
        ended = {(row.tenant, row.run) for row in rows if row.kind == "end"}
        begun = [
            (row.tenant, row.run)
            for row in rows
            if row.kind == "run"
            and row.run.startswith(kind + "_")
            and before - timedelta(days=1) <= row.at < before
        ]
        return tuple(name for name in begun if name not in ended)[:limit]

    async def spent(self, tenant: TenantId, since: datetime, until: datetime) -> Micros:
        """What runs of a tenant that ended in [since, until) cost it, in micro-dollars."""
        rows = self.rows.get(tenant, [])
        ends = (row for row in rows if row.kind == "end" and since <= row.at < until)
        return Micros(sum(row.cost or 0 for row in ends))


def digests_of(row: Entry) -> tuple[bytes, bytes, bytes]:
    """SHA-256 of a row's request, response and body."""
    body = orjson.dumps(row.body)
    return sha256(row.request).digest(), sha256(row.response).digest(), sha256(body).digest()


def one_tenant(entries: Sequence[Entry]) -> TenantId:
    """The tenant of all of them. Raises OurFault where they have several."""
    tenants = {entry.tenant for entry in entries}
    if len(tenants) != 1:
        raise OurFault("Entries of several tenants can't be appended in one transaction.")
    return tenants.pop()


def through_json(value: Any) -> Any:
    """What comes back of a value that is stored as JSON. Raises OurFault for what JSON can't hold."""
    try:
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except TypeError as error:
        raise OurFault(f"A value can't be stored as JSON: {error}.") from error


def stored_text(*values: str) -> None:
    """Raises OurFault for text that a database can't hold."""
    for value in values:
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise OurFault("Text holds a NUL character or a lone surrogate.")


def as_stored(entry: Entry) -> Entry:
    """An entry as it comes back from the store."""
    stored_text(entry.run, entry.step, entry.key, entry.model, entry.finish, entry.fault, entry.actor)
    return replace(entry, body=through_json(entry.body))
