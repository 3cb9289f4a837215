"""What every route needs of a request: the engine, the caller, the body."""

from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends
from starlette.requests import Request

from functions.web import body
from functions.web.limits import admit
from functions.web.principal import Principals
from shared.core.tenant import Principal

if TYPE_CHECKING:
    from shared.bootstrap import Services


def engine(request: Request) -> "Services":
    """The engine that this app serves."""
    return cast("Services", request.app.state.services)


def principals(request: Request) -> Principals:
    """The app's own verifier of credentials."""
    return cast(Principals, request.app.state.principals)


async def _caller(request: Request) -> Principal:
    principal = await principals(request).of(request.scope)
    services = engine(request)
    await admit(request.scope, principal, services.ledger, services.settings.limits)
    return principal


Caller = Annotated[Principal, Depends(_caller)]
"""The verified caller, whose request is charged: a route that takes one answers 401 without, and 429 over a limit."""


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; empty where it has no body."""
    return body.parse(await body.read(request.scope, request.receive))
