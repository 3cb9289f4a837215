"""A tenant's policy as data: who may be asked, what is hidden from them, what is kept, and what may be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, get_args

from shared.core.frozen import quick

CacheTier = Literal["off", "exact", "near"]
"""off    every request is asked anew, and nothing is stored
exact  a request that is the same, normalised, is served from the cache
near   … and one that is proven to ask the same in other words
"""
DataClass = Literal["bodies", "vault", "cache", "embeddings", "uploads", "streams", "documents"]
"""bodies      the words of requests and answers in the call log; its figures stay
vault       what placeholders stand for
cache       stored answers
embeddings  vectors of prompts and uploads
uploads     files
streams     events that readers can come back to
documents   finished documents
"""
Blocked = Literal["refuse", "mask"]
"""What becomes of an answer that holds what it must not: it ends with an error, or the words are masked."""
DATA_CLASSES: frozenset[str] = frozenset(get_args(DataClass))
REDACTABLE = frozenset("EMAIL PHONE CARD IBAN SSN NATIONAL_ID PASSPORT IP JWT SECRET".split())
"""Types of what can be redacted; the engine finds these and no others."""
EVERYTHING = frozenset({"*"})
"""All of them, those of a later release too."""


@dataclass(frozen=True, slots=True)
class OutputRules:
    """What an answer may not hold. `phrases` are found whatever their case; `types` are those of redaction."""

    phrases: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    then: Blocked = "refuse"


@quick
@dataclass(frozen=True, slots=True)
class Rules:
    """One version of a tenant's policy; the defaults are those of a tenant that has set none. None allows all."""

    version: int = 0
    providers: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    models: frozenset[str] | None = None
    redact: frozenset[str] = EVERYTHING
    """Types that are replaced by placeholders before anybody sees the text; empty: none."""
    cache: CacheTier = "near"
    cache_seconds: int = 86_400
    bodies: bool = True
    """Whether the log keeps the words of requests and answers. Where not, a run can't be replayed."""
    when_refused: str = ""
    """Said to the model before the request, once more, where a model declined it; empty: the refusal stands."""
    when_over_budget: str = ""
    """Said to the cheapest model, with a short limit, where no rung fits the budget; empty: it fails."""
    output: OutputRules = OutputRules()
    retention: Mapping[str, int] = field(default_factory=dict)
    """Days by class of data; a class that is not named is kept as long as the house keeps it."""
    legal_hold: bool = False
    """Whether nothing of the tenant may expire."""

    @property
    def digest(self) -> str:
        """What of it can change an answer: part of the cache's key."""
        import orjson  # not above: the settings are also read beside a model server, where it is not installed

        parts = [
            sorted(self.providers) if self.providers is not None else None,
            sorted(self.regions) if self.regions is not None else None,
            sorted(self.models) if self.models is not None else None,
            sorted(self.redact),
            self.when_refused,
            self.when_over_budget,
            [list(self.output.phrases), sorted(self.output.types), self.output.then],
        ]
        return blake2b(orjson.dumps(parts), digest_size=8).hexdigest()


NO_RULES = Rules()
