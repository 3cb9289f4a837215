"""What is kept and for how long: the rules in force, deletion on demand, legal holds, and the evidence of what went."""

import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import RUN, describe
from functions.web.documents import run as run_of
from functions.web.errors import Invalid
from functions.web.fields import Fields
from functions.web.operator import Operator
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body
from shared.core.faults import NotYours
from shared.core.ids import RunId

if TYPE_CHECKING:
    from shared.ports.retention import Hold, Removal, Tombstone
    from shared.retention.desk import Kept, Swept

router = APIRouter(tags=["retention"])
HOLD = r"^hold_[0-9a-f]{32}$"
"""The form of a hold's id."""
_HOLD = re.compile(HOLD)
_PLACE = r"^(doc|chat|cmp)_[0-9a-f]{32}:[1-9][0-9]{0,8}$"
_PRIVATE = {"cache-control": "no-store"}
Run = Annotated[str | None, Query(pattern=RUN, description="Only of this run.")]
After = Annotated[str | None, Query(pattern=_PLACE, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]


@router.get("/v1/retention", **describe("Retention", "The rules in force, what is due next, and the holds"))
async def shown(request: Request, caller: Caller) -> Response:
    """How long each class of data is kept, when the oldest of it is due, and what is held. PUT /v1/policy changes
    the days."""
    found = await engine(request).retention.overview(caller)
    return Json(
        {
            "object": "retention",
            "rules": [_kept(kept) for kept in found.kept],
            "legal_hold": found.policy_hold,
            "holds": [_hold(hold) for hold in found.holds],
        },
        headers=_PRIVATE,
    )


@router.delete("/v1/documents/{id}", **describe("Deletion", "What was removed, by class"))
async def erase(request: Request, id: str, caller: Caller) -> Response:
    """Remove the words of a document or a chat now: its text, the words in the call log (a tombstone with their
    digests stays of each row, and all figures), what its placeholders stand for, cached answers made from it and its
    event stream. Asked again it does what is left. 409 while it is going on and where a legal hold keeps it."""
    found = await engine(request).retention.erase(caller, run_of(id))
    return Json(
        {
            "object": "deletion",
            "id": found.run,
            **_removal(found.removal),
            "removed": dict(found.figures),
        },
        headers=_PRIVATE,
    )


@router.get("/v1/retention/tombstones", **describe("TombstoneList", "A page, by run and position"))
async def tombstones(
    request: Request, caller: Caller, run: Run = None, after: After = None, limit: Limit = 100
) -> Response:
    """The evidence of what was removed: of each row when, by whom and under which rule, and the SHA-256 of what stood
    there."""
    of = None if run is None else RunId(run)
    found = await engine(request).retention.tombstones(caller, of, limit + 1, _place(after))
    page = found[:limit]
    last = f"{page[-1].run}:{page[-1].position}" if len(found) > limit else None
    return Json({"data": [_tombstone(one) for one in page], "next": last}, headers=_PRIVATE)


@router.post(
    "/v1/retention/holds",
    **describe("LegalHold", "The hold, in force now", body="LegalHoldRequest", status=201),
)
async def hold(request: Request, caller: Caller) -> Response:
    """Keep a run, or everything where none is named: nothing of it expires or can be deleted until this is released."""
    given = Fields(await json_body(request))
    for name in given.values:
        if name not in ("run", "reason"):
            raise Invalid(f"Unknown parameter: '{name[:60]}'.", param=name[:60], kind="unknown_parameter")
    reason, run = given.text("reason"), given.text_or("run")
    found = await engine(request).retention.hold(caller, run_of(run) if run else None, reason)
    return Json(_hold(found), status_code=201, headers=_PRIVATE)


@router.delete("/v1/retention/holds/{id}", **describe("LegalHold", "The hold, released"))
async def release(request: Request, id: str, caller: Caller) -> Response:
    """End a hold: what is due goes with the next sweep. It stays in the list, with who released it. For operators."""
    if not _HOLD.fullmatch(id):
        raise NotYours(f"There is no hold '{id[:80]}'.")
    return Json(_hold(await engine(request).retention.release(caller, id)), headers=_PRIVATE)


@router.post(
    "/v1/operator/retention/sweep",
    **describe("Sweep", "What went, by class", body="SweepRequest", body_needed=False),
)
async def sweep(request: Request, _operator: Operator) -> Response:
    """Remove what is due of all tenants, as the job does every hour, or only count it. For operators."""
    given = Fields(await json_body(request))
    for name in given.values:
        if name != "dry_run":
            raise Invalid(f"Unknown parameter: '{name[:60]}'.", param=name[:60], kind="unknown_parameter")
    services = engine(request)
    found = await services.retention.sweep(services.clock.now(), dry=given.flag("dry_run", False))
    return Json(_swept(found), headers=_PRIVATE)


def _place(after: str | None) -> tuple[RunId, int] | None:
    if after is None:
        return None
    run, position = after.split(":")
    return RunId(run), int(position)


def _kept(kept: "Kept") -> dict[str, Any]:
    return {
        "class": kept.rule.kind,
        "days": kept.rule.days,
        "own": kept.rule.own,
        "oldest": kept.oldest.isoformat() if kept.oldest else None,
        "next_due": kept.next_due.isoformat() if kept.next_due else None,
    }


def _hold(hold: "Hold") -> dict[str, Any]:
    return {
        "object": "legal_hold",
        "id": hold.id,
        "run": hold.run,
        "reason": hold.reason,
        "by": hold.by,
        "at": hold.at.isoformat(),
        "released": hold.released.isoformat() if hold.released else None,
        "released_by": hold.released_by or None,
    }


def _removal(removal: "Removal") -> dict[str, Any]:
    return {"rule": removal.rule, "by": removal.by, "at": removal.at.isoformat()}


def _tombstone(one: "Tombstone") -> dict[str, Any]:
    return {
        "run": one.run,
        "position": one.position,
        "written": one.at.isoformat(),
        **_removal(one.removal),
        "sha256": {
            "request": one.request.hex(),
            "response": one.response.hex(),
            "body": one.body.hex(),
        },
    }


def _swept(swept: "Swept") -> dict[str, Any]:
    return {
        "object": "sweep",
        "dry_run": swept.dry,
        "removed": dict(swept.figures),
        "tenants": swept.tenants,
        "held": swept.held,
        "failed": swept.failed,
        "unfinished": swept.unfinished,
    }
