"""What vLLM tells of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu.metrics import PoolMetrics, read, totals

TEXT = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 3.0
vllm:num_requests_waiting{engine="0",model_name="a } b"} 2.0
vllm:num_requests_waiting{engine="1",model_name="x"} 4.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:prefix_cache_queries_total{engine="0"} 1000.0
vllm:prefix_cache_hits_total{engine="0"} 400.0
vllm:prompt_tokens_total{engine="0"} 1.5e+03
vllm:generation_tokens_total 500
vllm:num_preemptions_total{engine="0"} 1.0
vllm:request_prefill_time_seconds_sum{engine="0"} 12.5
vllm:request_decode_time_seconds_sum{engine="0"} NaN
vllm:broken{engine="0"} many
process_open_fds 12.0
"""


def test_the_numbers_are_read() -> None:
    """Gauges and counters of all engines of a server together; what is no number counts for nothing."""
    assert read(TEXT) == PoolMetrics(
        waiting=6,
        running=3,
        kv_usage=0.25,
        prefix_queries=1000,
        prefix_hits=400,
        prompt_tokens=1500,
        generation_tokens=500,
        preemptions=1,
        prefill_seconds=12.5,
        decode_seconds=0.0,
    )
    assert read(TEXT).prefix_share == pytest.approx(0.4)


def test_nothing_is_none() -> None:
    """A server that has answered nothing has no counters, and no share of hits."""
    assert read("") == PoolMetrics()
    assert PoolMetrics().prefix_share == 0.0


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """What is no metrics page is no fault either."""
    read(text)
    totals(f"vllm:x {text}")
