"""A document rebuilt from its log alone. Reads no store, no clock and no network: what it is given is all it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Conflict, Fault
from shared.core.money import ZERO, Micros
from shared.documents.begun import as_begun
from shared.documents.finish import finished_json
from shared.documents.pipeline import Registry
from shared.models.catalogue import Catalogue
from shared.ports.shelf import Document, StepLine
from shared.runtime.run import replay
from shared.runtime.tally import recorded
from shared.runtime.tape import Tape
from shared.runtime.view import RunView


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the log gives. `identical` says that the event stream has the digest that was recorded when the run ended;
    where not, `detail` says how it differs. `drift` says where today's pipeline, run on the same answers, would tell it
    otherwise: the old document stands, whatever became of the code."""

    document: Document
    events: tuple[Event, ...]
    identical: bool
    detail: str = ""
    drift: str = ""
    drawing: str = ""
    """The graph as Mermaid, each step with who served it, its cost and its time; empty for a chat or after a drift."""

    @property
    def sse(self) -> bytes:
        """The event stream, byte for byte as every reader got it."""
        return b"".join(event.wire() for event in self.events)

    @property
    def sha256(self) -> str:
        """The digest of the event stream."""
        return sha256(self.sse).hexdigest()


async def replayed(registry: Registry, entries: Sequence[Entry]) -> Replayed:
    """Rebuild a document or a chat. Raises NotYours for an empty log, Conflict where the run is not over."""
    tape = Tape(entries)
    if tape.end is None:
        raise Conflict(f"The run {tape.run.run} is not over yet; follow its events instead.")
    events = tape.events()
    found = Replayed(_document(tape, events), events, identical=True)
    was = tape.end.body["events"]
    if found.sha256 != was:
        detail = f"The event stream had the digest {was}; the rows of the log now give {found.sha256}."
        return Replayed(found.document, events, identical=False, detail=detail)
    drawing, drift, view = await _again(registry, tape, entries)
    document = found.document if view is None else _with_answers(found.document, view)
    return Replayed(document, events, identical=True, drift=drift, drawing=drawing)


async def _again(registry: Registry, tape: Tape, entries: Sequence[Entry]) -> tuple[str, str, RunView | None]:
    """Today's pipeline over the recorded answers: its drawing, or how it drifts; a chat's view."""
    name, budget = tape.run.body["graph"], tape.run.body["budget"]
    try:
        if tape.run.body["solo"]:
            return "", "", (await replay(None, entries)).view
        pipeline = registry.get(name)
        if pipeline is None:
            return "", f"The pipeline '{name}' is not served any longer.", None
        graph = as_begun(pipeline.graph, tape.run, Catalogue())
        again = await replay(graph, entries, render=lambda view: finished_json(view, pipeline, budget))
        return graph.draw(again.view), "", None
    except Fault as fault:
        return "", fault.message, None


def _with_answers(document: Document, view: RunView) -> Document:
    """A chat as a document: the text of its answers, one after the other."""
    return document.with_(text="\n\n".join(answer.text for answer in view.output or ()))


def _document(tape: Tape, events: Sequence[Event]) -> Document:
    """The document as its last event carries it; where it failed, as the log's rows have it."""
    end, run = tape.end or tape.run, tape.run
    last = events[-1] if events else None
    told: dict[str, Any] = dict(last.data) if last is not None and last.name == "finished" else {}
    steps = told.get("steps")
    return Document(
        id=end.run,
        tenant=end.tenant,
        trace=end.trace,
        pipeline=run.body["graph"],
        status="finished" if end.finish == "finished" else "failed",
        created=run.at,
        given=run.body["given"],
        actor=run.actor,
        text=told.get("text", ""),
        data=told.get("data"),
        cost=Micros(told.get("cost_micros", end.cost) or ZERO),
        budget=run.body["budget"],
        steps=_lines(tape) if steps is None else tuple(StepLine(**line) for line in steps),
        finished=datetime.fromisoformat(told["finished"]) if told.get("finished") else end.at,
        fault=_fault(end),
        simulated=bool(end.body.get("simulated")),
        version=run.body["version"],
    )


def _lines(tape: Tape) -> tuple[StepLine, ...]:
    return tuple(
        StepLine(view.name, view.model, view.cost, view.status)
        for view in recorded(tape, tape.run.body["steps"])
    )


def _fault(end: Entry) -> dict[str, Any] | None:
    fault = end.body.get("fault")
    return None if fault is None else {"code": fault["code"], "message": fault["message"], "advice": ""}
