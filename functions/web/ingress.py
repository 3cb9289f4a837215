"""The ingress of webhooks, as small as it can be: bare Starlette, so that its cold start is a fraction of the web's."""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from shared.config import Settings


def create_ingress(_settings: "Settings") -> Starlette:
    """The app. Its routes come from `functions/web/webhooks.py`, once there are webhooks: here is where they join."""
    return Starlette(routes=[Route("/healthz", _healthz)])


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})
