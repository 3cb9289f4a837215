"""Containers: how many there are and may be; for operators."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.operator import Operator
from functions.web.reply import Json
from functions.web.request import engine, json_body
from shared.core.faults import BadRequest
from shared.ports.capacity import Bounds, Room

router = APIRouter(tags=["operator"])
_BOUNDS = ("minimum", "maximum", "buffer")


@router.get("/v1/operator/capacity", **describe("CapacityList", "Every part of the deployment"))
async def listed(request: Request, _operator: Operator) -> Response:
    """How many containers each part has, and may have."""
    rooms = await engine(request).capacity.rooms()
    return Json({"data": [_row(room) for room in rooms], "next": None})


@router.put(
    "/v1/operator/capacity/{name}",
    **describe("Capacity", "The part as it is now", body="CapacityBounds"),
)
async def bounded(request: Request, name: str, _operator: Operator) -> Response:
    """Bound a part's containers at once. The next deployment puts back what it declares."""
    bounds = _bounds(await json_body(request))
    return Json(_row(await engine(request).capacity.bound(name, bounds)))


def _bounds(given: Mapping[str, Any]) -> Bounds:
    unknown = sorted(set(given) - set(_BOUNDS))
    if unknown or not given:
        raise BadRequest("Name at least one of 'minimum', 'maximum' and 'buffer', and nothing else.")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequest(f"'{name}' must be a whole number of containers.", param=name)
    return Bounds(**given)


def _row(room: Room) -> dict[str, Any]:
    return {
        "object": "capacity",
        "name": room.name,
        "containers": room.containers,
        "minimum": room.minimum,
        "maximum": room.maximum,
        "buffer": room.buffer,
        "fixed": room.fixed,
    }
