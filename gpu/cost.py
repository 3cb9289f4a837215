"""What a token of the pool costs: dollars of billed seconds over what was measured in them.

Billed are a container's seconds from its start to its end: loading, answering, and the idle window after the last
request.
Which share of them is work decides the price; a hosted model has no such share.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from gpu.kinds import Kind
from gpu.metrics import PoolMetrics
from shared.core.money import Micros
from shared.models.prices import GpuRate

MILLION = Decimal(1_000_000)


class NotMeasured(ValueError):
    """There is nothing to compute a price from: no tokens, or no seconds. A price that is unknown is not 0."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """A replica's billed seconds, by what they were spent on."""

    start: Decimal
    busy: Decimal
    """In which at least one request was worked on."""
    idle: Decimal

    @property
    def billed(self) -> Decimal:
        """All of them."""
        return self.start + self.busy + self.idle

    @property
    def share(self) -> Decimal:
        """The busy share. Raises NotMeasured where nothing was billed."""
        if self.billed <= 0:
            raise NotMeasured("No seconds were billed.")
        return self.busy / self.billed


@dataclass(frozen=True, slots=True)
class Throughput:
    """Tokens a busy second, for one replica that does nothing but read, and one that does nothing but write."""

    read: Decimal
    """Prompt tokens that the prefix cache did not hold."""
    written: Decimal

    @classmethod
    def measured(cls, before: PoolMetrics, after: PoolMetrics, busy: Decimal) -> "Throughput":
        """From the metrics at both ends of a while and its busy seconds, which are divided between reading and writing
        as the engine's own times for both are. Raises NotMeasured where either was not done at all."""
        read = Decimal(after.prompt_tokens - before.prompt_tokens - (after.prefix_hits - before.prefix_hits))
        written = Decimal(after.generation_tokens - before.generation_tokens)
        prefill = Decimal(str(after.prefill_seconds)) - Decimal(str(before.prefill_seconds))
        decode = Decimal(str(after.decode_seconds)) - Decimal(str(before.decode_seconds))
        if min(read, written, prefill, decode, busy) <= 0:
            raise NotMeasured("Too little was asked of the pool in that time: no tokens, or no seconds.")
        reading = busy * prefill / (prefill + decode)
        return cls(read / reading, written / (busy - reading))


def rate(kind: Kind, pace: Throughput, seconds: Seconds) -> GpuRate:
    """What the catalogue prices a pool by. Raises NotMeasured."""
    return GpuRate(
        kind.replica_usd_per_second * 3600, pace.read, pace.written, busy=_above_none(seconds.share)
    )


def bill(kind: Kind, seconds: Seconds) -> Micros:
    """What the seconds cost, rounded up to a micro-dollar."""
    return Micros(
        int((seconds.billed * kind.replica_usd_per_second * MILLION).to_integral_value(ROUND_CEILING))
    )


def shares(total: Micros, pace: Throughput, requests: tuple[tuple[int, int], ...]) -> tuple[Micros, ...]:
    """A bill divided among requests, each its uncached prompt tokens and its output tokens, by the time that these
    take. They add up to the bill exactly: what rounding leaves goes to the largest. Raises NotMeasured where there is
    nothing to divide by."""
    weights = [Decimal(read) / pace.read + Decimal(written) / pace.written for read, written in requests]
    whole = sum(weights, Decimal(0))
    if whole <= 0:
        raise NotMeasured("No request has any tokens: the bill can't be divided.")
    parts = [int(total * weight / whole) for weight in weights]
    parts[weights.index(max(weights))] += total - sum(parts)
    return tuple(Micros(part) for part in parts)


def per_million(kind: Kind, tokens_per_second: Decimal, busy: Decimal = Decimal(1)) -> Decimal:
    """Dollars for a million tokens of a replica that makes so many in a busy second. Raises NotMeasured."""
    return kind.replica_usd_per_second / (_above_none(tokens_per_second) * _above_none(busy)) * MILLION


def break_even(kind: Kind, tokens_per_second: Decimal, hosted: Decimal) -> Decimal:
    """The busy share from which on a replica is cheaper than a hosted model at `hosted` dollars for a million tokens.
    Above 1 it never is. Raises NotMeasured."""
    return per_million(kind, tokens_per_second) / _above_none(hosted)


def cold_request(kind: Kind, start: Decimal, idle: int, busy: Decimal) -> Micros:
    """What one request to a sleeping pool costs: loading, the request, the window. For a router that may choose."""
    return bill(kind, Seconds(start, busy, Decimal(idle)))


@dataclass(frozen=True, slots=True)
class Anchor:
    """A published throughput: tokens a second, prompt and output together, with where it stands. Not measured here."""

    kind: str
    model: str
    tokens_per_second: Decimal
    source: str
    on: date


ANCHORS = (
    Anchor(
        "L4",
        "llama-3.1-8b",
        Decimal(1_400),
        "a vendor's blog, Llama 3 8B (vllm research, Cost)",
        date(2026, 11, 21),
    ),
    Anchor(
        "H100",
        "llama-3.1-8b",
        Decimal(32_000),
        "modal-examples vllm_throughput.py, Qwen3-8B FP8 in batch, 30,000 read and 2,000 written",
        date(2026, 11, 21),
    ),
)


def _above_none(value: Decimal) -> Decimal:
    if value <= 0:
        raise NotMeasured(f"{value} is no pace and no share: nothing was measured.")
    return value
