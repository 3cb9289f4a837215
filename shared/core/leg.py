"""One generation may take several legs: the calls that were really sent, in order.

`ports.models.Models.stream` yields a `LegStarted` before it sends anything: whoever drives the generator writes
the intent down and only then asks for the next item, which sends. So the log comes first by construction (law 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.core.chunk import Chunk, Finish
from shared.core.faults import ProviderFault
from shared.core.frozen import quick
from shared.core.ids import RunId, SpanId, TenantId, TraceId
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.need import Need
from shared.core.prompt import Prompt
from shared.core.rules import CacheTier
from shared.core.usage import Usage

Served = Literal["", "hit", "near", "joined"]
"""Out of what an answer comes where no provider was asked for it: stored under the same request, stored under one that
asks the same, or being made at this moment for an equal request. Empty: a provider was asked."""


@quick
@dataclass(frozen=True, slots=True)
class Caching:
    """How the cache is to treat calls. What names them is part of the key: `choice` is the model, or the choice of
    models, that was asked for; `template` the pipeline, its version and the step; `policy` what the tenant's policy
    does to answers."""

    tier: CacheTier
    seconds: int
    policy: str = ""
    choice: str = ""
    template: str = ""
    refresh: bool = False
    """Ask anew and store what comes: nothing stored, and nobody else's answer, will do."""
    store: bool = True
    tags: tuple[str, ...] = ()
    """Names by which stored answers can be purged."""


@quick
@dataclass(frozen=True, slots=True)
class Call:
    """One question to the ladder: the first rung that answers serves it. `stream` asks the provider to stream.

    `span` is sent along as the request's id where a wire takes one; `deadline` is in seconds, for all legs together.
    With a `need` the rungs are put in the order that routing finds best; without one they stand as they are.
    `finishers` may not begin an answer, but may finish one that broke off after readers had seen some of it.
    """

    tenant: TenantId
    trace: TraceId
    span: SpanId
    prompt: Prompt
    ladder: tuple[ModelSpec, ...]
    deadline: float = 120.0
    stream: bool = True
    need: Need | None = None
    finishers: tuple[ModelSpec, ...] = ()
    why: Mapping[str, Any] | None = None
    """How the ladder was chosen, as JSON, where that was done before."""
    hedge: bool = False
    """Ask the next rung as well where the first is slower than its 95th percentile; the quicker one serves."""
    caching: Caching | None = None
    """None: the cache has nothing to do with it."""
    run: RunId | None = None
    begun: str = ""
    """Text of the answer that readers have already: it is to be gone on with."""


@quick
@dataclass(frozen=True, slots=True)
class LegStarted:
    """A request is about to be sent, or (`served`) the answer is taken from elsewhere. `why` is the route decision in
    words and numbers."""

    leg: int
    spec: ModelSpec
    request: bytes
    url: str
    why: Mapping[str, Any]
    served: Served = ""


@quick
@dataclass(frozen=True, slots=True)
class LegEnded:
    """That request is over: answered in full (`fault` is None) or not. `simulated` where no real provider answered.

    `usage` is what is to be paid for; `response` the exact bytes received, headers left out.
    """

    leg: int
    spec: ModelSpec
    response: bytes
    usage: Usage
    cost: Micros | None
    """In micro-dollars; None is `unpriced`."""
    finish: Finish
    fault: ProviderFault | None
    status: int
    first_token_ms: int | None
    total_ms: int
    simulated: bool = False
    response_id: str = ""
    was: tuple[Micros | None, Usage] | None = None
    """Of a leg for which nobody was asked: what the answer had cost, in micro-dollars, and used when it was made."""


@quick
@dataclass(frozen=True, slots=True)
class Servable:
    """The answer that just ended may be served again, once it has passed its caller's checks. `reads` is the answer as
    it came, without what was void; `ended` the leg that delivered it."""

    call: Call
    key: bytes
    frame: bytes
    content: bytes | None
    words: str
    reads: Sequence[Sequence[Chunk]]
    ended: LegEnded


@dataclass(frozen=True, slots=True)
class Restarted:
    """What was shown of the answer is void: `leg` gives it anew, from the beginning."""

    leg: int


Join = Literal["resumed", "prefix", "continued", "exact", "folded", "fuzzy", "restarted"]
"""How a leg goes on from the text of the one before:

resumed    the same response, taken up where it broke off (the provider keeps it)
prefix     the model continued the unfinished message itself (vLLM): nothing had to be aligned
continued  another model was asked to go on, and its text begins where the other ended
exact      it repeated the end of what was there; the overlap was the same to the letter
folded     … the same but for spaces, case or punctuation
fuzzy      … nearly the same
restarted  it began again from the top; what readers had was skipped
"""


@dataclass(frozen=True, slots=True)
class Spliced:
    """The leg before broke after text had gone out, and this one goes on from there: what was shown stands."""

    leg: int
    how: Join


Piece = Chunk | Spliced | Restarted
"""What a reader gets of an answer."""
Batch = Sequence[Chunk]
"""What one network read brought, in order; texts that came together are one `Text`."""
LegItem = LegStarted | Batch | Spliced | Restarted | LegEnded | Servable
