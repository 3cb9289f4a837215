"""What a run's log says, indexed so that it can be taken again: by content, never by order (design laws 3 and 4)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from shared.core import faults
from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Diverged, Fault, NotYours
from shared.runtime.answer import shown

_SHOWN = 24
"""Bytes shown on either side of a difference."""


def key_of(path: str, kind: str, canonical: bytes) -> str:
    """The name of an act: what is done where. 32 hex digits."""
    digest = blake2b(digest_size=16)
    for part in (path.encode(), kind.encode(), canonical):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def verbatim(event: Event) -> list[Any]:
    """An event as a row keeps it: JSON as text, because a store may reorder an object's keys."""
    return [event.position, event.name, orjson.dumps(event.data).decode()]


def fault_row(fault: Fault) -> dict[str, Any]:
    """A fault as JSON. `fault_of` is its inverse."""
    return {
        "code": fault.code,
        "class": type(fault).__name__,
        "message": fault.message,
        "param": fault.param,
        "retry_after": fault.retry_after,
        "provider_status": fault.provider_status,
        "provider_code": fault.provider_code,
    }


def fault_of(row: dict[str, Any]) -> Fault:
    """The fault that `fault_row` wrote."""
    found = getattr(faults, row["class"], Fault)
    kind: type[Fault] = found if isinstance(found, type) and issubclass(found, Fault) else Fault
    return kind(
        row["message"],
        param=row["param"],
        retry_after=row["retry_after"],
        provider_status=row["provider_status"],
        provider_code=row["provider_code"],
    )


@dataclass(slots=True)
class Leg:
    """One request that was sent, or was about to be."""

    intent: Entry
    outcome: Entry | None = None

    @property
    def pieces(self) -> Sequence[Sequence[Any]]:
        """[event position, offset in ms, text or a chunk's row], as they came."""
        return () if self.outcome is None else self.outcome.body.get("pieces", ())


@dataclass(slots=True)
class Record:
    """One call to the models: its legs, or the refusal of the purse."""

    legs: list[Leg] = field(default_factory=list)
    refusal: Entry | None = None
    used: bool = False

    @property
    def over(self) -> bool:
        """Whether the call came to its end: delivered, given up or refused; not where a process died in it."""
        last = self.legs[-1].outcome if self.legs else None
        return self.refusal is not None or (last is not None and (not last.fault or "raised" in last.body))

    @property
    def left(self) -> bool:
        """Whether its caller left it: cancelled, or closed before the end."""
        last = self.legs[-1].outcome if self.legs else None
        return last is not None and "left" in last.body

    @property
    def asked(self) -> bytes:
        """The canonical request."""
        row = self.refusal or self.legs[0].intent
        return str(row.body.get("asked", "")).encode()


