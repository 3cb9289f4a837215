"""A document rebuilt from its log alone. Reads no store, no clock and no network: what it is given is all it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from shared.core.entry import Entry
from shared.core.event import Event
from shared.core.faults import Conflict, Diverged
from shared.core.money import ZERO
from shared.documents.finish import documented, finished_json
from shared.documents.pipeline import Registry
from shared.ports.shelf import Document
from shared.runtime.run import replay
from shared.runtime.solo import replay_session
from shared.runtime.tape import Tape
from shared.runtime.view import RunView


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the log gives. `identical` says that document and event stream have the digests that were recorded when the
    run ended; where not, `detail` says how they differ, and there are no events."""

    document: Document
    events: tuple[Event, ...]
    identical: bool
    detail: str = ""
    drawing: str = ""
    """The graph as Mermaid, each step with who served it, its cost and its time; empty for a chat."""

    @property
    def sse(self) -> bytes:
        """The event stream, byte for byte as every reader got it."""
        return b"".join(event.wire() for event in self.events)

    @property
    def sha256(self) -> str:
        """The digest of the event stream."""
        return sha256(self.sse).hexdigest()


async def replayed(registry: Registry, entries: Sequence[Entry]) -> Replayed:
    """Rebuild a document or a chat. Raises NotYours for an empty log, Conflict where the run is not over or its
    pipeline is not served any longer."""
    tape = Tape(entries)
    if tape.end is None:
        raise Conflict(f"The run {tape.run.run} is not over yet; follow its events instead.")
    name = tape.run.body["graph"]
    budget = tape.run.body["budget"]
    try:
        if tape.run.body["solo"]:
            found = await replay_session(tape)
            return Replayed(_chat(found.view), found.events, identical=True)
        pipeline = registry.get(name)
        if pipeline is None:
            raise Conflict(f"The pipeline '{name}' is not served any longer.")
        found = await replay(
            pipeline.graph, entries, render=lambda view: finished_json(view, pipeline, budget)
        )
        document = documented(found.view, pipeline, budget)
        return Replayed(document, found.events, identical=True, drawing=pipeline.graph.draw(found.view))
    except Diverged as fault:
        return Replayed(_recorded(tape, name), (), identical=False, detail=fault.message)


def _chat(view: RunView) -> Document:
    """A chat as a document: the text of its answers, one after the other."""
    answers = view.output or ()
    return Document(
        id=view.run,
        tenant=view.tenant,
        trace=view.trace,
        pipeline=view.graph,
        status="finished" if view.status == "finished" else "failed",
        created=view.started,
        given=view.given,
        actor=view.actor,
        text="\n\n".join(answer.text for answer in answers),
        cost=view.cost,
        finished=view.ended,
        simulated=view.simulated,
        version=view.version,
    )


def _recorded(tape: Tape, name: str) -> Document:
    """What the log's first and last rows say of a run that can't be rebuilt any longer."""
    end = tape.end or tape.run
    return Document(
        id=end.run,
        tenant=end.tenant,
        trace=end.trace,
        pipeline=name,
        status="finished" if end.finish == "finished" else "failed",
        created=tape.run.at,
        given=tape.run.body["given"],
        actor=tape.run.actor,
        cost=end.cost or ZERO,
        finished=end.at,
    )
