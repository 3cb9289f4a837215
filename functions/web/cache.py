"""The prompt cache: its figures, forgetting what it holds, and letting near hits be served again."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.errors import Invalid
from functions.web.fields import Fields
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body

if TYPE_CHECKING:
    from shared.ports.answers import Tally

router = APIRouter(tags=["cache"])
_FITS = ("model", "template", "tag")
_LONGEST = 200
_PRIVATE = {"cache-control": "no-store"}


@router.get("/v1/cache", **describe("Cache", "What is stored, what was served of it, and what that saved"))
async def shown(request: Request, caller: Caller) -> Response:
    """The tenant's prompt cache in figures. Counts are those of all time; they come in some seconds late."""
    return Json(_json(await engine(request).recalled.answers.tally(caller.tenant)), headers=_PRIVATE)


@router.post(
    "/v1/cache/purge", **describe("CachePurge", "How many answers were forgotten", body="CachePurgeRequest")
)
async def purged(request: Request, caller: Caller) -> Response:
    """Forget the answers of a model, a template or a tag; each that is given must fit, and an empty object forgets all.
    None of them is served by any process once this is answered, nor stored by a request that is under way."""
    given = Fields(await json_body(request))
    if not given.values and request.headers.get("content-length", "0") == "0":
        raise Invalid("Say what is to be forgotten: {} is everything.", param="model")
    for name in given.values:
        if name not in _FITS:
            raise Invalid(f"Unknown parameter: '{name[:60]}'.", param=name[:60], kind="unknown_parameter")
    fits = {name: _name(given, name) for name in _FITS if given.values.get(name) is not None}
    gone = await engine(request).recalled.answers.purge(caller.tenant, **fits)
    return Json({"object": "cache_purge", "purged": gone}, headers=_PRIVATE)


@router.post("/v1/cache/near/reopen", **describe("Cache", "The figures, with those of the checks at nought"))
async def reopened(request: Request, caller: Caller) -> Response:
    """Let near hits be served again after too many of them were wrong: the counts of the checks begin anew."""
    services = engine(request)
    await services.recalled.lookup.record.reopen(caller.tenant, services.clock.now())
    return Json(_json(await services.recalled.answers.tally(caller.tenant)), headers=_PRIVATE)


def _name(given: Fields, name: str) -> str:
    found = given.text(name)
    if not 0 < len(found) <= _LONGEST or "\0" in found:
        # Empty would fit everything, which is rarely what was meant.
        raise Invalid(f"'{name}' must be a text of 1 to {_LONGEST} characters.", param=name)
    return found


def _json(tally: "Tally") -> dict[str, Any]:
    asked = tally.hits + tally.near + tally.joined + tally.misses
    return {
        "object": "cache",
        "entries": tally.entries,
        "bytes": tally.bytes,
        "hits": tally.hits,
        "near_hits": tally.near,
        "joined": tally.joined,
        "misses": tally.misses,
        "hit_rate": round((asked - tally.misses) / asked, 4) if asked else None,
        "saved_micros": tally.saved,
        "near": {"open": not tally.near_off, "checked": tally.checked, "wrong": tally.wrong},
    }
