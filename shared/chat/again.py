"""A chat that is over, told again out of its log: the same pieces, usage, cost and fault; no model is asked."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from shared.chat.outward import Ways
from shared.chat.structured import whole_read
from shared.core.answer import Answer
from shared.core.entry import Entry
from shared.core.faults import Fault, ProviderFault
from shared.core.ids import RunId, TraceId, trace_of
from shared.core.leg import Piece, Spliced
from shared.core.limit import Remaining
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.runtime.answer import from_row, usage_of
from shared.runtime.tape import Leg, Record, Tape, fault_of

_LABEL = "choice "
"""What the label of one of several answers begins with; its number follows."""


class Retold:
    """What `shared.chat.desk.Answering` is to a live chat. Of several answers each is told whole, one after the other:
    how they came mixed is not kept."""

    def __init__(self, tape: Tape, end: Entry) -> None:
        self.run: RunId = end.run
        self.trace: TraceId = trace_of(end.run)
        self.usage: Usage | None = _was(tape) or end.usage
        self.cost: Micros | None = end.cost
        self.remaining: Sequence[Remaining] = ()
        said = _said(tape)
        self.notes: dict[str, Any] = said.get("notes", {})
        self._text: str | None = said.get("text")
        self._fault = _fault(end)
        # What was declined, and asked in other words then, was told to nobody.
        self._records = _in_order(tape)[1 if said.get("declined") else 0 :]
        self._told = [leg for record in self._records for leg in record.legs]
        self.model: str = tape.run.body["model"]
        self.hidden: bool = bool(tape.run.body.get("given", {}).get("hidden"))
        """Whether the answer may hold placeholders."""
        self.ways: Ways | None = None
        """How it goes out, where not as it is."""
        self.cache: str = "miss"
        """Out of what it came."""
        self.simulated = bool(end.body["simulated"])
        served = [leg for leg in self._told if leg.pieces]
        if served:
            self._serve(served[0] if self._text is None else _first_told(served))

    def begin(self) -> None:
        """Raises the fault of a chat that failed before it had said anything, as it was raised then."""
        if self._fault is not None and not any(leg.pieces for leg in self._told):
            raise self._fault

    async def items(self) -> AsyncGenerator[tuple[int, Sequence[Piece]], None]:
        """The answer, piece by piece. Raises the fault that it ended with."""
        ways = self.ways
        if ways is None:
            async for item in self._items():
                yield item
            return
        async for index, read in self._items():
            if out := ways.of(index).pieces(read):
                yield index, out
        for index, held in ways.ends():
            yield index, held

    async def _items(self) -> AsyncGenerator[tuple[int, Sequence[Piece]], None]:
        if self._text is not None:
            # Only the last call's answer was given, and in these words.
            self._serve(next(leg for leg in reversed(self._told) if leg.pieces))
            yield 0, _in_words(self._text, self._records[-1])
            return
        for record in self._records:
            index = _index(record)
            for leg in record.legs:
                for piece in _pieces(leg):
                    self._serve(leg)
                    yield index, (piece,)
        if self._fault is not None:
            raise self._fault

    async def aclose(self) -> None:
        """There is nothing to let go of."""

    def _serve(self, leg: Leg) -> None:
        self.model = leg.intent.model
        self.cache = leg.intent.body.get("cache", "miss")
        if leg.outcome is not None:
            self.simulated = bool(leg.outcome.body.get("simulated"))


def _first_told(legs: Sequence[Leg]) -> Leg:
    """Who served when the first was heard of an answer that was checked before it went out: its joins, or all of it."""
    joined = (leg for leg in legs if any(isinstance(piece, Spliced) for piece in _pieces(leg)))
    return next(joined, legs[-1])


def retold(entries: Sequence[Entry]) -> Retold | None:
    """The chat in a log. None where it has no end yet, and where what came of it need not stand: its caller left, or it
    failed at no cost in a way that may go better another time."""
    if not entries:
        return None
    tape = Tape(entries)
    end = tape.end
    if end is None or end.finish == "cancelled":
        return None
    fault = _fault(end)
    lasts = fault is None or bool(end.cost) or (isinstance(fault, ProviderFault) and not fault.retryable)
    return Retold(tape, end) if lasts else None


def is_over(entries: Sequence[Entry]) -> bool:
    """Whether the log holds the chat's end."""
    return any(entry.kind == "end" for entry in entries)


def _was(tape: Tape) -> Usage | None:
    """What a stored answer used when it was made."""
    rows = [row.body["was"]["usage"] for row in tape.delivered() if "was" in row.body]
    return usage_of(rows[-1]) if rows else None


def _said(tape: Tape) -> dict[str, Any]:
    """What was told beside the answer, and its text where that was put right before anybody had it."""
    found: dict[str, Any] = {}
    for row in tape.effects.values():
        if row.body.get("what") == "note":
            found |= row.body["value"]
    return found


def _fault(end: Entry) -> Fault | None:
    row = end.body["fault"]
    return None if row is None else fault_of(row)


def _in_order(tape: Tape) -> list[Record]:
    """The calls, the first of several answers first."""
    records = [record for found in tape.calls.values() for record in found if record.legs]
    return sorted(records, key=lambda record: (_index(record), record.legs[0].intent.position))


def _index(record: Record) -> int:
    """Which of several answers a call is, by the label that it was sent under."""
    label = str(orjson.loads(record.asked)[0])
    return int(label.removeprefix(_LABEL)) if label.startswith(_LABEL) else 0


def _in_words(text: str, record: Record) -> Sequence[Piece]:
    """What a call gave, with `text` in the place of its text."""
    answer = Answer()
    for leg in record.legs:
        for piece in _pieces(leg):
            answer.add(piece)
    return whole_read(replace(answer.completion(), text=text))


def _pieces(leg: Leg) -> Iterator[Piece]:
    for _, _, what in leg.pieces:
        yield from_row({"text": what} if isinstance(what, str) else what)
