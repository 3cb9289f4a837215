"""From a run that is over to the document that its owner sees. Only what the log holds goes in, so that a replay gives
the same document."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from pydantic import BaseModel

from shared.core.money import Micros
from shared.documents.pipeline import Pipeline
from shared.documents.view import document_json, fault_json
from shared.ports.shelf import Document, Status, StepLine
from shared.runtime.view import RunView, StepView


def documented(view: RunView, pipeline: Pipeline, budget: Micros | None) -> Document:
    """The document of a run that is over."""
    output = view.output
    status: Status = "finished" if view.status == "finished" and output is not None else "failed"
    return Document(
        id=view.run,
        tenant=view.tenant,
        trace=view.trace,
        pipeline=pipeline.name,
        status=status,
        created=view.started.astimezone(UTC),
        given=_given(view.given),
        actor=view.actor,
        text="" if output is None else output.text,
        data=None if output is None else output.model_dump(mode="json"),
        cost=view.cost,
        budget=budget,
        steps=tuple(_line(step) for step in view.steps),
        finished=view.ended.astimezone(UTC),
        fault=None if status == "finished" else _fault(view),
        simulated=view.simulated,
        version=view.version,
    )


def finished_json(view: RunView, pipeline: Pipeline, budget: Micros | None) -> Mapping[str, Any]:
    """What the `finished` event carries: the whole document, and the trace like every event."""
    return document_json(documented(view, pipeline, budget))


def _given(given: Any) -> Mapping[str, Any]:
    return given.model_dump(mode="json") if isinstance(given, BaseModel) else {}


def _line(step: StepView) -> StepLine:
    return StepLine(
        name=step.name,
        model=step.model,
        cost_micros=step.cost,
        status=step.status,
        input_tokens=step.usage.input,
        output_tokens=step.usage.output,
        total_ms=step.total_ms or 0,
        legs=step.legs,
        simulated=step.simulated,
    )


def _fault(view: RunView) -> Mapping[str, Any]:
    fault = view.fault
    if fault is None:
        said = "It was cancelled." if view.status == "cancelled" else "The run gave no document."
        return fault_json(view.status if view.status == "cancelled" else "internal_error", said, "")
    return fault_json(fault.code, fault.message, fault.advice)
