"""Spans and metrics are read off the log: what stands there, and nothing that must not leave."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from shared.adapters.telemetry.otlp import Exporter
from shared.adapters.telemetry.signals import Signals
from shared.core.entry import Entry
from shared.core.ids import RunId, TenantId, TraceId, span_of
from shared.core.money import Micros
from shared.core.usage import Usage

TRACE = TraceId("0190aa00bb00cc00dd00ee00ff001122")
LEG = Entry(
    TenantId("tenant-a"), RunId(f"doc_{TRACE}"), TRACE, 3, "outcome", datetime(2026, 11, 21, tzinfo=UTC),
    step="draft", key="k", attempt=1, leg=1, model="claude-sonnet-5-5", provider="anthropic",
    request=b"the secret prompt", response=b"the secret answer", usage=Usage(input=100, output=40),
    cost=Micros(600), finish="stop", first_token_ms=250, total_ms=1500,
)  # fmt: skip
STEP = Entry(LEG.tenant, LEG.run, TRACE, 4, "step", LEG.at, step="draft", total_ms=1600, finish="finished")
END = Entry(LEG.tenant, LEG.run, TRACE, 5, "end", LEG.at, total_ms=2000, finish="finished")


@pytest.fixture(autouse=True)
def plain_lines() -> Iterator[None]:
    """Log lines as they are before anyone configured them: another test's engine may have."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where spans arrive."""
    return InMemorySpanExporter()


@pytest.fixture
def signals(spans: InMemorySpanExporter) -> Signals:
    """Telemetry that exports into memory."""
    return Signals(Exporter("", spans))


def test_a_run_is_one_trace_of_legs_in_steps_in_a_run(signals: Signals, spans: InMemorySpanExporter) -> None:
    """The trace is the run's own; a leg stands in its step, a step in its run; ids follow from content."""
    signals.observe([LEG, STEP, END])
    signals.close()
    leg, step, run = spans.get_finished_spans()
    assert {format(span.context.trace_id, "032x") for span in (leg, step, run)} == {TRACE}
    assert leg.parent is not None
    assert step.parent is not None
    assert leg.parent.span_id == step.context.span_id == int(span_of(TRACE, "step", "draft"), 16)
    assert step.parent.span_id == run.context.span_id
    assert run.parent is None
    assert leg.end_time is not None
    assert leg.start_time is not None
    assert leg.end_time - leg.start_time == 1_500_000_000


def test_a_leg_carries_the_genai_attributes(signals: Signals, spans: InMemorySpanExporter) -> None:
    """OpenTelemetry's own names, so that any dashboard for model calls reads them."""
    signals.observe([LEG])
    signals.close()
    found = dict(spans.get_finished_spans()[0].attributes or {})
    assert found["gen_ai.request.model"] == "claude-sonnet-5-5"
    assert found["gen_ai.provider.name"] == "anthropic"
    assert found["gen_ai.usage.input_tokens"] == 100
    assert found["gen_ai.usage.output_tokens"] == 40
    assert found["chatsmart.cost_micros"] == 600


def test_metrics_count_calls_tokens_cost_and_first_tokens(signals: Signals) -> None:
    """Prometheus text with units in the names."""
    signals.observe([LEG, END])
    text = signals.exposition().decode()
    where = 'gen_ai_provider_name="anthropic",gen_ai_request_model="claude-sonnet-5-5"'
    assert f'chatsmart_calls_total{{{where},outcome="ok"}} 1.0' in text
    assert f"chatsmart_cost_micros_total{{{where}}} 600.0" in text
    output = where + ',gen_ai_token_type="output"'
    assert f"gen_ai_client_token_usage_tokens_total{{{output}}} 40.0" in text
    assert f"gen_ai_server_time_to_first_token_seconds_sum{{{where}}} 0.25" in text
    assert 'chatsmart_runs_total{kind="doc",status="finished"} 1.0' in text


def test_no_prompt_answer_or_tenant_label_leaves(signals: Signals, spans: InMemorySpanExporter) -> None:
    """Neither metrics, spans nor log lines hold what was asked or answered; no metric is labelled by tenant."""
    with capture_logs() as lines:
        signals.observe([LEG, STEP, END])
    signals.close()
    assert {line["trace_id"] for line in lines} == {TRACE}
    everything = signals.exposition().decode() + "".join(
        span.to_json() for span in spans.get_finished_spans()
    )
    assert "secret" not in everything + repr(lines)
    assert "tenant-a" not in signals.exposition().decode()
