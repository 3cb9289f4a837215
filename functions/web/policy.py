"""The tenant's policy: what it may spend, how fast it may go, and its rules."""

from dataclasses import asdict, fields
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body, principals
from shared.core.faults import BadRequest
from shared.core.rules_json import PARTS, as_json
from shared.core.tenant import Limits
from shared.ports.ledger import Balance
from shared.ports.rules import Edition
from shared.tenancy.policy import Policies, Policy

router = APIRouter(tags=["policy"])
_SPEND = ("run_micros", "day_micros", "month_micros")
_RATE = ("requests_per_minute", "tokens_per_minute")
_PARTS = ("spend", "rate", *PARTS)


@router.get("/v1/policy", **describe("Policy", "The policy in force, and what is spent, held and left"))
async def shown(request: Request, caller: Caller) -> Response:
    """The limits that bind the tenant, those of its own, what is spent, held and left now, and its rules."""
    return Json(_json(await _policies(request).of(caller)))


@router.put("/v1/policy", **describe("Policy", "The policy now in force", body="PolicyRequest"))
async def changed(request: Request, caller: Caller) -> Response:
    """Replace parts of the tenant's policy, each as a whole: what is left out of a part is its default, a part that is
    left out stays. A tenant may stay below the house's limits and make its rules stricter; an operator may go above and
    loosen them. At once in this process, within two seconds in all others."""
    given = await json_body(request)
    for name in given:
        if name not in _PARTS:
            raise BadRequest(f"'{name}' is no part of a policy; there are: {', '.join(_PARTS)}.", param=name)
    if not given:
        raise BadRequest(f"At least one part must be given: {', '.join(_PARTS)}.", param="spend")
    policies = _policies(request)
    limits = None
    if "spend" in given or "rate" in given:
        kept = limits_json((await policies.of(caller)).own)
        limits = limits_of(_part(given, "spend", _SPEND, kept) | _part(given, "rate", _RATE, kept), "")
    rules = {name: part for name, part in given.items() if name in PARTS}
    try:
        policy = await policies.change(caller, limits, rules)
    finally:
        # Where the second of two writes fails, the first one binds all the same.
        principals(request).forget_tenant(caller.tenant)
    return Json(_json(policy))


@router.get("/v1/policy/history", **describe("PolicyHistory", "A page of versions, newest first"))
async def history(
    request: Request,
    caller: Caller,
    after: Annotated[int | None, Query(ge=1, lt=2**53, description="`next` of the page before.")] = None,
    cursor: Annotated[int | None, Query(ge=1, lt=2**53, description="The same as `after`.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
) -> Response:
    """Every version that the tenant's rules have had, who put it in force and when. Limits are no part of a version."""
    found = await _policies(request).history(caller, after or cursor, limit + 1)
    return Json(
        {
            "data": [_edition(edition) for edition in found[:limit]],
            "next": str(found[limit - 1].rules.version) if len(found) > limit else None,
        }
    )


def limits_of(values: dict[str, Any], inside: str) -> Limits:
    """Limits out of a request: whole numbers or null. Raises BadRequest, naming the field within `inside`."""
    names = [field.name for field in fields(Limits)]
    for name, value in values.items():
        where = f"{inside}.{name}" if inside else name
        if name not in names:
            raise BadRequest(f"'{where}' is no limit; there are: {', '.join(names)}.", param=where)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise BadRequest(f"'{where}' must be a whole number or null.", param=where)
    return Limits(**values)


def limits_json(limits: Limits) -> dict[str, Any]:
    """Limits as the API gives them."""
    return asdict(limits)


def _part(given: dict[str, Any], name: str, known: tuple[str, ...], kept: dict[str, Any]) -> dict[str, Any]:
    """The limits of one part: those given, or those that stand where the part is left out."""
    if name not in given:
        return {field: kept[field] for field in known}
    part = given[name]
    if not isinstance(part, dict):
        raise BadRequest(f"'{name}' must be an object.", param=name)
    for field in part:
        if field not in known:
            raise BadRequest(f"'{name}.{field}' is no limit; there are: {', '.join(known)}.", param=name)
    return part


def _policies(request: Request) -> Policies:
    # Brings the price book along: a cold start need not wait for it.
    from shared.models.catalogue import REGIONS

    services = engine(request)
    return Policies(
        services.keys,
        services.ledger,
        services.clock,
        services.settings.limits,
        services.catalogue.models(),
        REGIONS,
    )


def _json(policy: Policy) -> dict[str, Any]:
    limits = limits_json(policy.limits)
    return {
        "object": "policy",
        "version": policy.rules.version,
        "spend": {name: limits[name] for name in _SPEND},
        "rate": {name: limits[name] for name in _RATE},
        **as_json(policy.rules),
        "own": limits_json(policy.own),
        "key": limits_json(policy.key),
        "now": [_balance(balance) for balance in policy.balances],
    }


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "object": "policy_version",
        "version": edition.rules.version,
        "at": edition.at.isoformat(),
        "by": edition.by,
        **as_json(edition.rules),
    }


def _balance(balance: Balance) -> dict[str, Any]:
    cap = balance.cap
    left = None if cap.micros is None else max(cap.micros - balance.spent - balance.held, 0)
    return {
        "scope": cap.scope,
        "period": cap.period,
        "cap_micros": cap.micros,
        "spent_micros": balance.spent,
        "held_micros": balance.held,
        "left_micros": left,
    }
