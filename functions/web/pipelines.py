"""GET /v1/pipelines: what can be written, from which fields, for how much, by which steps."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine

if TYPE_CHECKING:
    from shared.documents.pipeline import Pipeline

router = APIRouter(tags=["pipelines"])


@router.get("/v1/pipelines", **describe("PipelineList", "All pipelines"))
async def listed(request: Request, _caller: Caller) -> Response:
    """The registered pipelines, by name."""
    services = engine(request)
    return Json(
        {"data": [_json(services.pipelines[name]) for name in sorted(services.pipelines)], "next": None}
    )


def _json(pipeline: "Pipeline") -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "summary": pipeline.summary,
        "fields": dict(pipeline.fields()),
        "result": dict(pipeline.result()),
        "mermaid": pipeline.graph.draw(),
    }
