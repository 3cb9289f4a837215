"""Values that the contract suites store: every field is set, so that none can get lost on the way."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.entry import Entry
from shared.core.event import Event, EventName
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.limit import Cap
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.ports.shelf import Document, StepLine

AT = datetime(2026, 11, 15, 12, 0, 0, 123456, tzinfo=UTC)
AWKWARD = {"z": 1.0, "a": 1, "nul": "\x00", "ünï": "✓ 🙂", "deep": {"y": [1, {"b": None, "a": True}]}, "": ""}
"""JSON that a database may be tempted to tidy: order, 1.0, NUL, an empty key."""


def run(number: int = 1, kind: str = "doc") -> RunId:
    """A run's id; later numbers sort later."""
    return RunId(f"{kind}_{number:032x}")


def entry(tenant: TenantId, position: int = 1, *, of: RunId | None = None, **changes: Any) -> Entry:
    """An entry with all fields set."""
    fields: dict[str, Any] = {
        "tenant": tenant,
        "run": of or run(),
        "trace": TraceId("0" * 31 + "1"),
        "position": position,
        "kind": "outcome",
        "at": AT + timedelta(milliseconds=position),
        "step": "draft/1",
        "key": "k" * 32,
        "occurrence": 2,
        "attempt": 3,
        "leg": 4,
        "model": "gpt",
        "provider": "openai",
        "request": b'{"a": "\xff\x00"}',
        "response": b"data: x\r\n\r\n" + bytes(range(256)),
        "body": AWKWARD,
        "usage": Usage(10, 2, 3, 4, 1, 1, 77, "estimated"),
        "cost": Micros(123456),
        "finish": "stop",
        "fault": "provider_cut",
        "first_token_ms": 120,
        "total_ms": 3400,
        "actor": "key_1",
    }
    return Entry(**(fields | changes))


def document(tenant: TenantId, number: int = 1, **changes: Any) -> Document:
    """A document with all fields set; a later number is newer."""
    fields: dict[str, Any] = {
        "id": run(number),
        "tenant": tenant,
        "trace": TraceId(f"{number:032x}"),
        "pipeline": "article",
        "status": "finished",
        "created": AT + timedelta(seconds=number),
        "given": AWKWARD,
        "actor": "key_1",
        "text": "# Töxt\n",
        "data": AWKWARD,
        "cost": Micros(5_000),
        "budget": Micros(10_000),
        "steps": (StepLine("draft", "gpt", 5_000, "finished", 10, 20, 900, 2, True),),
        "finished": AT + timedelta(seconds=number + 1),
        "fault": {"code": "x", "message": "y", "advice": ""},
        "simulated": True,
        "version": "1.2",
        "parent": run(99),
    }
    return Document(**(fields | changes))


def event(position: int, name: EventName = "token", **data: Any) -> Event:
    """An event; `data` keeps its order."""
    return Event(position, name, {"trace": "t", "z": 1, "a": position, **data})


def month(tenant: TenantId, micros: int) -> tuple[Cap, ...]:
    """A tenant's cap of the month, as the ledger takes caps."""
    return (Cap("tenant", tenant, "month", Micros(micros)),)
