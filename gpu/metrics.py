"""What vLLM tells of itself in Prometheus' text format, as a value for an operator."""

import re
from dataclasses import dataclass
from math import isnan

_SAMPLE = re.compile(r"^(vllm:[a-z_:]+)(?:\{.*\})?[ \t]+(\S+)", re.MULTILINE)
WAITING = "vllm:num_requests_waiting"


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """One replica at one moment. Counts are since its start; `kv_usage` is a share of the cache from 0 to 1.

    A number that the text lacks is 0: a server that has answered nothing yet has no counters.
    """

    waiting: int = 0
    """Requests that the engine has not begun: the first thing to scale on."""
    running: int = 0
    kv_usage: float = 0.0
    prefix_queries: int = 0
    """Prompt tokens that were looked up in the prefix cache."""
    prefix_hits: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    preemptions: int = 0
    """Requests that were thrown out of the cache and begun anew: too many at once for this card."""
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    """Both summed over all requests, so that they exceed the time of the clock."""

    @property
    def prefix_share(self) -> float:
        """The share of looked-up prompt tokens that the prefix cache held."""
        return self.prefix_hits / self.prefix_queries if self.prefix_queries else 0.0


def totals(text: str) -> dict[str, float]:
    """Each of vLLM's samples by name, summed over its labels. Lines that are none of them are passed over."""
    found: dict[str, float] = {}
    for name, number in _SAMPLE.findall(text):
        try:
            value = float(number)
        except ValueError:
            continue
        found[name] = found.get(name, 0.0) + (0.0 if isnan(value) else value)
    return found


def read(text: str) -> PoolMetrics:
    """The metrics in `/metrics`' answer."""
    found = totals(text)

    def whole(name: str) -> int:
        return int(found.get(f"vllm:{name}", 0))

    return PoolMetrics(
        waiting=whole("num_requests_waiting"),
        running=whole("num_requests_running"),
        kv_usage=found.get("vllm:kv_cache_usage_perc", 0.0),
        prefix_queries=whole("prefix_cache_queries_total"),
        prefix_hits=whole("prefix_cache_hits_total"),
        prompt_tokens=whole("prompt_tokens_total"),
        generation_tokens=whole("generation_tokens_total"),
        preemptions=whole("num_preemptions_total"),
        prefill_seconds=found.get("vllm:request_prefill_time_seconds_sum", 0.0),
        decode_seconds=found.get("vllm:request_decode_time_seconds_sum", 0.0),
    )
