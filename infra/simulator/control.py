"""The control API under `/_control`: what to do wrong next, and what was seen."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from infra.simulator import faults, pool
from infra.simulator.calls import Calls
from infra.simulator.catalogue import PROVIDERS
from infra.simulator.exchange import Exchanges
from infra.simulator.faults import BadFault, Plan, Rule

_FIELDS = {"provider", "model", "match", "times", "fault"}


def add_routes(app: web.Application, plan: Plan, calls: Calls, exchanges: Exchanges) -> None:
    """Puts the control endpoints into the application."""

    async def add_rule(request: web.Request) -> web.Response:
        try:
            rule = put(plan, orjson.loads(await request.read()))
        except (BadFault, orjson.JSONDecodeError) as error:
            return _json({"error": str(error)}, 400)
        return _json({"id": rule.id, "plan": _shown(plan)})

    async def show_rules(request: web.Request) -> web.Response:
        return _json({"plan": _shown(plan), "kinds": faults.KINDS})

    async def clear_rules(request: web.Request) -> web.Response:
        plan.clear()
        return _json({"plan": []})

    async def show_calls(request: web.Request) -> web.Response:
        bodies = request.query.get("bodies") in {"1", "true"}
        provider = request.query.get("provider")
        rows = [call.shown(bodies=bodies) for call in calls.rows() if provider in {None, call.provider}]
        return _json({"calls": rows})

    async def clear_calls(request: web.Request) -> web.Response:
        calls.clear()
        return _json({"calls": []})

    async def clear_state(request: web.Request) -> web.Response:
        plan.clear()
        calls.clear()
        exchanges.clear()
        return _json({"cleared": True})

    app.router.add_route("POST", "/_control/plan", add_rule)
    app.router.add_route("GET", "/_control/plan", show_rules)
    app.router.add_route("DELETE", "/_control/plan", clear_rules)
    app.router.add_route("GET", "/_control/calls", show_calls)
    app.router.add_route("DELETE", "/_control/calls", clear_calls)
    app.router.add_route("DELETE", "/_control", clear_state)


def put(plan: Plan, wanted: Any) -> Rule:
    """Puts a rule given as JSON in force; raises `BadFault`."""
    if not isinstance(wanted, Mapping):
        raise BadFault("a plan is an object with provider, model, match, times and fault")
    unknown = sorted(set(wanted) - _FIELDS)
    if unknown:
        raise BadFault(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    provider = wanted.get("provider", "*")
    if provider not in {"*", *PROVIDERS}:
        raise BadFault(f"provider {provider!r} is none of *, {', '.join(PROVIDERS)}")
    times = wanted.get("times", 1)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool)):
        raise BadFault("times must be a whole number, or null for every call")
    for name in ("model", "match"):
        if wanted.get(name) is not None and not isinstance(wanted[name], str):
            raise BadFault(f"{name} must be a string")
    if "fault" not in wanted:
        raise BadFault("fault is missing")
    fault = faults.read(wanted["fault"])
    if fault.kind in pool.KINDS and provider not in {"*", "llama"}:
        raise BadFault(f"kind {fault.kind!r} is the Llama tier's: provider must be llama")
    return plan.add(
        fault,
        provider=provider,
        model=wanted.get("model"),
        match=wanted.get("match"),
        times=times,
    )


def _shown(plan: Plan) -> list[dict[str, Any]]:
    return [asdict(rule) for rule in plan.rules()]


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(value),
        headers={"content-type": "application/json", "x-simulated": "true"},
    )
