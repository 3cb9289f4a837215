"""The caller's move from another path: where it is, how much of its traffic is here, and what was seen on the way."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.errors import Invalid
from functions.web.fields import Fields, wrong_type
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body

if TYPE_CHECKING:
    from shared.cutover.report import Group, Measures
    from shared.ports.comparisons import Comparison, Side
    from shared.ports.cutovers import Cutover

router = APIRouter(tags=["cutover"])
_FIELDS = frozenset(
    ("base_url", "api_key", "serve_percent", "mirror_percent", "shadow_percent", "models", "keep_samples")
)
_PRIVATE = {"cache-control": "no-store"}


@router.put("/v1/cutover", **describe("Cutover", "The move as it is now", body="CutoverRequest"))
async def change(request: Request, caller: Caller) -> Response:
    """Begin a move, or change it while it runs: what is left out stays as it is."""
    from shared.cutover.desk import Change

    given = Fields(await json_body(request))
    for name in given.values:
        if name not in _FIELDS:
            raise Invalid(f"Unknown parameter: '{name[:60]}'.", param=name[:60], kind="unknown_parameter")
    flag = None if given.values.get("keep_samples") is None else given.flag("keep_samples", False)
    changed = Change(
        base_url=_text(given, "base_url"),
        api_key=_text(given, "api_key"),
        serve_percent=given.whole("serve_percent", 0, 100),
        mirror_percent=given.whole("mirror_percent", 0, 100),
        shadow_percent=given.whole("shadow_percent", 0, 100),
        models=_models(given),
        keep_samples=flag,
    )
    return Json(_json(await engine(request).cutover.set(caller, changed)), headers=_PRIVATE)


@router.get("/v1/cutover", **describe("Cutover", "The move as it is now"))
async def show(request: Request, caller: Caller) -> Response:
    """The move; never the old path's key."""
    return Json(_json(await engine(request).cutover.get(caller)), headers=_PRIVATE)


@router.delete("/v1/cutover", **describe(None, "The move is over: ChatSmart answers everything", status=204))
async def end(request: Request, caller: Caller) -> Response:
    """End the move and forget the old path's key. Comparisons stay until they are 30 days old."""
    await engine(request).cutover.remove(caller)
    return Response(status_code=204)


@router.get("/v1/cutover/report", **describe("CutoverReport", "What was compared, and a verdict"))
async def report(
    request: Request,
    caller: Caller,
    hours: Annotated[int, Query(ge=1, le=720, description="How far back to look.")] = 24,
) -> Response:
    """Counts, agreement, cost and latency of both sides, by model, with the worst disagreements."""
    found = await engine(request).cutover.report(caller, hours)
    return Json(
        {
            "object": "cutover_report",
            "since": found.since.isoformat(),
            "until": found.until.isoformat(),
            "counts": dict(sorted(found.counts.items())),
            "overall": _group(found.overall),
            "models": [{"model": group.model} | _group(group) for group in found.models],
            "worst": [_example(row) for row in found.worst],
            "verdict": {"ready": found.verdict.ready, "text": found.verdict.text},
            "capped": found.capped,
        },
        headers=_PRIVATE,
    )


def _text(given: Fields, name: str) -> str | None:
    return None if given.values.get(name) is None else given.text(name)


def _models(given: Fields) -> dict[str, str] | None:
    found = given.object("models")
    if found is None:
        return None
    for theirs, ours in found.values.items():
        if not isinstance(ours, str):
            raise wrong_type(f"models.{theirs[:60]}", "a string", ours)
    return dict(found.values)


def _json(cutover: "Cutover") -> dict[str, Any]:
    return {
        "object": "cutover",
        "base_url": cutover.base_url,
        "api_key_hint": ("…" + cutover.key_hint) if cutover.sealed_key else None,
        "serve_percent": cutover.serve_percent,
        "mirror_percent": cutover.mirror_percent,
        "shadow_percent": cutover.shadow_percent,
        "models": dict(cutover.models),
        "keep_samples": cutover.keep_samples,
        "changed": cutover.changed.isoformat() if cutover.changed else None,
        "changed_by": cutover.changed_by,
    }


def _group(group: "Group") -> dict[str, Any]:
    return {
        "pairs": group.pairs,
        "both": group.both,
        "agreeing": group.agreeing,
        "identical": group.identical,
        "agreement": None if group.agreement is None else round(group.agreement, 4),
        "similarity": group.similarity,
        "priced": group.priced,
        "ours": _measures(group.ours),
        "theirs": _measures(group.theirs),
    }


def _measures(side: "Measures") -> dict[str, Any]:
    return {
        "failures": side.failures,
        "cost_micros": side.cost,
        "first_token_p50_ms": side.first_p50,
        "first_token_p95_ms": side.first_p95,
        "total_p50_ms": side.total_p50,
        "total_p95_ms": side.total_p95,
    }


def _example(row: "Comparison") -> dict[str, Any]:
    return {
        "trace": row.trace,
        "at": row.at.isoformat(),
        "path": row.path,
        "model": row.model,
        "first": row.first,
        "agrees": row.agrees,
        "why": row.why,
        "similarity": row.similarity,
        "ours": _side(row.ours),
        "theirs": _side(row.theirs),
        "sample": None if row.sample is None else dict(row.sample),
    }


def _side(side: "Side") -> dict[str, Any]:
    return {
        "model": side.model,
        "fault": side.fault or None,
        "finish": side.finish,
        "size": side.size,
        "first_token_ms": side.first_ms,
        "total_ms": side.total_ms,
        "cost_micros": side.cost,
    }
