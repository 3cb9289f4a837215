"""The call log: the tape of a run, and whether the chain over the log holds."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.documents import run
from functions.web.reply import Json
from functions.web.request import Caller, engine

router = APIRouter(tags=["audit"])


@router.get("/v1/audit/verify", **describe("Verdict", "What checking the chain found"))
async def verify(request: Request, caller: Caller) -> Response:
    """Recompute the hash chain over the tenant's log: `broken` names the first seal that does not fit."""
    verdict = await engine(request).seals.verify(caller.tenant)
    return Json(
        {
            "tenant": verdict.tenant,
            "intact": not verdict.broken,
            "broken": verdict.broken or None,
            "seals": verdict.seals,
            "entries": verdict.entries,
            "unsealed": verdict.unsealed,
            "tombstones": verdict.tombstones,
        }
    )


@router.get("/v1/audit/{id}/tape", **describe("Tape", "All entries of the run"))
async def tape(request: Request, id: str, caller: Caller) -> Response:
    """Every log entry of a run in order, bytes in base64: enough to replay it anywhere."""
    return Json({"entries": await engine(request).documents.tape(caller, run(id))})
