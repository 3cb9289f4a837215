"""Documents as JSON: the shapes that scripts rely on."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from shared.ports.shelf import Document


def document_json(document: Document) -> dict[str, Any]:
    """A document as its owner sees it; `rerun_of` where it is one, `removed` where its words were."""
    origin: dict[str, Any] = {} if document.parent is None else {"rerun_of": document.parent}
    if document.removed is not None:
        origin["removed"] = document.removed.isoformat()
    return {
        "id": document.id,
        "object": "document",
        "pipeline": document.pipeline,
        "version": document.version,
        "status": document.status,
        "created": document.created.isoformat(),
        "finished": document.finished.isoformat() if document.finished else None,
        "given": dict(document.given),
        "text": document.text,
        "data": None if document.data is None else dict(document.data),
        "cost_micros": document.cost,
        "budget_micros": document.budget,
        "trace": document.trace,
        "steps": [asdict(line) for line in document.steps],
        "simulated": document.simulated,
        "error": None if document.fault is None else dict(document.fault),
        **origin,
    }


def summary_json(document: Document) -> dict[str, Any]:
    """A document in a list: without its text, data and steps."""
    whole = document_json(document)
    return {name: value for name, value in whole.items() if name not in ("text", "data", "steps", "given")}


def fault_json(code: str, message: str, advice: str) -> Mapping[str, Any]:
    """Why a document failed."""
    return {"code": code, "message": message, "advice": advice}
