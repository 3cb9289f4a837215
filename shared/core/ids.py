"""Identifiers: who, which run, which call. Made in one layer (`ports.clock.Ids`), passed everywhere else.

A run's trace is its identity in W3C form (32 hex digits); a span inside it is derived from the content of what
it names, so the same run replayed has the same ids (row E10).
"""

from hashlib import blake2b
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", str)
"""A UUID in canonical text form."""
RunId = NewType("RunId", str)
"""`doc_…`, `chat_…` or `cmp_…` followed by 32 hex digits of a version 7 UUID: sortable by time."""
KeyId = NewType("KeyId", str)
"""`key_…`: names an API key without being one."""
TraceId = NewType("TraceId", str)
"""32 hex digits, W3C trace-id."""
SpanId = NewType("SpanId", str)
"""16 hex digits, W3C parent-id."""


def run_id(kind: str, uuid: UUID) -> RunId:
    """A run's id: `kind` is `doc`, `chat` or `cmp`."""
    return RunId(f"{kind}_{uuid.hex}")


def trace_of(run: RunId) -> TraceId:
    """The trace of a run: the hex digits of its id, so either finds the other."""
    return TraceId(run.rsplit("_", 1)[-1])


def begun_at(run: RunId) -> int:
    """When a run's id was made, in whole seconds since 1970: a version 7 UUID begins with its milliseconds."""
    return int(trace_of(run)[:12], 16) // 1000


def span_of(trace: TraceId, *path: str | int) -> SpanId:
    """The span of one thing inside a trace, from what it is (step, occurrence, attempt), never from a counter."""
    name = "\x1f".join(str(part) for part in path)
    return SpanId(blake2b(name.encode(), key=trace.encode(), digest_size=8).hexdigest())
