"""One row of the call log: at once audit, bill, eval corpus, resume and replay tape (design laws 3 and 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.core.frozen import quick
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.money import Micros
from shared.core.usage import Usage

EntryKind = Literal["run", "intent", "outcome", "effect", "step", "end"]
"""
run      a run begins: graph, its version, what was given, quote, budget, who asked
intent   a leg of a call is about to be sent: model, the exact request
outcome  that leg is over: the exact response, pieces, usage, cost, timing, finish or fault
effect   a recorded act without a model: the clock, an id, a note, a fetched source
step     a step is done, failed or was skipped: its output digest, cost, who served it
end      the run is over: finished, failed or cancelled; digests of the document and of the event stream
"""


@quick
@dataclass(frozen=True, slots=True)
class Entry:
    """A fact about a run. Written once, never changed; rows of a tenant are sealed in hash-chained batches.

    `key` names an act by content (step path, kind and canonical request, hashed) and `occurrence` counts equal keys,
    so concurrency can't disturb a replay. `request` and `response` are the exact bytes on the wire; `body` is the
    kind's own JSON, read and written by `shared/runtime/journal.py` alone. Times are UTC; `*_ms` are milliseconds.
    """

    tenant: TenantId
    run: RunId
    trace: TraceId
    position: int
    """1, 2, 3 … within the run, in the order in which the run wrote them."""
    kind: EntryKind
    at: datetime
    step: str = ""
    key: str = ""
    occurrence: int = 0
    attempt: int = 0
    leg: int = 0
    model: str = ""
    provider: str = ""
    request: bytes = b""
    response: bytes = b""
    body: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage | None = None
    cost: Micros | None = None
    finish: str = ""
    fault: str = ""
    first_token_ms: int | None = None
    total_ms: int | None = None
    actor: str = ""
