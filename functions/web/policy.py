"""The tenant's policy: what it may spend and how fast it may go."""

from dataclasses import asdict, fields
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body, principals
from shared.core.faults import BadRequest
from shared.core.tenant import Limits
from shared.ports.ledger import Balance
from shared.tenancy.policy import Policies, Policy

router = APIRouter(tags=["policy"])
_SPEND = ("run_micros", "day_micros", "month_micros")
_RATE = ("requests_per_minute", "tokens_per_minute")


@router.get("/v1/policy", **describe("Policy", "The limits in force, and what is spent, held and left"))
async def shown(request: Request, caller: Caller) -> Response:
    """The limits that bind the tenant, those of its own, and what is spent, held and left now."""
    return Json(_json(await _policies(request).of(caller)))


@router.put("/v1/policy", **describe("Policy", "The limits now in force", body="PolicyRequest"))
async def changed(request: Request, caller: Caller) -> Response:
    """Replace the tenant's own limits on spending, on rates or both: within a part, what is left out or null is the
    house's default. A tenant may stay below the house's limits, an operator may go above. At once in this process,
    within two seconds in all others."""
    given = await json_body(request)
    if "spend" not in given and "rate" not in given:
        raise BadRequest("'spend' or 'rate' must be given.", param="spend")
    policies = _policies(request)
    kept = limits_json((await policies.of(caller)).own)
    limits = limits_of(_part(given, "spend", _SPEND, kept) | _part(given, "rate", _RATE, kept), "")
    policy = await policies.change(caller, limits)
    principals(request).forget_tenant(caller.tenant)
    return Json(_json(policy))


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
    services = engine(request)
    return Policies(services.keys, services.ledger, services.settings.limits)


def _json(policy: Policy) -> dict[str, Any]:
    limits = limits_json(policy.limits)
    return {
        "object": "policy",
        "spend": {name: limits[name] for name in _SPEND},
        "rate": {name: limits[name] for name in _RATE},
        "own": limits_json(policy.own),
        "key": limits_json(policy.key),
        "now": [_balance(balance) for balance in policy.balances],
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
