"""What a call used, as the provider billed it, in one shape for every wire format."""

from dataclasses import dataclass
from typing import Literal

from shared.core.frozen import quick

Provenance = Literal["provider", "estimated", "absent"]
"""Who counted: the provider's own report, our estimate (a leg that was cut before its report), or nobody."""

_RANK: dict[Provenance, int] = {"provider": 0, "estimated": 1, "absent": 2}


@quick
@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or of several added up.

    `input` counts every token read, `cache_read` and `cache_write` among them; `output` counts every token billed as
    output, `reasoning` among them. Rules per provider: `shared/adapters/llm`. `searches` are billed events.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    searches: int = 0
    reported_cost_micros: int | None = None
    """What the provider says it charged (Perplexity only), in micro-dollars."""
    provenance: Provenance = "provider"
    cache_write_1h: int = 0
    """Of `cache_write`, what is kept for an hour: dearer where that is priced apart."""
    tier: str = ""
    """The service tier, speed or place that the provider says it billed, several joined by `+`; empty for the usual."""
    search_context: str = ""
    """How much it searched for, where that is not the usual: Perplexity's `medium` or `high`."""

    def __add__(self, other: "Usage") -> "Usage":
        """Field by field; the weaker provenance of the two wins. `NO_USAGE` is the zero."""
        if other is NO_USAGE:
            return self
        if self is NO_USAGE:
            return other
        costs = [c for c in (self.reported_cost_micros, other.reported_cost_micros) if c is not None]
        return Usage(
            input=self.input + other.input,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            searches=self.searches + other.searches,
            reported_cost_micros=sum(costs) if costs else None,
            provenance=max(self.provenance, other.provenance, key=_RANK.__getitem__),
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            # A sum over tiers has none: what each call cost is added up, not worked out of the sum.
            tier=self.tier if self.tier == other.tier else "",
            search_context=self.search_context if self.search_context == other.search_context else "",
        )


NO_USAGE = Usage()
"""Nothing used: the zero of addition."""
