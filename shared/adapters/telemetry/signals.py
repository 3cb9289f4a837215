"""Entries as Prometheus metrics, OpenTelemetry spans with GenAI attributes, and structured log lines.

Names follow the ecosystem: `gen_ai.*` attributes and metrics of the OpenTelemetry semantic conventions; Prometheus
names with units. No metric has a tenant label (a label per tenant is a time series per tenant) and no span or line
carries a prompt or an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

from shared.core.entry import Entry
from shared.core.lines import LINES

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 15, 30, 60, 120)
_SYSTEMS = {"gemini": "gcp.gemini", "llama": "vllm"}
"""Provider names where the semantic conventions have another."""


class Spans(Protocol):
    """Where spans go: `otlp.Exporter`, or nowhere."""

    def record(self, entry: Entry, name: str, attributes: dict[str, Any]) -> None:
        """A finished span that ends at `entry.at` and lasted `entry.total_ms`."""
        ...

    def close(self) -> None:
        """Send what is buffered."""
        ...


def attributes(entry: Entry) -> dict[str, Any]:
    """The GenAI attributes of a finished leg (OpenTelemetry semantic conventions, gen_ai.*)."""
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _SYSTEMS.get(entry.provider, entry.provider),
        "gen_ai.request.model": entry.model,
        "gen_ai.response.finish_reasons": [entry.finish],
        "chatsmart.run": entry.run,
        "chatsmart.step": entry.step,
        "chatsmart.attempt": entry.attempt,
        "chatsmart.leg": entry.leg,
        "chatsmart.tenant": entry.tenant,
    }
    if entry.usage is not None:
        found["gen_ai.usage.input_tokens"] = entry.usage.input
        found["gen_ai.usage.output_tokens"] = entry.usage.output
        found["gen_ai.usage.cache_read.input_tokens"] = entry.usage.cache_read
    if entry.cost is not None:
        found["chatsmart.cost_micros"] = entry.cost
    if entry.fault:
        found["error.type"] = entry.fault
    return found


@dataclass(slots=True)
class Signals:
    """`ports.telemetry.Telemetry` on prometheus_client, structlog and, where configured, an OTLP exporter."""

    spans: Spans | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _made: "_Metrics | None" = None
    _models: "dict[tuple[str, str, str], _Model]" = field(default_factory=dict)
    """Provider, model and outcome: looking their series up again for each call costs as much as counting."""

    def observe(self, entries: Sequence[Entry]) -> None:
        """See the port."""
        metrics = self._metrics()
        for entry in entries:
            if entry.kind == "outcome":
                self._leg(metrics, entry)
            elif entry.kind == "end":
                metrics.runs.labels(entry.run.partition("_")[0], entry.finish).inc()
                LINES.info(
                    "run over", trace_id=entry.trace, run=entry.run, status=entry.finish, fault=entry.fault
                )
                self._span(entry, f"run {entry.run.partition('_')[0]}")
            elif entry.kind == "step":
                self._span(entry, f"step {entry.step}")

    def exposition(self) -> bytes:
        """See the port."""
        self._metrics()
        return generate_latest(self.registry)

    def close(self) -> None:
        """See the port."""
        if self.spans is not None:
            self.spans.close()

    def _metrics(self) -> "_Metrics":
        if self._made is None:
            self._made = _Metrics.on(self.registry)
            ProcessCollector(registry=self.registry)
        return self._made

    def _leg(self, metrics: "_Metrics", entry: Entry) -> None:
        outcome = entry.fault or "ok"
        model = self._models.get((entry.provider, entry.model, outcome))
        if model is None:
            model = _Model.of(metrics, entry.provider, entry.model, outcome)
            self._models[entry.provider, entry.model, outcome] = model
        model.calls.inc()
        if entry.total_ms is not None:
            model.duration.observe(entry.total_ms / 1000)
        if entry.first_token_ms is not None:
            model.first_token.observe(entry.first_token_ms / 1000)
        if entry.usage is not None:
            model.read.inc(entry.usage.input)
            model.wrote.inc(entry.usage.output)
        if entry.cost:
            model.cost.inc(entry.cost)
        LINES.info(
            "call over",
            trace_id=entry.trace,
            run=entry.run,
            step=entry.step,
            leg=entry.leg,
            model=entry.model,
            finish=entry.finish,
            fault=entry.fault,
            total_ms=entry.total_ms,
            cost_micros=entry.cost,
        )
        if self.spans is not None:
            self.spans.record(entry, f"chat {entry.model}", attributes(entry))

    def _span(self, entry: Entry, name: str) -> None:
        if self.spans is not None:
            self.spans.record(entry, name, {"chatsmart.run": entry.run, "chatsmart.tenant": entry.tenant})


@dataclass(frozen=True, slots=True)
class _Metrics:
    calls: Counter
    tokens: Counter
    cost: Counter
    runs: Counter
    duration: Histogram
    first_token: Histogram

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "_Metrics":
        model = ("gen_ai_provider_name", "gen_ai_request_model")
        return cls(
            Counter(
                "chatsmart_calls_total", "Provider calls by outcome", (*model, "outcome"), registry=registry
            ),
            Counter(
                "gen_ai_client_token_usage_tokens_total",
                "Tokens used",
                (*model, "gen_ai_token_type"),
                registry=registry,
            ),
            Counter("chatsmart_cost_micros_total", "Provider cost, micro-dollars", model, registry=registry),
            Counter("chatsmart_runs_total", "Runs by outcome", ("kind", "status"), registry=registry),
            Histogram(
                "gen_ai_client_operation_duration_seconds",
                "Whole calls",
                model,
                registry=registry,
                buckets=_SECONDS,
            ),
            Histogram(
                "gen_ai_server_time_to_first_token_seconds",
                "First token",
                model,
                registry=registry,
                buckets=_SECONDS,
            ),
        )


@dataclass(frozen=True, slots=True)
class _Model:
    """The series of one model and one outcome."""

    calls: Counter
    read: Counter
    wrote: Counter
    cost: Counter
    duration: Histogram
    first_token: Histogram

    @classmethod
    def of(cls, metrics: _Metrics, provider: str, model: str, outcome: str) -> "_Model":
        labels = (provider, model)
        return cls(
            metrics.calls.labels(*labels, outcome),
            metrics.tokens.labels(*labels, "input"),
            metrics.tokens.labels(*labels, "output"),
            metrics.cost.labels(*labels),
            metrics.duration.labels(*labels),
            metrics.first_token.labels(*labels),
        )
