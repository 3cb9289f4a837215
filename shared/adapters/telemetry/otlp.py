"""Spans to an OpenTelemetry collector over OTLP/HTTP; loaded only where an endpoint is configured.

Ids are ours: the trace is the run's, a span's id follows from what it is, so a support person can go from a log row
to the trace and back (row E10).
"""

from datetime import timedelta
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.core.entry import Entry
from shared.core.ids import span_of

_RESOURCE = Resource.create({"service.name": "chatsmart"})
_SCOPE = InstrumentationScope("chatsmart")


class Exporter:
    """Finished spans into a batch processor."""

    def __init__(self, endpoint: str, exporter: SpanExporter | None = None) -> None:
        target = exporter or OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
        self._processor = BatchSpanProcessor(target)

    def record(self, entry: Entry, name: str, attributes: dict[str, Any]) -> None:
        """See `signals.Spans`."""
        own, parent = _place(entry)
        self._processor.on_end(
            ReadableSpan(
                name=name,
                context=own,
                parent=parent,
                resource=_RESOURCE,
                attributes=attributes,
                kind=SpanKind.CLIENT if entry.kind == "outcome" else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR, entry.fault) if entry.fault else Status(StatusCode.OK),
                start_time=int((entry.at - timedelta(milliseconds=entry.total_ms or 0)).timestamp() * 1e9),
                end_time=int(entry.at.timestamp() * 1e9),
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """See `signals.Spans`."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _place(entry: Entry) -> tuple[SpanContext, SpanContext | None]:
    """A span and what it stands in: a leg in its step, a step in its run."""
    if entry.kind == "outcome":
        own = _context(entry, "leg", entry.step, entry.key, entry.occurrence, entry.attempt, entry.leg)
        return own, _context(entry, "step", entry.step)
    if entry.kind == "step":
        return _context(entry, "step", entry.step), _context(entry, "run")
    return _context(entry, "run"), None


def _context(entry: Entry, *path: str | int) -> SpanContext:
    return SpanContext(
        trace_id=int(entry.trace, 16),
        span_id=int(span_of(entry.trace, *path), 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
