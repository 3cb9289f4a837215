"""What operators see and do: how the models are, and which of them are out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body
from shared.core.faults import BadRequest, Forbidden
from shared.core.model_spec import ModelSpec
from shared.core.tenant import Principal
from shared.core.text import sound
from shared.ports.health import Standing
from shared.ports.stops import SAID

router = APIRouter(tags=["operator"])
_LONGEST = 200
"""Characters of a reason: it stands in a line of a list."""


async def _operator(caller: Caller) -> Principal:
    if "operator" not in caller.scopes:
        raise Forbidden("This is for operators: the key lacks the scope 'operator'.")
    return caller


Operator = Annotated[Principal, Depends(_operator)]
"""A verified caller who is an operator: a route that takes one answers 403 to all others."""


@router.get("/v1/operator/providers", **describe("ModelHealthList", "Every model, as all processes see it"))
async def listed(request: Request, _operator: Operator) -> Response:
    """How every model of the catalogue is: its breaker, its first tokens, how many calls failed."""
    services = engine(request)
    table = await services.health.table()
    specs = services.catalogue.models()
    # Of a model that nobody has called its provider may be out all the same.
    rows = [_row(spec, table.get(spec.name) or services.health.standing(spec)) for spec in specs]
    return Json({"data": rows, "next": None})


@router.post(
    "/v1/operator/quarantine",
    **describe("ModelHealth", "The model as it is now", body="QuarantineRequest"),
)
async def quarantined(request: Request, _operator: Operator) -> Response:
    """Take a model out until somebody puts it back; in all processes within about a second."""
    given = await json_body(request)
    model, why = given.get("model"), given.get("why")
    if not isinstance(model, str):
        raise BadRequest("'model' must be the name of a model.", param="model")
    if not isinstance(why, str) or not 0 < len(sound(why, "why").strip()) <= _LONGEST:
        raise BadRequest(f"'why' must have 1 to {_LONGEST} characters: others will read it.", param="why")
    if why.split()[0] == SAID.strip():
        raise BadRequest(
            f"'why' must not begin with '{SAID.strip()}': so begins what a stop says.", param="why"
        )
    services = engine(request)
    spec = services.catalogue.get(model)
    await services.health.quarantine([spec.name], " ".join(why.split()))
    return Json(_row(spec, services.health.standing(spec)))


@router.delete(
    "/v1/operator/quarantine/{model}", **describe(None, "The model is not in quarantine", status=204)
)
async def released(request: Request, model: str, _operator: Operator) -> Response:
    """Put a model back; one that was not out stays as it is."""
    services = engine(request)
    await services.health.quarantine([services.catalogue.get(model).name], None)
    return Response(status_code=204)


def _row(spec: ModelSpec, standing: Standing) -> dict[str, Any]:
    return {
        "object": "model_health",
        "model": spec.name,
        "provider": spec.provider,
        "state": standing.state,
        "why": standing.why,
        "until": standing.until.isoformat() if standing.until else None,
        "first_token_p50_ms": standing.first_token_p50_ms,
        "first_token_p95_ms": standing.first_token_p95_ms,
        "calls": standing.calls,
        "failures": standing.failures,
    }
