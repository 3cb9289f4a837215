"""What other services call us by. Bare Starlette, so that the small ingress serves it as well as the whole app."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.web.body import read
from shared.core.faults import NotYours

if TYPE_CHECKING:
    from shared.billing.intake import Intake

STRIPE = "/webhooks/stripe"
LIMIT = 512 * 1024
"""Bytes. Stripe's largest events are some ten thousand."""


async def stripe(request: Request) -> Response:
    """Keep an event of Stripe's and say so; a repeat is as welcome. Anything but a 2xx and Stripe sends it again."""
    intake: Intake | None = request.app.state.intake
    if intake is None:
        raise NotYours("Stripe's webhooks are not switched on here: STRIPE_WEBHOOK_SECRET is not set.")
    body = await read(request.scope, request.receive, LIMIT)
    new = await intake.take(body, request.headers.get("stripe-signature", ""))
    return JSONResponse({"received": True, "new": new})
