"""The kill switch: everything that costs money, or the tier of our own, stopped at once and let go on."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.operator import Operator
from functions.web.reply import Json
from functions.web.request import engine, json_body
from shared.core.faults import BadRequest, Conflict, NotYours, Unavailable
from shared.core.lines import LINES
from shared.core.model_spec import POOL
from shared.core.text import sound
from shared.ports.capacity import Bounds
from shared.ports.stops import SAID, SCOPES, Change, Scope, Stop

if TYPE_CHECKING:
    from shared.bootstrap import Services

router = APIRouter(tags=["operator"])
_POOL = "Llama"
"""What the pool is called where it is deployed (`gpu/app.py`)."""
_LEAST = 1
_LONGEST = 200
_HISTORY = 50


@router.get("/v1/operator/stop", **describe("StopList", "What is stopped, and what was done before"))
async def standing(request: Request, _operator: Operator) -> Response:
    """What is stopped, and who stopped and let go on what, and why, newest first."""
    stops = engine(request).stops
    found = await stops.standing()
    history = await stops.history(_HISTORY)
    return Json(
        {"data": [_row(found[scope]) for scope in sorted(found)], "history": [_line(c) for c in history]}
    )


@router.put("/v1/operator/stop", **describe("Stop", "It is stopped, in every process", body="StopRequest"))
async def stopped(request: Request, operator: Operator) -> Response:
    """`all`: every call that would cost money is a 503 until it is let go on; what is stored, read or replayed is
    served, and documents under way wait. `llama`: our own models are not asked, and their pool is bounded to its
    least where that can be done."""
    given = await json_body(request)
    scope, reason = _scope(given.get("scope")), given.get("reason")
    if not isinstance(reason, str) or not 0 < len(sound(reason, "reason").strip()) <= _LONGEST:
        raise BadRequest(
            f"'reason' must have 1 to {_LONGEST} characters: others will read it.", param="reason"
        )
    services = engine(request)
    reason = " ".join(reason.split())
    ceiling, was = None, (await services.stops.standing()).get(scope)
    if scope == "llama":
        ceiling = was.ceiling if was else await _ceiling(services)
    stop = Stop(scope, reason, operator.actor, services.clock.now(), ceiling)
    await services.stops.stop(stop)
    if scope == "llama":
        if ceiling is not None:  # what is not known could not be put back
            await _bound(services, Bounds(0, _LEAST, 0))
        with suppress(Unavailable):  # it is stopped without this; whoever looks at the models sees why
            await services.health.quarantine(await _ours(services, stopped=False), f"{SAID}{reason}")
    return Json(_row(stop))


@router.delete("/v1/operator/stop", **describe(None, "It goes on, in every process", status=204))
async def resumed(request: Request, operator: Operator, scope: str = "all") -> Response:
    """Let it go on; what was not stopped stays as it is."""
    services, chosen = engine(request), _scope(scope)
    was = (await services.stops.standing()).get(chosen)
    if chosen == "llama" and was is not None:
        # Before the switch: what fails on the way is asked for again, and the record still says how large the pool was.
        await services.health.quarantine(await _ours(services, stopped=True), None)
        if was.ceiling is not None:
            try:
                await services.capacity.bound(_POOL, Bounds(maximum=was.ceiling))
            except (NotYours, Conflict) as fault:
                LINES.warning("pool not let grow", most=was.ceiling, fault=fault.code, message=fault.message)
    await services.stops.resume(chosen, operator.actor, services.clock.now())
    return Response(status_code=204)


def _scope(value: Any) -> Scope:
    if value not in SCOPES:
        raise BadRequest(f"'scope' must be one of: {', '.join(SCOPES)}.", param="scope")
    return cast(Scope, value)


async def _ours(services: "Services", *, stopped: bool) -> list[str]:
    """Our own models: those that are out because they were stopped, or those that are not out for a reason of their
    own, which a stop must neither replace nor end. Raises Unavailable."""
    table = await services.health.table()
    names = [spec.name for spec in services.catalogue.models() if spec.provider == POOL]
    out = {name: row.why for name, row in table.items() if row.state == "quarantined"}
    return [name for name in names if out.get(name, "" if stopped else SAID).startswith(SAID)]


async def _ceiling(services: "Services") -> int | None:
    """The most containers that the pool may have; None where there is no pool, or nobody can say."""
    try:
        rooms = await services.capacity.rooms()
    except (Conflict, Unavailable):
        return None
    return next((room.maximum for room in rooms if room.name == _POOL), None)


async def _bound(services: "Services", bounds: Bounds) -> None:
    """What is stopped is not asked, so a pool that can't be bounded costs what it takes to fall idle."""
    try:
        await services.capacity.bound(_POOL, bounds)
    except (NotYours, Conflict, Unavailable) as fault:
        LINES.warning("pool not bounded", fault=fault.code, message=fault.message)


def _row(stop: Stop) -> dict[str, Any]:
    return {
        "object": "stop",
        "scope": stop.scope,
        "reason": stop.reason,
        "by": stop.by,
        "at": stop.at.isoformat(),
    }


def _line(change: Change) -> dict[str, Any]:
    return {
        "scope": change.scope,
        "stopped": bool(change.reason),
        "reason": change.reason,
        "by": change.by,
        "at": change.at.isoformat(),
    }