class Tape:
    """A run's entries, indexed. Raises NotYours where there are none, Diverged where they are no run's log."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        if not entries:
            raise NotYours("There is no such run.")
        self.entries = tuple(sorted(entries, key=lambda entry: entry.position))
        self.run = self.entries[0]
        if self.run.kind != "run" or [e.position for e in self.entries] != list(
            range(1, len(self.entries) + 1)
        ):
            raise Diverged(
                f"The log of {self.run.run} is not whole: it must hold positions 1 to its last, no gap."
            )
        self.end: Entry | None = None
        self.calls: dict[tuple[str, str], list[Record]] = {}
        self.effects: dict[tuple[str, str, int], Entry] = {}
        self.used: set[tuple[str, str, int]] = set()
        self.steps: dict[str, Entry] = {}
        self.known: dict[str, int] = {}
        """Positions of events that code tells again, by what they are."""
        self.told: dict[int, Event] = {}
        """Events in the words in which they were told, tokens left out: those stand in the pieces of legs."""
        self.verbatim: list[Event] = []
        """Events that only their readers knew of: told by a process that died before it wrote down what they told."""
        for entry in self.entries:
            self._index(entry)

    def _index(self, entry: Entry) -> None:
        for position, ident, name, data in entry.body.get("at", ()):
            self.known[ident] = position
            self.told[position] = Event(position, name, data)
        for position, name, data in entry.body.get("seen", ()):
            self.verbatim.append(Event(position, name, orjson.loads(data)))
        self.forget(entry.body.get("dropped", ()))
        match entry.kind:
            case "intent":
                record = self._record(entry)
                record.legs.append(Leg(entry))
                record.refusal = None
            case "outcome":
                legs = self._record(entry).legs
                next(leg for leg in legs if leg.intent.leg == entry.leg).outcome = entry
            case "effect" if "refused" in entry.body:
                self._record(entry).refusal = entry
            case "effect" if entry.step:
                self.effects[(entry.step, entry.key, entry.occurrence)] = entry
            case "step":
                self.steps[entry.step] = entry
            case "end":
                self.end = entry
            case _:
                pass

    def forget(self, idents: Iterable[str]) -> None:
        """Events of a step that ran again under other models: they stay as they were seen."""
        for ident in idents:
            self.known.pop(ident, None)

    def _record(self, entry: Entry) -> Record:
        records = self.calls.setdefault((entry.step, entry.key), [])
        while len(records) <= entry.occurrence:
            records.append(Record())
        return records[entry.occurrence]

    def call(self, path: str, key: str, occurrence: int) -> Record | None:
        """What became of a call; None where the log does not know it."""
        records = self.calls.get((path, key), ())
        if occurrence >= len(records):
            return None
        records[occurrence].used = True
        return records[occurrence]

    def effect(self, path: str, key: str, occurrence: int) -> Entry | None:
        """A recorded act without a model."""
        found = self.effects.get((path, key, occurrence))
        if found is not None:
            self.used.add((path, key, occurrence))
        return found

    @property
    def interrupted(self) -> bool:
        """Whether the run ended before its goal: its lanes may stop anywhere."""
        return self.end is not None and self.end.finish != "finished"

    def events(self) -> tuple[Event, ...]:
        """Every event of the run, out of its rows alone: no step is run, so no change of code can touch it."""
        found = dict(self.told)
        for leg in self.legs():
            entry = leg.outcome
            for position, _, what in leg.pieces:
                if position and entry is not None:
                    found[position] = Event(position, "token", shown(entry.trace, entry.step, what))
        found.update((event.position, event) for event in self.verbatim)
        return tuple(found[position] for position in sorted(found))

    def positions(self) -> set[int]:
        """Positions of all events that the log explains."""
        told = {piece[0] for leg in self.legs() for piece in leg.pieces if piece[0]}
        return told | set(self.known.values()) | {event.position for event in self.verbatim}

    def legs(self) -> Iterator[Leg]:
        """All legs of all calls."""
        return (leg for records in self.calls.values() for record in records for leg in record.legs)

    def delivered(self) -> Iterator[Entry]:
        """Outcomes that delivered: what is paid for."""
        return (leg.outcome for leg in self.legs() if leg.outcome is not None and not leg.outcome.fault)

    def unused(self) -> Entry | None:
        """The first recorded act that nobody took."""
        rows = [row for place, row in self.effects.items() if place not in self.used]
        for records in self.calls.values():
            rows += [record.refusal or record.legs[0].intent for record in records if not record.used]
        return min(rows, key=lambda row: row.position, default=None)

    def difference(self, path: str, asked: bytes) -> Diverged:
        """Why a call is not in the log: the first byte in which it differs from the one that is."""
        records = [r for (p, _), found in self.calls.items() if p == path for r in found if not r.used]
        if not records:
            return Diverged(
                f"Step {path} calls a model once more than the log knows; its request differs at byte 0."
            )
        nearest = max(records, key=lambda record: _common(record.asked, asked))
        return differing(f"The request of step {path}", nearest.asked, asked)


def differing(what: str, recorded: bytes, now: bytes) -> Diverged:
    """Diverged, naming the first byte that differs."""
    at = _common(recorded, now)
    before, after = (
        part[max(at - _SHOWN, 0) : at + _SHOWN].decode("utf-8", "replace") for part in (recorded, now)
    )
    return Diverged(f"{what} differs at byte {at}: recorded …{before}…, now …{after}…")


def _common(a: bytes, b: bytes) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
