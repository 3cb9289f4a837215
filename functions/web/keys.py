"""API keys of the caller's tenant."""

from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import KEY, describe
from functions.web.policy import limits_json, limits_of
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body, principals
from shared.core.faults import BadRequest
from shared.core.ids import KeyId
from shared.core.tenant import NO_LIMITS, Limits, Scope
from shared.ports.keys import ApiKey
from shared.tenancy.keys import Keyring

router = APIRouter(tags=["keys"])
_SCOPES = ("member", "operator")


@router.post(
    "/v1/keys",
    **describe("NewKey", "The key, with its secret: shown this once", body="KeyRequest", status=201),
)
async def create(request: Request, caller: Caller) -> Response:
    """Make a key. `secret` is shown in this answer and never again."""
    given = await json_body(request)
    name = given.get("name")
    if not isinstance(name, str):
        raise BadRequest("'name' must be a text.", param="name")
    key, secret = await _ring(request).create(
        caller,
        name,
        expires=_expires(given.get("expires")),
        scopes=_scopes(given.get("scopes")),
        limits=_limits(given.get("limits")),
    )
    return Json(_json(key) | {"key": secret}, status_code=201, headers={"cache-control": "no-store"})


@router.get("/v1/keys", **describe("KeyList", "A page, newest first"))
async def listed(
    request: Request,
    caller: Caller,
    after: Annotated[str | None, Query(pattern=KEY, description="`next` of the page before.")] = None,
    cursor: Annotated[str | None, Query(pattern=KEY, description="The same as `after`.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
) -> Response:
    """The tenant's keys, newest first; never the keys themselves."""
    found = await _ring(request).listed(caller, after or cursor, limit + 1)
    return Json(
        {
            "data": [_json(key) for key in found[:limit]],
            "next": found[limit - 1].id if len(found) > limit else None,
        }
    )


@router.delete("/v1/keys/{id}", **describe(None, "The key is revoked", status=204))
async def revoke(request: Request, id: str, caller: Caller) -> Response:
    """End a key: at once in this process, within seconds in all others."""
    # A NUL would break Postgres; no key id has one, nor anything else that is not printable ASCII.
    key = KeyId(id if id.isascii() and id.isprintable() else "")
    await _ring(request).revoke(caller, key)
    principals(request).forget(key)
    return Response(status_code=204)


def _ring(request: Request) -> Keyring:
    services = engine(request)
    return Keyring(services.keys, services.clock, services.ids)


def _json(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "object": "key",
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "limits": limits_json(key.limits),
        "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }


def _expires(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(
            "'expires' must be a time as in RFC 3339: 2027-01-31T12:00:00Z.", param="expires"
        ) from None


def _limits(value: Any) -> Limits:
    if value is None:
        return NO_LIMITS
    if not isinstance(value, dict):
        raise BadRequest("'limits' must be an object.", param="limits")
    return limits_of(value, "limits")


def _scopes(value: Any) -> frozenset[Scope]:
    if value is None:
        return frozenset({"member"})
    if not isinstance(value, list) or not value or any(item not in _SCOPES for item in value):
        raise BadRequest(f"'scopes' must be a list out of: {', '.join(_SCOPES)}.", param="scopes")
    return frozenset(cast(list[Scope], value))
