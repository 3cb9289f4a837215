"""Calls out of the log: told again to readers, never asked again (design laws 3 and 4)."""

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from shared.core.chunk import Text
from shared.core.event import Event
from shared.core.faults import Fault
from shared.core.leg import Batch, Piece, Restarted, Spliced
from shared.core.money import Micros
from shared.runtime.answer import from_row, shown, usage_row
from shared.runtime.asked import Asked
from shared.runtime.course import Mode
from shared.runtime.tape import Leg, Record, fault_of, fault_row

if TYPE_CHECKING:
    from shared.runtime.effects import Fx

PLACE = ("step", "key", "occurrence", "attempt", "leg", "model", "provider", "request")
"""The columns that an outcome shares with its intent."""


def refused(fx: "Fx", asked: Asked, fault: Fault) -> None:
    """Write down that a call was never sent."""
    assert fx.course.journal is not None
    body = {"refused": fault_row(fault), "asked": asked.request.decode()}
    columns: dict[str, Any] = {
        "step": fx.path,
        "key": asked.key,
        "occurrence": asked.occurrence,
        "attempt": fx.attempt,
    }
    fx.course.journal.add("effect", body, **columns)


def say_cut(fx: "Fx", asked: Asked, leg: int | str) -> None:
    """Tell readers that what they saw of this call is void; `leg` tells one cut of a call from another."""
    fx.tally.cuts += 1
    ident = f"cut:{fx.path}:{asked.key}:{asked.occurrence}:{leg}"
    fx.course.say("spliced", ident, {"trace": fx.course.trace, "step": fx.path, "how": "restart"})


def say_turn(fx: "Fx", asked: Asked, item: Spliced | Restarted) -> None:
    """Tell readers that another leg goes on from what they saw, or that it is void."""
    if isinstance(item, Restarted):
        say_cut(fx, asked, item.leg)
        return
    fx.tally.cuts += 1
    ident = f"join:{fx.path}:{asked.key}:{asked.occurrence}:{item.leg}"
    data = {"trace": fx.course.trace, "step": fx.path, "how": item.how, "model": fx.rung}
    fx.course.say("spliced", ident, data)


def left_over(fx: "Fx", asked: Asked, record: Record) -> bool:
    """Tell again what an earlier process told of a call that it did not end; close the leg it died in. Whether
    readers saw any of it."""
    course, tape = fx.course, fx.course.tape
    assert course.journal is not None
    assert tape is not None
    shown = any(event.name == "token" and event.data.get("step") == fx.path for event in tape.verbatim)
    for n, leg in enumerate(record.legs):
        if leg.intent.body.get("void"):
            say_cut(fx, asked, f"void {n}")
        for position, _, what in leg.pieces:
            shown = shown or bool(position)
            _tell_again(fx, asked, position, what)
        if leg.outcome is None:
            was = leg.intent
            place = {name: getattr(was, name) for name in PLACE}
            body = {"intent": was.position, "pieces": []}
            leg.outcome = course.journal.add("outcome", body, **place, finish="error", fault="abandoned")
        fx.tally.add(leg.outcome, void=True)
    return shown


def _tell_again(fx: "Fx", asked: Asked, position: int, what: Any) -> Batch | tuple[Piece]:
    """One recorded piece: its event at its old position, and the chunk; none where it is a value that had grown."""
    if isinstance(what, str) or "value" in what:
        if position:
            fx.course.telling.put(Event(position, "token", shown(fx.course.trace, fx.path, what)))
        return (Text(what),) if isinstance(what, str) else ()
    chunk = from_row(what)
    if isinstance(chunk, Spliced | Restarted):
        say_turn(fx, asked, chunk)
    return (chunk,)


async def retold(fx: "Fx", asked: Asked, record: Record) -> AsyncGenerator[Sequence[Piece], None]:
    """A call out of the log: the same chunks, the same events, the same fault; no models, no purse."""
    course = fx.course
    if record.refusal is not None:
        fault = fault_of(record.refusal.body["refused"])
        if course.mode is Mode.BORROW:
            refused(fx, asked, fault)
        raise fault
    start = next(
        (n for n in range(len(record.legs) - 1, 0, -1) if record.legs[n].intent.body.get("fresh")), 0
    )
    borrowed = record.legs[start:] if course.mode is Mode.BORROW else None
    if borrowed is not None:
        async for pieces in _copied(fx, asked, borrowed):
            yield pieces
    else:
        for n, leg in enumerate(record.legs):
            if leg.intent.body.get("void"):
                say_cut(fx, asked, f"void {n}")
            fx.rung = leg.intent.model
            if leg.outcome is not None:
                # Before the pieces: a step that leaves early has had the leg all the same.
                fx.tally.add(leg.outcome, void=n < start)
            for position, _, what in leg.pieces:
                told = _tell_again(fx, asked, position, what)
                if n >= start and told:
                    yield told
    last = record.legs[-1].outcome
    if last is not None and "raised" in last.body:
        raise fault_of(last.body["raised"])
    if record.left and not record.over:
        course.absent(f"rest of an answer in step {fx.path}")


def _renumbered(what: Any, leg: int) -> Any:
    """A recorded piece as that of leg `leg`."""
    if isinstance(what, dict) and "restarted" in what:
        return {"restarted": leg}
    if isinstance(what, dict) and "spliced" in what:
        return {"spliced": [leg, what["spliced"][1]]}
    return what


async def _copied(fx: "Fx", asked: Asked, legs: list[Leg]) -> AsyncGenerator[Sequence[Piece], None]:
    """Another run's legs as this run's own: told at new positions, written at no cost, marked as borrowed."""
    journal, telling, path = fx.course.journal, fx.course.telling, fx.path
    assert journal is not None
    for number, (intent, outcome) in enumerate(((leg.intent, leg.outcome) for leg in legs), 1):
        assert outcome is not None
        place = {name: getattr(intent, name) for name in PLACE} | {"attempt": fx.attempt, "leg": number}
        asked_again = {"asked": asked.request.decode()} if number == 1 else {}
        kept = {name: intent.body[name] for name in ("why", "url")}
        sent = journal.add("intent", {**kept, **asked_again, "borrowed": intent.run}, **place).position
        pieces = []
        for _, ms, what in legs[number - 1].pieces:
            row = _renumbered(what, number)
            told = _tell_again(fx, asked, 0, row)
            seen = isinstance(what, str) or "value" in what
            pieces.append([telling.token(path, what) if seen else 0, ms, row])
            if told:
                yield told
        was = {"cost": outcome.cost, "usage": None if outcome.usage is None else usage_row(outcome.usage)}
        body = {
            **outcome.body,
            "at": [],
            "intent": sent,
            "pieces": pieces,
            "borrowed": intent.run,
            "was": was,
        }
        row = journal.add(
            "outcome", body, **place, response=outcome.response, cost=Micros(0), finish=outcome.finish,
            fault=outcome.fault, first_token_ms=outcome.first_token_ms, total_ms=outcome.total_ms,
        )  # fmt: skip
        fx.tally.add(row)
