"""GET /v1/pipelines: what can be written, from which fields, for how much, by which steps."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine

if TYPE_CHECKING:
    from shared.bootstrap import Services
    from shared.documents.pipeline import Pipeline

router = APIRouter(tags=["pipelines"])


@router.get("/v1/pipelines", **describe("PipelineList", "All pipelines"))
async def listed(request: Request, _caller: Caller) -> Response:
    """The registered pipelines, by name."""
    services = engine(request)
    data = [_json(services, services.pipelines[name]) for name in sorted(services.pipelines)]
    return Json({"data": data, "next": None})


def _json(services: "Services", pipeline: "Pipeline") -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "summary": pipeline.summary,
        "fields": dict(pipeline.fields()),
        "result": dict(pipeline.result()),
        # The worst case binds for every request alike, so it can be told before one is made.
        "quote": services.documents.quote_json(pipeline.graph.quote(pipeline.given.model_construct())),
        "mermaid": pipeline.graph.draw(),
    }
