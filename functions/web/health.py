"""Whether the process lives, whether it can serve, and its metrics. Open to all: none of it tells of a tenant."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import engine

router = APIRouter(tags=["health"])


@router.get("/healthz", **describe("Health", "The process answers", caller=False))
async def healthz(request: Request) -> Response:
    """The process lives, and which revision it is where it was deployed: while a deploy goes on, two of them answer.
    Looks at nothing else: a store that is down must not get us killed."""
    revision = engine(request).settings.revision
    return Json({"status": "ok", **({"revision": revision} if revision else {})})


@router.get("/readyz", **describe("Readiness", "All stores answer", also=503, caller=False))
async def readyz(request: Request) -> Response:
    """Whether requests can be served: 503 where a store does not answer, naming it."""
    checks = dict(await engine(request).ready())
    ready = all(value == "ok" for value in checks.values())
    return Json(
        {"status": "ready" if ready else "not ready", "checks": checks}, status_code=200 if ready else 503
    )


@router.get("/metrics", **describe("Text", "Metrics in Prometheus' text format", caller=False))
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(
        engine(request).telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )
