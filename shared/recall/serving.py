"""Stored answers as legs, and legs as stored answers."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import orjson

from shared.core.answer import Answer
from shared.core.chunk import Chunk, Ended, Text, Used
from shared.core.leg import Batch, Call, LegEnded, LegItem, LegStarted, Servable, Served
from shared.core.model_spec import ModelSpec
from shared.core.money import ZERO, Micros
from shared.core.structured import verdict
from shared.core.usage import Usage
from shared.ports.answers import Stored
from shared.runtime.answer import from_row, to_row

_WHOLE = ("stop", "tool_calls")
LARGEST = 2 * 2**20
"""Bytes of an answer that is stored at most."""


def rows_of(batch: Batch) -> list[dict[str, object]]:
    """One network read as JSON."""
    return [to_row(chunk) for chunk in batch]


def batch_of(rows: Sequence[dict[str, object]]) -> list[Chunk]:
    """The read that `rows_of` wrote."""
    return [from_row(row) for row in rows]  # type: ignore[misc]  # no join or restart is ever stored


def served(
    stored: Stored, spec: ModelSpec, kind: Served, leg: int, why: dict[str, object], ms: int
) -> Iterator[LegItem]:
    """A stored answer as it came, as one leg that costs nothing."""
    yield LegStarted(leg, spec, b"", "", {"cache": kind, "of": stored.run, **why}, kind)
    batch: list[Chunk] = []
    for rows in filter(None, orjson.loads(stored.reads)):
        batch = batch_of(rows)
        yield batch
    ended = next((chunk for chunk in reversed(batch) if isinstance(chunk, Ended)), Ended("stop"))
    yield LegEnded(
        leg, spec, b"", Usage(provenance="absent"), ZERO, ended.finish, None, 0, ms, ms,
        stored.simulated, ended.response_id, (stored.cost, stored.usage),
    )  # fmt: skip


def servable(call: Call, reads: Sequence[Batch], ended: LegEnded) -> bool:
    """Whether an answer may be given to somebody else: whole, no refusal, what was asked for."""
    answer = Answer()
    for read in reads:
        for chunk in read:
            answer.add(chunk)
    found = answer.completion()
    if found.finish not in _WHOLE or found.refusal or not (found.text or found.tool_calls):
        return False
    judged = verdict(call.prompt, found)
    return ended.fault is None and (judged is None or judged.fits)


def stored(found: Servable, at: datetime) -> Stored | None:
    """What is to be stored of an answer; None where it may not or need not be."""
    call, ended = found.call, found.ended
    caching, run = call.caching, call.run
    if caching is None or run is None or not caching.store or not servable(call, found.reads, ended):
        return None
    # A read that brought nothing but a usage report is none: no read is empty.
    reads = orjson.dumps([rows_of(kept) for read in found.reads if (kept := _kept(read))])
    if len(reads) > LARGEST:
        return None
    cost: Micros | None = ended.cost
    return Stored(
        key=found.key, frame=found.frame, content=found.content, model=ended.spec.name,
        provider=ended.spec.provider, template=caching.template, tags=caching.tags, run=run,
        created=at, expires=at + timedelta(seconds=caching.seconds), cost=cost, usage=ended.usage,
        simulated=ended.simulated, reads=reads, words=found.words,
    )  # fmt: skip


def _kept(read: Batch) -> Batch:
    """A read without the provider's usage reports, for nobody is asked when it is served again; texts that stood on
    either side of one are one, as in every read."""
    kept: list[Chunk] = []
    for chunk in read:
        last = kept[-1] if kept else None
        if isinstance(chunk, Text) and isinstance(last, Text):
            kept[-1] = Text(last.text + chunk.text)
        elif not isinstance(chunk, Used):
            kept.append(chunk)
    return kept
